#include "daemon/planner/explain.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/mesh.h"
#include "daemon/planner/planner.h"
#include "daemon/planner/search/describe.h"
#include "daemon/planner/search/framework_rules.h"
#include "daemon/planner/strategy_message.h"

namespace ithaca::planner {
namespace {

constexpr double kMib = 1024.0 * 1024;
constexpr double kGib = 1024.0 * kMib;

// The request that the plan answers when nothing is fixed.
v1::PlanRequest RequestOf(const v1::Plan& plan, uint32_t ranks) {
  v1::PlanRequest request;
  *request.mutable_model() = plan.model();
  *request.mutable_workload() = plan.workload();
  request.mutable_workload()->clear_micro_batches();
  v1::Constraints& c = *request.mutable_constraints();
  c.set_ranks(ranks);
  c.set_search(v1::SEARCH_ALL);
  c.set_remainder_policy(plan.remainder_policy());
  if (plan.estimate().has_hardware()) {
    *request.mutable_hardware() = plan.estimate().hardware();
  }
  return request;
}

std::string StrategyText(const v1::Plan& plan) {
  return Describe(
      StrategyOf(plan.mesh(), plan.strategy(), plan.sequence_layout()));
}

std::string ChoiceText(const v1::Plan& plan, uint32_t ranks) {
  std::string text =
      absl::StrFormat("%d ranks run %s.\n", ranks, StrategyText(plan));
  absl::StrAppendFormat(
      &text,
      "The busiest rank has %.3f x the mean query heads, and its ring part "
      "%.3f x the mean work of attention.\n%d key/value heads are held, "
      "counting copies, of %d.\n",
      plan.head_imbalance(), plan.ring_imbalance(), plan.kv_head_copies(),
      plan.model().kv_heads());
  const uint64_t padding = plan.padded_sequence_length() -
                           std::min(plan.padded_sequence_length(),
                                    plan.workload().sequence_length());
  absl::StrAppendFormat(
      &text, "%d tokens x batch %d, %d micro-batches, %d of padding.\n",
      plan.workload().sequence_length(), plan.workload().batch(),
      plan.workload().micro_batches(), padding);
  absl::StrAppendFormat(
      &text,
      "In one layer all ranks send %.1f MiB forward and %.1f MiB backward in "
      "all-to-alls, %.1f and %.1f MiB around rings.\n",
      static_cast<double>(plan.total().forward_wire_bytes()) / kMib,
      static_cast<double>(plan.total().backward_wire_bytes()) / kMib,
      static_cast<double>(plan.ring_forward_bytes()) / kMib,
      static_cast<double>(plan.ring_backward_bytes()) / kMib);
  return text;
}

std::string MemoryText(const v1::MemoryEstimate& memory) {
  std::string text =
      absl::StrFormat("\nMemory of the fullest rank: %.2f GiB",
                      static_cast<double>(memory.device_bytes()) / kGib);
  if (!memory.peak_moment().empty()) {
    absl::StrAppend(&text, " (its peak is in: ", memory.peak_moment(), ")");
  }
  if (memory.has_margin_bytes()) {
    absl::StrAppendFormat(&text, "; %s binds, with %.2f GiB left",
                          memory.binding_constraint(),
                          static_cast<double>(memory.margin_bytes()) / kGib);
  }
  text += ".\n";
  for (const v1::MemoryPart& part : memory.parts()) {
    absl::StrAppendFormat(
        &text, "  %-24s %10.3f GiB\n", part.name(),
        static_cast<double>(part.device_bytes() + part.host_bytes()) / kGib);
  }
  return text;
}

std::string TimeText(const v1::TimeEstimate& time) {
  std::string text =
      absl::StrFormat("\nA step takes %.4g s (%.4g s per sequence).\n",
                      time.step_seconds(), time.seconds_per_sequence());
  for (const v1::TimePart& part : time.parts()) {
    absl::StrAppendFormat(&text, "  %-24s %10.4g s\n", part.name(),
                          part.seconds());
  }
  return text;
}

std::string EstimateText(const v1::Plan& plan) {
  std::string text;
  if (plan.estimate().has_memory())
    text += MemoryText(plan.estimate().memory());
  if (plan.estimate().has_time()) text += TimeText(plan.estimate().time());
  if (plan.estimate().assumptions().empty()) return text;
  text += "\nAssumed:\n";
  for (const std::string& line : plan.estimate().assumptions()) {
    absl::StrAppend(&text, "  ", line, "\n");
  }
  return text;
}

std::string FiguresText(bool fits, const std::optional<double>& seconds,
                        const std::optional<uint64_t>& device_bytes) {
  std::string text = fits ? "" : " It does not fit.";
  if (seconds) absl::StrAppendFormat(&text, " %.4g s per sequence.", *seconds);
  if (device_bytes) {
    absl::StrAppendFormat(&text, " %.1f GiB.",
                          static_cast<double>(*device_bytes) / kGib);
  }
  return text;
}

std::string AlternativesText(const v1::Plan& plan,
                             const v1::PlanResponse& answer) {
  std::string text = absl::StrCat("\nOf ", answer.strategies_considered(),
                                  " strategies the planner would take: ");
  if (answer.plans().empty()) {
    text += "none.\n";
  } else if (StrategyText(answer.plans(0)) == StrategyText(plan)) {
    text += "this one.\n";
  } else {
    absl::StrAppend(&text, StrategyText(answer.plans(0)), ".\n");
  }
  for (const v1::Alternative& a : answer.alternatives()) {
    const auto seconds = a.has_seconds_per_sequence()
                             ? std::optional<double>(a.seconds_per_sequence())
                             : std::nullopt;
    const auto bytes = a.has_device_bytes()
                           ? std::optional<uint64_t>(a.device_bytes())
                           : std::nullopt;
    absl::StrAppend(
        &text, "  ",
        Describe(StrategyOf(a.mesh(), a.strategy(), a.sequence_layout())), ":",
        FiguresText(a.fits(), seconds, bytes), " ", a.why_not(), "\n");
  }
  return text;
}

std::string RestText(const v1::PlanResponse& answer) {
  std::string text;
  if (!answer.rejected().empty()) text += "\nNot taken:\n";
  for (const v1::Rejection& r : answer.rejected()) {
    absl::StrAppend(&text, "  ", v1::Family_Name(r.family()), " (",
                    v1::RejectionCode_Name(r.code()), "): ", r.reason(), "\n");
  }
  if (!answer.crossovers().empty()) text += "\n";
  for (const v1::Crossover& c : answer.crossovers()) {
    absl::StrAppend(&text, c.text(), "\n");
  }
  for (const v1::FrameworkLayout& layout : answer.framework_layouts()) {
    absl::StrAppend(&text,
                    layout.can_run()
                        ? absl::StrCat(FrameworkName(layout.framework()),
                                       " can run what the planner would take.")
                        : layout.reason(),
                    "\n");
  }
  return text;
}

}  // namespace

absl::StatusOr<v1::ExplainResponse> ExplainPlan(
    const v1::ExplainRequest& request) {
  if (!request.has_plan()) {
    return FieldError("plan", "missing; give a plan to explain");
  }
  const v1::Plan& plan = request.plan();
  const std::optional<uint32_t> ranks = RankCount(plan.mesh());
  if (!ranks) return FieldError("plan.mesh", "is not a mesh");
  v1::PlanRequest asked =
      request.has_request() ? request.request() : RequestOf(plan, *ranks);
  asked.set_detail(v1::DETAIL_SUMMARY);
  asked.clear_rank_window();
  const absl::StatusOr<v1::PlanResponse> answer = MakePlan(asked);
  if (!answer.ok()) {
    const std::string field = FieldOf(answer.status());
    if (field.empty()) return answer.status();
    const std::string problem(
        answer.status().message().substr(field.size() + 2));
    return FieldError((request.has_request() ? "request." : "plan.") + field,
                      problem);
  }
  v1::ExplainResponse response;
  response.set_text(ChoiceText(plan, *ranks) + EstimateText(plan) +
                    AlternativesText(plan, *answer) + RestText(*answer));
  return response;
}

}  // namespace ithaca::planner
