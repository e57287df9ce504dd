#include "daemon/planner/field_error.h"

#include "absl/strings/str_cat.h"

namespace ithaca::planner {

absl::Status FieldError(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", problem));
}

std::string FieldOf(const absl::Status& status) {
  if (!absl::IsInvalidArgument(status)) return "";
  const absl::string_view message = status.message();
  const size_t end = message.find(": ");
  if (end == absl::string_view::npos) return "";
  const std::string field(message.substr(0, end));
  return field.find(' ') == std::string::npos ? field : "";
}

absl::Status CheckRange(absl::string_view field, uint64_t value, uint64_t low,
                        uint64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return FieldError(field, absl::StrCat("is ", value, "; must be between ", low,
                                        " and ", high));
}

}  // namespace ithaca::planner
