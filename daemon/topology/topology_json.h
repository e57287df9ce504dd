// Reads a topology as proto3 JSON.
//
// Used by the command line and the daemon. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_TOPOLOGY_JSON_H_
#define ITHACA_DAEMON_TOPOLOGY_TOPOLOGY_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

inline constexpr size_t kMaxJsonBytes = size_t{128} << 20;

// The message, or the `topology` of an answer of GetTopology. What it says of
// where facts come from stays; without it, `path` is the source. The topology
// passes CheckTopology. Errors: INVALID_ARGUMENT beginning with `path`.
absl::StatusOr<v1::Topology> ReadTopologyJson(absl::string_view text,
                                              const std::string& path);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_TOPOLOGY_JSON_H_
