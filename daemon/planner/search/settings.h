// The settings besides the mesh: ZeRO, recompute, offloads, tiles.
//
// Used by the search and by the nearest legal choice. Pure; safe from any
// thread.
#ifndef ITHACA_DAEMON_PLANNER_SEARCH_SETTINGS_H_
#define ITHACA_DAEMON_PLANNER_SEARCH_SETTINGS_H_

#include <vector>

#include "daemon/planner/request.h"
#include "daemon/planner/search/legal.h"

namespace ithaca::planner {

// `mesh` with the settings that the constraints give and the defaults for the
// rest.
Choice GivenSettings(const Request& request, const Strategy& mesh);

// The orders and expert degrees that are open for `mesh`; the other settings
// are as in GivenSettings.
std::vector<Choice> OpenShapes(const Request& request, const Strategy& mesh);

// Ladders of what saves memory: one for each recompute policy that is open;
// within one, each rung saves more memory and costs more time than the one
// before: ZeRO 1 and 2, tiled loss, tiled MLP, ZeRO 3, then the host. What the
// constraints give stays. Rungs that are not legal are left out; a ladder may
// be empty.
std::vector<std::vector<Choice>> Ladders(const Request& request,
                                         const Choice& shape);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEARCH_SETTINGS_H_
