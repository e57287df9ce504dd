#include "daemon/groups/request_checks.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace ithaca::groups {
namespace {

constexpr size_t kMaxNameBytes = 128;
constexpr size_t kMaxHostBytes = 255;
constexpr size_t kMaxEndpointBytes = 1024;

}  // namespace

std::optional<Refusal> CheckGroupId(const std::string& group_id) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  if (!group_id.empty() && group_id.size() <= kMaxNameBytes &&
      std::all_of(group_id.begin(), group_id.end(), good)) {
    return std::nullopt;
  }
  return InvalidRequest("group_id: is empty, too long or has other characters",
                        "use 1 to 128 of A-Z a-z 0-9 . _ -");
}

std::optional<Refusal> CheckName(const std::string& field,
                                 const std::string& name) {
  const auto good = [](char c) { return c > ' ' && c < 0x7f; };
  if (!name.empty() && name.size() <= kMaxNameBytes &&
      std::all_of(name.begin(), name.end(), good)) {
    return std::nullopt;
  }
  return InvalidRequest(
      field + ": is empty, too long or has other characters",
      "use 1 to 128 printable ASCII characters without space");
}

std::optional<Refusal> CheckBytes(const std::string& field,
                                  const std::string& value, size_t least,
                                  size_t most) {
  if (value.size() >= least && value.size() <= most) return std::nullopt;
  return InvalidRequest(absl::StrCat(field, ": has ", value.size(), " bytes"),
                        absl::StrCat("give ", least, " to ", most));
}

std::optional<Refusal> CheckWait(Millis wait_ms, const Limits& limits) {
  if (wait_ms >= 0 && wait_ms <= limits.max_wait_ms) return std::nullopt;
  return InvalidRequest("wait: is negative or above 24 hours",
                        "give one between");
}

std::optional<Refusal> CheckCreate(const CreateCommand& command,
                                   const Limits& limits) {
  if (auto refusal = CheckGroupId(command.group_id)) return refusal;
  if (command.size == 0 || command.size > limits.max_group_size) {
    return Refusal{absl::StatusCode::kResourceExhausted,
                   "LIMIT_EXCEEDED",
                   absl::StrCat("the plan has ", command.size, " ranks; 1 to ",
                                limits.max_group_size, " are possible"),
                   "make the group from a smaller plan",
                   {}};
  }
  if (command.min_size <= command.size) return std::nullopt;
  return InvalidRequest(
      absl::StrCat("min_size: ", command.min_size, " is above the plan's ",
                   command.size, " ranks"),
      "give at most that");
}

std::optional<Refusal> CheckJoin(const JoinCommand& command,
                                 const Limits& limits) {
  if (auto refusal = CheckGroupId(command.group_id)) return refusal;
  if (auto refusal = CheckName("member_id", command.member_id)) return refusal;
  if (auto refusal = CheckBytes("host", command.host, 0, kMaxHostBytes))
    return refusal;
  if (auto refusal =
          CheckBytes("endpoint", command.endpoint, 0, kMaxEndpointBytes)) {
    return refusal;
  }
  if (command.formation_timeout_ms < 0 ||
      command.formation_timeout_ms > limits.max_wait_ms) {
    return InvalidRequest("formation_timeout: is negative or above 24 hours",
                          "give one between, or none for 10 minutes");
  }
  return std::nullopt;
}

}  // namespace ithaca::groups
