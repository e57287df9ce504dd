// Bounds on what is read of Kubernetes' nodes.
//
// Used by the files of the reader. Constants.
#ifndef ITHACA_DAEMON_TOPOLOGY_KUBERNETES_LIMITS_H_
#define ITHACA_DAEMON_TOPOLOGY_KUBERNETES_LIMITS_H_

#include <cstddef>

namespace ithaca::topology {

inline constexpr size_t kMaxKubernetesBytes = size_t{256} << 20;
inline constexpr int kMaxKubernetesDepth = 32;

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_KUBERNETES_LIMITS_H_
