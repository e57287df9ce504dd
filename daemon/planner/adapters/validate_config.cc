#include "daemon/planner/adapters/validate_config.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/planner/adapters/check.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/hf_config.h"
#include "daemon/planner/limits.h"
#include "daemon/planner/model_shape.h"
#include "daemon/planner/workload_shape.h"

namespace ithaca::planner {
namespace {

constexpr int kMaxFindings = 32;

v1::Severity SeverityOf(Harm harm) {
  switch (harm) {
    case Harm::kWrongResult:
      return v1::SEVERITY_WRONG_RESULT;
    case Harm::kCrash:
      return v1::SEVERITY_CRASH;
    case Harm::kNoEffect:
      return v1::SEVERITY_NO_EFFECT;
    case Harm::kSlow:
      return v1::SEVERITY_SLOW;
    case Harm::kInfo:
      break;
  }
  return v1::SEVERITY_INFO;
}

// The model of the context; nothing when there is none, or one with latent
// attention, of which the text itself is looked at.
absl::StatusOr<std::optional<ModelDims>> ModelOf(
    const v1::PlanRequest& context) {
  v1::Model model;
  if (context.has_hugging_face_config()) {
    absl::StatusOr<HfConfig> config =
        ParseHfConfig(context.hugging_face_config());
    if (!config.ok()) {
      const std::string field = FieldOf(config.status());
      if (field.find("kv_lora_rank") != std::string::npos)
        return std::optional<ModelDims>();
      return config.status();
    }
    model = config->model;
  } else if (context.has_model()) {
    model = context.model();
    absl::Status s = CompleteModel(MessageNames("context.model"), model);
    if (!s.ok()) return s;
  } else {
    return std::optional<ModelDims>();
  }
  return std::optional<ModelDims>(DimsOf(model));
}

// The least that any node has; 0: not known.
uint32_t RanksPerNode(const v1::PlanRequest& context) {
  if (context.hardware().has_accelerators_per_node())
    return context.hardware().accelerators_per_node();
  uint32_t least = 0;
  for (const auto& node : context.topology().nodes()) {
    const uint32_t slots = node.accelerators_size() > 0
                               ? static_cast<uint32_t>(node.accelerators_size())
                               : node.slots();
    least = least == 0 ? slots : std::min(least, slots);
  }
  return least;
}

absl::Status FillContext(const v1::PlanRequest& context, CheckContext& out) {
  const v1::Workload& workload = context.workload();
  if (workload.sequence_length() > kMaxSequenceLength) {
    return CheckRange("context.workload.sequence_length",
                      workload.sequence_length(), 0, kMaxSequenceLength);
  }
  const uint32_t ranks = context.constraints().ranks();
  if (ranks > kMaxRanks)
    return CheckRange("context.constraints.ranks", ranks, 0, kMaxRanks);
  out.sequence = workload.sequence_length();
  out.window = workload.mask() == v1::ATTENTION_MASK_SLIDING_WINDOW
                   ? workload.window()
                   : 0;
  for (int i = 0; i + 1 < workload.cu_seqlens_size(); ++i) {
    if (workload.cu_seqlens(i + 1) <= workload.cu_seqlens(i)) {
      return FieldError(
          absl::StrCat("context.workload.cu_seqlens[", i + 1, "]"),
          "must be above the one before it");
    }
    out.documents.push_back(workload.cu_seqlens(i + 1) -
                            workload.cu_seqlens(i));
  }
  if (ranks > 0) out.read.ranks = ranks;
  out.ranks_per_node = RanksPerNode(context);
  out.hugging_face_config = context.hugging_face_config();
  return absl::OkStatus();
}

v1::Constraints ConstraintsOf(const JobConfig& config) {
  const Strategy& s = config.strategy;
  v1::Constraints c;
  c.set_ranks(config.ranks.value_or(s.data_parallel * s.pipeline * s.ring *
                                    s.ulysses * s.tensor));
  c.set_ulysses_degree(s.ulysses);
  c.set_ring_degree(s.ring);
  c.set_tensor_degree(s.tensor);
  c.set_pipeline_degree(s.pipeline);
  c.set_data_parallel_degree(s.data_parallel);
  c.set_expert_parallel_degree(s.expert_parallel);
  c.set_zero_stage(s.zero_stage);
  c.set_recompute(s.recompute == Recompute::kFull ? v1::RECOMPUTE_FULL
                  : s.recompute == Recompute::kSelective
                      ? v1::RECOMPUTE_SELECTIVE
                      : v1::RECOMPUTE_NONE);
  c.set_offload_optimizer(s.offload_optimizer);
  c.set_offload_parameters(s.offload_parameters);
  c.set_offload_checkpoints(s.offload_checkpoints);
  c.set_tiled_mlp(s.tiled_mlp);
  c.set_tiled_loss(s.tiled_loss);
  c.set_attention_chunk(s.attention_chunk);
  if (s.ring > 1 && s.ulysses > 1) {
    c.set_hybrid_order(s.hybrid_order == HybridOrder::kRingInside
                           ? v1::HYBRID_ORDER_RING_INSIDE
                           : v1::HYBRID_ORDER_ULYSSES_INSIDE);
  }
  if (s.ring > 1) {
    c.set_sequence_layout(s.token_order == TokenOrder::kZigzag
                              ? v1::SEQUENCE_LAYOUT_ZIGZAG
                          : s.token_order == TokenOrder::kStriped
                              ? v1::SEQUENCE_LAYOUT_STRIPED
                              : v1::SEQUENCE_LAYOUT_CONTIGUOUS);
    c.set_ring_gradients(s.ring_gradients == RingGradients::kFp32
                             ? v1::RING_GRADIENTS_FP32
                             : v1::RING_GRADIENTS_ELEMENT);
  }
  return c;
}

void AddFinding(const ConfigFinding& finding, v1::ValidateResponse& response) {
  if (response.findings_size() >= kMaxFindings) return;
  v1::Finding* out = response.add_findings();
  out->set_field(finding.field);
  out->set_message(finding.message);
  out->set_severity(SeverityOf(finding.harm));
  out->set_remedy(finding.remedy);
  out->set_code(finding.code);
}

// What was not looked at, so that nobody takes it for sound.
void AddNotUnderstood(const JobConfig& config, v1::ValidateResponse& response) {
  constexpr size_t kShown = 8;
  std::vector<std::string> paths = NotUnderstood(config);
  if (paths.empty()) return;
  const size_t all = paths.size();
  if (all > kShown) paths.resize(kShown);
  AddFinding(
      {"SETTINGS_NOT_UNDERSTOOD", Harm::kInfo, paths.front(),
       absl::StrCat(all, all == 1 ? " setting has" : " settings have",
                    " no meaning to the planner: ", absl::StrJoin(paths, ", "),
                    all > kShown ? ", ..." : ""),
       "nothing, unless one is misspelt"},
      response);
}

v1::ValidateResponse Unreadable(const absl::Status& status) {
  v1::ValidateResponse response;
  const std::string field = FieldOf(status);
  std::string problem(status.message());
  if (problem.compare(0, field.size() + 2, field + ": ") == 0)
    problem.erase(0, field.size() + 2);
  AddFinding({"UNREADABLE", Harm::kCrash, field, problem,
              "correct the text; nothing else of it was looked at"},
             response);
  return response;
}

}  // namespace

absl::StatusOr<v1::ValidateResponse> ValidateFrameworkConfig(
    const v1::ValidateRequest& request) {
  const v1::FrameworkConfig& subject = request.framework_config();
  const std::optional<Framework> framework = FrameworkOf(subject.framework());
  if (!framework || static_cast<int>(*framework) >= kConfigurations) {
    return FieldError("framework_config.framework",
                      absl::StrCat("is not one whose configurations are read; "
                                   "those are ",
                                   AdapterNames()));
  }
  CheckContext context;
  absl::Status s = FillContext(request.context(), context);
  if (!s.ok()) return s;
  const absl::StatusOr<std::optional<ModelDims>> model =
      ModelOf(request.context());
  if (!model.ok()) return model.status();
  if (model->has_value()) context.model = &**model;
  const auto check = CheckConfig(*framework, subject.text(), context);
  if (!check.ok()) return Unreadable(check.status());
  v1::ValidateResponse response;
  for (const ConfigFinding& finding : check->findings)
    AddFinding(finding, response);
  AddNotUnderstood(check->config, response);
  response.set_valid(check->ok);
  *response.mutable_constraints() = ConstraintsOf(check->config);
  return response;
}

Strategy StrategyOf(const v1::Plan& plan) {
  const v1::Strategy& said = plan.strategy();
  Strategy s;
  s.data_parallel = plan.mesh().data_parallel();
  s.pipeline = plan.mesh().pipeline();
  s.ring = plan.mesh().ring();
  s.ulysses = plan.mesh().ulysses();
  s.tensor = plan.mesh().tensor();
  s.expert_parallel = std::max<uint32_t>(1, said.expert_parallel());
  s.hybrid_order = said.hybrid_order() == v1::HYBRID_ORDER_RING_INSIDE
                       ? HybridOrder::kRingInside
                       : HybridOrder::kUlyssesInside;
  s.token_order = plan.sequence_layout() == v1::SEQUENCE_LAYOUT_ZIGZAG
                      ? TokenOrder::kZigzag
                  : plan.sequence_layout() == v1::SEQUENCE_LAYOUT_PACKED
                      ? TokenOrder::kZigzag  // of each document
                  : plan.sequence_layout() == v1::SEQUENCE_LAYOUT_STRIPED
                      ? TokenOrder::kStriped
                      : TokenOrder::kContiguous;
  s.ring_gradients = said.ring_gradients() == v1::RING_GRADIENTS_ELEMENT
                         ? RingGradients::kElement
                         : RingGradients::kFp32;
  s.zero_stage = std::min<uint32_t>(3, said.zero_stage());
  s.recompute = said.recompute() == v1::RECOMPUTE_FULL ? Recompute::kFull
                : said.recompute() == v1::RECOMPUTE_SELECTIVE
                    ? Recompute::kSelective
                    : Recompute::kNone;
  s.offload_optimizer = said.offload_optimizer();
  s.offload_parameters = said.offload_parameters();
  s.offload_checkpoints = said.offload_checkpoints();
  s.tiled_mlp = said.tiled_mlp();
  s.tiled_loss = said.tiled_loss();
  s.attention_chunk = said.attention_chunk();
  return s;
}

Work WorkOf(const v1::Plan& plan) {
  const v1::Workload& said = plan.workload();
  Work work;
  // With the padding: that is what the framework is given.
  work.sequence =
      std::max(plan.padded_sequence_length(), said.sequence_length());
  work.batch = std::max<uint32_t>(1, said.batch());
  work.micro_batches = std::max<uint32_t>(1, said.micro_batches());
  work.element_bytes = said.data_type() == v1::DATA_TYPE_FP32 ? 4 : 2;
  work.training = said.mode() != v1::MODE_FORWARD_ONLY;
  work.mask = MaskOf(said.mask());
  work.window = said.window();
  for (int i = 0; i + 1 < said.cu_seqlens_size(); ++i)
    work.documents.push_back(said.cu_seqlens(i + 1) - said.cu_seqlens(i));
  return work;
}

}  // namespace ithaca::planner
