// Where single facts come from.
//
// Used by discovery, the merge and what prints topologies. Pure; safe from any
// thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_ORIGINS_H_
#define ITHACA_DAEMON_TOPOLOGY_ORIGINS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

using Origins = google::protobuf::RepeatedPtrField<v1::Origin>;

// The entry that holds for `field`, by the rule of v1::Origin; `outer` when
// there is none, which is the origin of the message around.
const v1::Origin* OriginOfField(const Origins& origins, absl::string_view field,
                                const v1::Origin* outer);

// Makes `field` come from there, whatever was said of it before.
void SetOrigin(absl::string_view field, uint32_t source,
               absl::string_view location, Origins& origins);

// "cluster.yaml, line 12"; "unknown" for null.
std::string OriginText(const v1::Topology& topology, const v1::Origin* origin);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_ORIGINS_H_
