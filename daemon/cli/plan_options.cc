#include "daemon/cli/plan_options.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/cli/input.h"
#include "daemon/cli/option_values.h"
#include "daemon/planner/known_models.h"

namespace ithaca::cli {
namespace {

namespace v1 = planner::v1;

absl::Status FillModel(const Context& context, v1::PlanRequest* request) {
  const std::string given = context.args.Get("model");
  if (given.empty()) {
    return absl::InvalidArgumentError(
        "--model is missing; give the path of a config.json, - for standard "
        "input, or a name such as llama-3.1-8b");
  }
  if (const planner::KnownModel* known = planner::FindKnownModel(given)) {
    request->set_hugging_face_config(known->config);
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> config = ReadInput(context, given);
  if (config.ok()) {
    request->set_hugging_face_config(*config);
    return absl::OkStatus();
  }
  const std::string nearest = planner::NearestKnownModel(given);
  return absl::InvalidArgumentError(absl::StrCat(
      "--model ", given, ": is no file that can be read and no known name",
      nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?")));
}

absl::Status FillMask(const Context& context, v1::Workload* workload) {
  v1::AttentionMask mask = v1::ATTENTION_MASK_UNSPECIFIED;
  absl::Status s = FillWord<v1::AttentionMask>(
      context, "mask",
      {{"full", v1::ATTENTION_MASK_FULL},
       {"causal", v1::ATTENTION_MASK_CAUSAL},
       {"window", v1::ATTENTION_MASK_SLIDING_WINDOW}},
      &mask);
  if (!s.ok()) return s;
  // Language models are causal, and their time is half of full attention's.
  if (mask == v1::ATTENTION_MASK_UNSPECIFIED) mask = v1::ATTENTION_MASK_CAUSAL;
  workload->set_mask(mask);
  if (context.args.Has("causal")) workload->set_causal(true);
  const auto window = context.args.Count("window");
  if (!window.ok()) return window.status();
  if (window->has_value()) {
    workload->set_mask(v1::ATTENTION_MASK_SLIDING_WINDOW);
    workload->set_window(**window);
  }
  return absl::OkStatus();
}

absl::Status FillType(const Context& context, v1::Workload* workload) {
  v1::DataType type = v1::DATA_TYPE_UNSPECIFIED;
  absl::Status s = FillWord<v1::DataType>(context, "dtype",
                                          {{"fp32", v1::DATA_TYPE_FP32},
                                           {"bf16", v1::DATA_TYPE_BF16},
                                           {"fp16", v1::DATA_TYPE_FP16}},
                                          &type);
  workload->set_data_type(type);
  return s;
}

struct Degree {
  const char* name;
  void (*set)(v1::Constraints*, uint32_t);
};

constexpr Degree kDegrees[] = {
    {"ulysses",
     [](v1::Constraints* c, uint32_t n) { c->set_ulysses_degree(n); }},
    {"ring", [](v1::Constraints* c, uint32_t n) { c->set_ring_degree(n); }},
    {"tensor", [](v1::Constraints* c, uint32_t n) { c->set_tensor_degree(n); }},
    {"pipeline",
     [](v1::Constraints* c, uint32_t n) { c->set_pipeline_degree(n); }},
    {"data-parallel",
     [](v1::Constraints* c, uint32_t n) { c->set_data_parallel_degree(n); }},
    {"expert",
     [](v1::Constraints* c, uint32_t n) { c->set_expert_parallel_degree(n); }},
};

// A list such as "optimizer,checkpoints"; `set` is asked for each word.
template <typename Set>
absl::Status FillList(const Context& context, const std::string& name,
                      const std::string& known, Set set) {
  const std::string given = context.args.Get(name);
  if (given.empty() || given == "auto") return absl::OkStatus();
  for (const std::string& word :
       std::vector<std::string>(absl::StrSplit(given, ','))) {
    if (set(word)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--", name, " ", given, ": use a list of ", known));
  }
  return absl::OkStatus();
}

absl::Status FillPolicies(const Context& context, v1::Constraints* c) {
  absl::Status s =
      FillCount(context, "zero", 0, [c](uint32_t n) { c->set_zero_stage(n); });
  v1::Recompute recompute = v1::RECOMPUTE_UNSPECIFIED;
  if (s.ok()) {
    s = FillWord<v1::Recompute>(context, "recompute",
                                {{"auto", v1::RECOMPUTE_UNSPECIFIED},
                                 {"none", v1::RECOMPUTE_NONE},
                                 {"selective", v1::RECOMPUTE_SELECTIVE},
                                 {"full", v1::RECOMPUTE_FULL}},
                                &recompute);
  }
  c->set_recompute(recompute);
  if (s.ok()) {
    s = FillList(context, "offload",
                 "optimizer, parameters, checkpoints; or none",
                 [c](const std::string& word) {
                   if (word == "none") {
                     c->set_offload_optimizer(false);
                     c->set_offload_parameters(false);
                     c->set_offload_checkpoints(false);
                   }
                   if (word == "optimizer") c->set_offload_optimizer(true);
                   if (word == "parameters") c->set_offload_parameters(true);
                   if (word == "checkpoints") c->set_offload_checkpoints(true);
                   return word == "none" || word == "optimizer" ||
                          word == "parameters" || word == "checkpoints";
                 });
  }
  if (s.ok()) {
    s = FillList(context, "tiled", "mlp, loss; or none",
                 [c](const std::string& word) {
                   if (word == "none") {
                     c->set_tiled_mlp(false);
                     c->set_tiled_loss(false);
                   }
                   if (word == "mlp") c->set_tiled_mlp(true);
                   if (word == "loss") c->set_tiled_loss(true);
                   return word == "none" || word == "mlp" || word == "loss";
                 });
  }
  return s;
}

absl::Status FillOrder(const Context& context, v1::Constraints* c) {
  v1::HybridOrder order = v1::HYBRID_ORDER_UNSPECIFIED;
  absl::Status s =
      FillWord<v1::HybridOrder>(context, "inside",
                                {{"ulysses", v1::HYBRID_ORDER_ULYSSES_INSIDE},
                                 {"ring", v1::HYBRID_ORDER_RING_INSIDE}},
                                &order);
  c->set_hybrid_order(order);
  v1::RemainderPolicy policy = v1::REMAINDER_POLICY_UNSPECIFIED;
  if (s.ok()) {
    s = FillWord<v1::RemainderPolicy>(context, "remainder",
                                      {{"uneven", v1::REMAINDER_POLICY_UNEVEN},
                                       {"pad", v1::REMAINDER_POLICY_PAD}},
                                      &policy);
  }
  c->set_remainder_policy(policy);
  return s;
}

// Whether the best is looked for: something is said to be "auto", or hardware
// is known and no degree is given.
bool IsSearch(const Context& context, const v1::PlanRequest& request) {
  bool given = false;
  for (const char* name :
       {"ulysses", "ring", "tensor", "pipeline", "data-parallel", "expert",
        "zero", "recompute", "offload", "tiled"}) {
    if (context.args.Get(name) == "auto") return true;
  }
  for (const Degree& degree : kDegrees) given |= context.args.Has(degree.name);
  return !given && (context.args.Has("gpu") || context.args.Has("cluster")) &&
         request.topology().nodes_size() > 0;
}

absl::Status FillRanks(const Context& context, v1::PlanRequest* request) {
  v1::Constraints* constraints = request->mutable_constraints();
  absl::Status s = FillCount(context, "ranks", 1,
                             [=](uint32_t n) { constraints->set_ranks(n); });
  if (!s.ok() || constraints->ranks() > 0) return s;
  const uint64_t all = RanksOfCluster(*request);
  if (all == 0 || all > std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError(
        "--ranks is missing; give the number of ranks, or a cluster "
        "(--cluster, or --nodes with --gpu)");
  }
  constraints->set_ranks(static_cast<uint32_t>(all));
  return absl::OkStatus();
}

}  // namespace

std::vector<Option> JobOptions() {
  return {
      {"model", "FILE|NAME",
       "A config.json, -, or a name such as llama-3.1-8b."},
      {"seq-len", "N",
       "Tokens of a sequence: 4096, 128K, 1M. K, M, G are binary: 1M = "
       "1048576."},
      {"batch", "N", "Sequences at once in each replica. Default: 1."},
      {"dtype", "TYPE", "fp32, bf16 or fp16. Default: the model's, or bf16."},
      {"causal", "",
       "A token attends to itself and those before it: --mask causal."},
      {"mask", "MASK", "full, causal or window. Default: causal."},
      {"window", "N", "Tokens of a sliding window."},
      {"forward-only", "", "Without a backward pass."},
  };
}

std::vector<Option> StrategyOptions() {
  return {
      {"ranks", "N", "Ranks to use, all of them. Default: the cluster's."},
      {"ulysses", "N|auto", "Ranks that exchange heads. Default: all."},
      {"ring", "N|auto", "Ranks of a ring."},
      {"tensor", "N|auto", "Tensor-parallel ranks."},
      {"pipeline", "N|auto", "Pipeline stages."},
      {"data-parallel", "N|auto", "Replicas."},
      {"expert", "N|auto", "Ranks that share the experts."},
      {"zero", "0-3|auto", "ZeRO stage."},
      {"recompute", "HOW", "none, selective, full or auto."},
      {"offload", "LIST", "optimizer,parameters,checkpoints; none; auto."},
      {"tiled", "LIST", "mlp,loss; none; auto."},
      {"inside", "WHICH", "ulysses or ring on neighbouring ranks."},
      {"remainder", "POLICY", "uneven or pad, where ranks do not divide."},
  };
}

uint64_t RanksOfCluster(const v1::PlanRequest& request) {
  uint64_t ranks = 0;
  for (const auto& node : request.topology().nodes()) {
    ranks += node.accelerators_size() > 0
                 ? static_cast<uint64_t>(node.accelerators_size())
                 : node.slots();
  }
  return ranks;
}

Option DaemonOption() {
  return {"daemon", "",
          "Asks the daemon, which keeps the plan for CreateGroup by hash."};
}

absl::Status FillJob(const Context& context, v1::PlanRequest* request) {
  v1::Workload* workload = request->mutable_workload();
  const auto length = context.args.Count("seq-len");
  if (!length.ok()) return length.status();
  if (length->has_value()) workload->set_sequence_length(**length);
  if (context.args.Has("forward-only"))
    workload->set_mode(v1::MODE_FORWARD_ONLY);
  absl::Status s = FillMask(context, workload);
  if (s.ok()) s = FillType(context, workload);
  if (s.ok()) {
    s = FillCount(context, "batch", 1,
                  [workload](uint32_t n) { workload->set_batch(n); });
  }
  return s.ok() ? FillModel(context, request) : s;
}

absl::Status FillStrategy(const Context& context, v1::PlanRequest* request) {
  v1::Constraints* constraints = request->mutable_constraints();
  absl::Status s = FillRanks(context, request);
  for (const Degree& degree : kDegrees) {
    if (!s.ok()) return s;
    s = FillCount(context, degree.name, 1,
                  [&](uint32_t n) { degree.set(constraints, n); });
  }
  if (s.ok()) s = FillPolicies(context, constraints);
  if (s.ok()) s = FillOrder(context, constraints);
  if (s.ok() && IsSearch(context, *request))
    constraints->set_search(v1::SEARCH_ALL);
  return s;
}

absl::StatusOr<v1::PlanRequest> BuildPlanRequest(const Context& context,
                                                 Length length) {
  if (length == Length::kRequired && !context.args.Has("seq-len")) {
    return absl::InvalidArgumentError(
        "--seq-len is missing; give e.g. 4096, 128K or 1M");
  }
  v1::PlanRequest request;
  absl::Status s = FillCluster(context, &request);
  if (s.ok()) s = FillStrategy(context, &request);
  if (s.ok()) s = FillJob(context, &request);
  if (!s.ok()) return s;
  return request;
}

}  // namespace ithaca::cli
