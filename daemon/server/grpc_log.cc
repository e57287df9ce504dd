#include "daemon/server/grpc_log.h"

#include <grpc/support/log.h>

#include <atomic>
#include <chrono>
#include <string>

namespace ithaca::server {
namespace {

// gRPC's hook is a plain function, so this cannot be a member of anything.
std::atomic<Log*> grpc_log{nullptr};

constexpr size_t kShownBytes = 300;

void Hook(gpr_log_func_args* args) {
  Log* log = grpc_log.load();
  if (log == nullptr || args->severity != GPR_LOG_SEVERITY_ERROR) return;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  log->WarnLimited(
      "gRPC: " + std::string(args->message).substr(0, kShownBytes),
      std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

void RouteGrpcLog(Log* log) {
  grpc_log = log;
  gpr_set_log_function(Hook);
}

}  // namespace ithaca::server
