#include "daemon/cli/plan_input.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"

namespace ithaca::cli {

absl::Status ParsePlan(const std::string& path, const std::string& json,
                       planner::v1::Plan* plan, const std::string& remedy) {
  planner::v1::PlanResponse response;
  if (google::protobuf::util::JsonStringToMessage(json, &response).ok() &&
      response.plans_size() > 0) {
    *plan = response.plans(0);
    return absl::OkStatus();
  }
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, plan);
  if (parsed.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": is not a plan in JSON: ", std::string(parsed.message()), "; ",
      remedy));
}

}  // namespace ithaca::cli
