#include "daemon/groups/rpc_status.h"

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "ithaca/groups/v1/errors.pb.h"

namespace ithaca::groups {
namespace {

constexpr char kTypeUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kRetryUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr char kDomain[] = "ithaca.dev";
constexpr char kNextStep[] = "next_step";
// Statuses travel in metadata, which is bounded; text from outside may be in
// them.
constexpr size_t kMaxSentence = 1000;

// Cut at a character's border.
std::string Cut(std::string text) {
  if (text.size() <= kMaxSentence) return text;
  size_t end = kMaxSentence;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  return text.substr(0, end) + " ...";
}

// For clients that know the richer error model and nothing of our facts.
void AddRetryInfo(const Refusal& refusal, v1::RichStatus* rich) {
  const auto fact = refusal.facts.find(kRetryAfterMs);
  int64_t ms = 0;
  if (fact == refusal.facts.end() || !absl::SimpleAtoi(fact->second, &ms))
    return;
  v1::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(ms / 1000);
  retry.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(ms % 1000 * 1'000'000));
  auto* detail = rich->add_details();
  detail->set_type_url(kRetryUrl);
  detail->set_value(retry.SerializeAsString());
}

}  // namespace

grpc::Status ToRpcStatus(const Refusal& whole) {
  Refusal refusal = whole;
  refusal.sentence = Cut(std::move(refusal.sentence));
  // absl's codes and gRPC's are the same numbers.
  const auto code = static_cast<grpc::StatusCode>(refusal.code);
  v1::ErrorInfo info;
  info.set_reason(refusal.reason);
  info.set_domain(kDomain);
  for (const auto& [key, value] : refusal.facts)
    (*info.mutable_metadata())[key] = value;
  (*info.mutable_metadata())[kNextStep] = refusal.next_step;
  v1::RichStatus rich;
  rich.set_code(code);
  rich.set_message(refusal.Message());
  auto* detail = rich.add_details();
  detail->set_type_url(kTypeUrl);
  detail->set_value(info.SerializeAsString());
  AddRetryInfo(refusal, &rich);
  return grpc::Status(code, refusal.Message(), rich.SerializeAsString());
}

Refusal FromRpcStatus(const grpc::Status& status) {
  Refusal refusal;
  refusal.code = static_cast<absl::StatusCode>(status.error_code());
  refusal.sentence = status.error_message();
  refusal.reason = absl::StatusCodeToString(refusal.code);
  v1::RichStatus rich;
  v1::ErrorInfo info;
  const std::string details = status.error_details();
  if (details.empty() || !rich.ParseFromString(details) ||
      rich.details_size() == 0 || rich.details(0).type_url() != kTypeUrl ||
      !info.ParseFromString(rich.details(0).value()) ||
      info.domain() != kDomain) {
    return refusal;
  }
  refusal.reason = info.reason();
  for (const auto& [key, value] : info.metadata()) {
    if (key == kNextStep) {
      refusal.next_step = value;
    } else {
      refusal.facts[key] = value;
    }
  }
  // The message is "REASON: sentence; next step".
  const std::string head = refusal.reason + ": ";
  const std::string tail =
      refusal.next_step.empty() ? "" : "; " + refusal.next_step;
  std::string& text = refusal.sentence;
  if (text.rfind(head, 0) == 0) text.erase(0, head.size());
  if (text.size() >= tail.size() &&
      text.compare(text.size() - tail.size(), tail.size(), tail) == 0) {
    text.erase(text.size() - tail.size());
  }
  return refusal;
}

Refusal ToRefusal(const absl::Status& status, const std::string& reason,
                  const std::string& next_step) {
  return Refusal{
      status.code(), reason, std::string(status.message()), next_step, {}};
}

}  // namespace ithaca::groups
