// What happens to groups, as counts and as lines of the log: each decision
// once, when it is durable.
//
// Used by the composition root as GroupsService's observer. Threads: the
// engine's.
#ifndef ITHACA_DAEMON_SERVER_GROUP_OBSERVER_H_
#define ITHACA_DAEMON_SERVER_GROUP_OBSERVER_H_

#include <cstdint>
#include <map>
#include <string>

#include "daemon/groups/types.h"
#include "daemon/metrics/metrics.h"
#include "daemon/server/log.h"

namespace ithaca::server {

class GroupObserver {
 public:
  // Both must outlive the observer.
  GroupObserver(metrics::Metrics* metrics, Log* log)
      : metrics_(metrics), log_(log) {}

  void Told(const groups::Effects& effects);

 private:
  void Count(const std::string& group_id, const groups::Event& event);

  metrics::Metrics* const metrics_;
  Log* const log_;
  // Of each group that is heard of, until it is gone.
  std::map<std::string, uint64_t> last_epoch_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_GROUP_OBSERVER_H_
