// The parts of Kubernetes' nodes that say what and where they are, as JSON.
//
// Used by kubernetes alone. Pure; safe from any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_KUBERNETES_JSON_H_
#define ITHACA_DAEMON_TOPOLOGY_KUBERNETES_JSON_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace ithaca::topology {

// The nodes of a list, or the one node that the text is: objects with name and
// labels below metadata and capacity below status. All else (images and
// annotations are most of such a file) is never built. Errors: INVALID_ARGUMENT
// when the text is too long, too deep, no JSON, or neither a list nor a node.
absl::StatusOr<std::vector<nlohmann::json>> ParseKubernetesNodes(
    absl::string_view text, const std::string& path);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_KUBERNETES_JSON_H_
