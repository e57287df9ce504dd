#include "daemon/server/group_census.h"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "daemon/metrics/metrics.h"

namespace ithaca::server {

using Census = groups::GroupsService::Census;

std::optional<Census> TakeCensus(groups::GroupsService* groups,
                                 int64_t timeout_ms) {
  // Shared with an answer that may come when nobody waits for it any more.
  struct Answer {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Census> census;
  };
  const auto answer = std::make_shared<Answer>();
  groups->Count([answer](const Census& census) {
    std::lock_guard<std::mutex> lock(answer->mutex);
    answer->census = census;
    answer->done.notify_one();
  });
  std::unique_lock<std::mutex> lock(answer->mutex);
  answer->done.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                        [&answer] { return answer->census.has_value(); });
  return answer->census;
}

std::vector<prometheus::MetricFamily> GroupFigures(
    const std::optional<Census>& census) {
  if (!census.has_value()) return {};
  const auto value = [](size_t count) { return static_cast<double>(count); };
  return {
      metrics::GaugeOf("ithaca_groups", "Groups.",
                       {{{{"state", "forming"}}, value(census->forming)},
                        {{{"state", "complete"}}, value(census->complete)}}),
      metrics::GaugeOf("ithaca_group_members", "Slots that are held.",
                       {{{}, value(census->members)}})};
}

}  // namespace ithaca::server
