// INVALID_ARGUMENT that names the field at fault.
//
// Used by every file of the planner that looks at a request. Pure; safe from
// any thread.
#ifndef ITHACA_DAEMON_PLANNER_FIELD_ERROR_H_
#define ITHACA_DAEMON_PLANNER_FIELD_ERROR_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace ithaca::planner {

// "<field>: <problem>". `problem` says what is wrong and the remedy.
absl::Status FieldError(absl::string_view field, absl::string_view problem);

// The field that an INVALID_ARGUMENT of this form names; "" for any other
// status.
std::string FieldOf(const absl::Status& status);

// OK when low <= value <= high, else a FieldError with the value and both
// bounds.
absl::Status CheckRange(absl::string_view field, uint64_t value, uint64_t low,
                        uint64_t high);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_FIELD_ERROR_H_
