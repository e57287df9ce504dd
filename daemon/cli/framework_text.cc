#include "daemon/cli/framework_text.h"

#include "absl/strings/str_cat.h"
#include "daemon/cli/plan_answer.h"
#include "daemon/planner/adapters/adapter.h"
#include "daemon/planner/adapters/validate_config.h"
#include "daemon/planner/model_shape.h"

namespace ithaca::cli {

absl::StatusOr<FrameworkText> SayFor(const std::string& framework,
                                     const planner::v1::Plan& plan) {
  const planner::FrameworkLimits* known = planner::FindFramework(framework);
  if (known == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--framework ", framework, ": use one of ", planner::FrameworkNames()));
  }
  const planner::Adapter* adapter = planner::FindAdapter(framework);
  if (adapter == nullptr) {
    return FrameworkText{
        true, absl::StrCat("# ", known->title,
                           " can run it; its configuration is not written\n")};
  }
  const planner::ModelDims model = planner::DimsOf(plan.model());
  planner::JobConfig config = planner::NewJobConfig(
      adapter->framework, planner::StrategyOf(plan), planner::WorkOf(plan));
  const planner::Worded worded = planner::WordJobConfig(config, &model);
  FrameworkText answer;
  answer.can_run = worded.refusals.empty();
  if (!answer.can_run) {
    answer.text = absl::StrCat(adapter->title(), " cannot run this plan:\n");
    for (const planner::Refusal& refusal : worded.refusals) {
      absl::StrAppend(
          &answer.text, refusal.code, "\n",
          WrapText(refusal.reason, "    ", kNarrow),
          WrapText(absl::StrCat("-> ", refusal.remedy), "    ", kNarrow));
    }
    return answer;
  }
  const planner::Wording& wording = worded.wording;
  answer.text = absl::StrCat("# ", adapter->title(), ": ", adapter->format,
                             "\n", wording.config);
  if (!wording.script.empty()) {
    absl::StrAppend(&answer.text, "\n# in the training script\n");
    for (const std::string& line : wording.script)
      absl::StrAppend(&answer.text, line, "\n");
  }
  absl::StrAppend(&answer.text, "\n# the mesh in its order\n",
                  wording.device_mesh, "\n");
  for (const std::string& part : wording.not_in_config)
    absl::StrAppend(&answer.text, "# not in the configuration: ", part, "\n");
  return answer;
}

}  // namespace ithaca::cli
