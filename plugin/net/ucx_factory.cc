// The one place where the plugin and its UCX lanes are put together.
#include <utility>

#include "plugin/net/runtime.h"
#include "plugin/ucx/ucx_api.h"
#include "plugin/ucx/ucx_backend.h"

namespace ithaca::net {

StatusOr<std::unique_ptr<LaneBackend>> MakeUcxBackend(
    const std::vector<Rail>& rails, LogSink* log) {
  // Looked for again by every communicator until it is found: cheap, and rare.
  StatusOr<UcxApi> api = LoadUcx();
  if (!api.ok()) return api.status();
  return UcxBackend::Create(*api, rails, *log);
}

}  // namespace ithaca::net
