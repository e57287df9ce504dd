// How many groups the coordinator has, asked of its own thread; and by the way
// whether that thread answers.
//
// Used by the composition root: a source of metrics, and the watchdog. Threads:
// any but the engine's; blocks.
#ifndef ITHACA_DAEMON_SERVER_GROUP_CENSUS_H_
#define ITHACA_DAEMON_SERVER_GROUP_CENSUS_H_

#include <prometheus/metric_family.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/groups/groups_service.h"

namespace ithaca::server {

// Nothing: no answer within `timeout_ms`.
std::optional<groups::GroupsService::Census> TakeCensus(
    groups::GroupsService* groups, int64_t timeout_ms);

// ithaca_groups and ithaca_group_members; none without a census.
std::vector<prometheus::MetricFamily> GroupFigures(
    const std::optional<groups::GroupsService::Census>& census);

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_GROUP_CENSUS_H_
