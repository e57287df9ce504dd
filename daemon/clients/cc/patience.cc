#include "daemon/clients/cc/patience.h"

#include <random>
#include <thread>

#include "absl/strings/numbers.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::client {

using std::chrono::milliseconds;

std::optional<milliseconds> RetryAfter(const grpc::Status& status) {
  if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED)
    return std::nullopt;
  const groups::Refusal refusal = groups::FromRpcStatus(status);
  const auto fact = refusal.facts.find(groups::kRetryAfterMs);
  uint32_t ms = 0;
  if (fact == refusal.facts.end() || !absl::SimpleAtoi(fact->second, &ms))
    return std::nullopt;
  return milliseconds(ms);
}

grpc::Status CallPatiently(
    std::chrono::system_clock::time_point deadline,
    const std::function<grpc::Status(grpc::ClientContext*)>& call) {
  // A thousand processes that were told the same delay must not come back
  // together.
  static thread_local std::minstd_rand random{std::random_device{}()};
  for (;;) {
    grpc::ClientContext context;
    context.set_deadline(deadline);
    grpc::Status status = call(&context);
    const auto wait = RetryAfter(status);
    if (!wait.has_value()) return status;
    const milliseconds jittered =
        *wait + milliseconds(1 + random() % (1 + wait->count() / 2));
    if (std::chrono::system_clock::now() + jittered >= deadline) return status;
    std::this_thread::sleep_for(jittered);
  }
}

}  // namespace ithaca::client
