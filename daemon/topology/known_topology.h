// The topology that a daemon knows: found out at its start, and again when
// asked to.
//
// Used by the service. Guarded: every method from any thread; a refresh looks
// at the machine without holding up those who read. Life: until destroyed; what
// Get returned stays valid after.
#ifndef ITHACA_DAEMON_TOPOLOGY_KNOWN_TOPOLOGY_H_
#define ITHACA_DAEMON_TOPOLOGY_KNOWN_TOPOLOGY_H_

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/topology/machine.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

class KnownTopology {
 public:
  struct Options {
    // Files in any known format, the one that is believed most first. All win
    // over what the machine says, because a person wrote them.
    std::vector<std::string> files;
    // Looks at the machine; empty: DiscoverMachine({}).
    std::function<absl::StatusOr<Machine>()> machine;
  };

  // Errors: INVALID_ARGUMENT when a file cannot be read or merged. A machine
  // that cannot be looked at is a note.
  static absl::StatusOr<std::unique_ptr<KnownTopology>> Start(Options options);

  // Shared, because a refresh may replace it while it is read. Immutable.
  std::shared_ptr<const v1::GetTopologyResponse> Get() const;

  // Finds out again. The revision rises when the facts are others. On an error,
  // those of Start, what was known stays.
  absl::Status Refresh();

 private:
  explicit KnownTopology(Options options);

  const Options options_;
  std::mutex refresh_mutex_;  // one refresh at a time
  mutable std::mutex mutex_;
  std::shared_ptr<const v1::GetTopologyResponse> known_;  // under mutex_
};

// The text of a file of at most kMaxTopologyFileBytes. INVALID_ARGUMENT with
// the path.
inline constexpr size_t kMaxTopologyFileBytes = size_t{256} << 20;
absl::StatusOr<std::string> ReadTopologyFile(const std::string& path);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_KNOWN_TOPOLOGY_H_
