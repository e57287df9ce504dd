#include "daemon/groups/refusal.h"

namespace ithaca::groups {

std::string Refusal::Message() const {
  std::string text = reason + ": " + sentence;
  if (!next_step.empty()) text += "; " + next_step;
  return text;
}

Refusal InvalidRequest(std::string sentence, std::string next_step) {
  return Refusal{absl::StatusCode::kInvalidArgument,
                 "INVALID_REQUEST",
                 std::move(sentence),
                 std::move(next_step),
                 {}};
}

}  // namespace ithaca::groups
