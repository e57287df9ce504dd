#include "daemon/clients/cc/rpc_error.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/types/optional.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::client {
namespace {

constexpr char kReason[] = "ithaca.dev/reason";
constexpr char kEpoch[] = "ithaca.dev/current_epoch";

}  // namespace

absl::Status FromRpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  if (status.error_details().empty()) return result;
  const groups::Refusal refusal = groups::FromRpcStatus(status);
  result.SetPayload(kReason, absl::Cord(refusal.reason));
  const auto epoch = refusal.facts.find("current_epoch");
  if (epoch != refusal.facts.end())
    result.SetPayload(kEpoch, absl::Cord(epoch->second));
  return result;
}

std::string ReasonOf(const absl::Status& status) {
  const auto reason = status.GetPayload(kReason);
  return reason.has_value() ? std::string(*reason) : "";
}

uint64_t CurrentEpochOf(const absl::Status& status) {
  const auto epoch = status.GetPayload(kEpoch);
  uint64_t number = 0;
  if (!epoch.has_value() || !absl::SimpleAtoi(std::string(*epoch), &number))
    return 0;
  return number;
}

}  // namespace ithaca::client
