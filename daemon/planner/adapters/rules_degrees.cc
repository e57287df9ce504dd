// Rules about degrees: whether they fit together, the ranks and the nodes.
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/adapter.h"
#include "daemon/planner/adapters/rule_checks.h"

namespace ithaca::planner {
namespace {

uint64_t Product(const Strategy& s, bool with_data) {
  const uint64_t model = uint64_t{s.pipeline} * s.ring * s.ulysses * s.tensor;
  return with_data ? model * s.data_parallel : model;
}

}  // namespace

MaybeHit TensorWithUlysses(const Subject& subject) {
  const JobConfig& config = subject.config;
  const EngineLimits& limits = LimitsOf(config.engine);
  if (limits.tensor || config.strategy.tensor == 1 ||
      SequenceRanks(config) == 1)
    return std::nullopt;
  return Hit{DegreeField(config),
             absl::StrCat(limits.name,
                          " does not run beside tensor "
                          "parallelism (here ",
                          config.strategy.tensor, ")"),
             "use one of the two, or a framework that has both: heads are "
             "then split over their product"};
}

MaybeHit PipelineWithUlysses(const Subject& subject) {
  const JobConfig& config = subject.config;
  const EngineLimits& limits = LimitsOf(config.engine);
  if (limits.pipeline || config.strategy.pipeline == 1 ||
      SequenceRanks(config) == 1)
    return std::nullopt;
  return Hit{DegreeField(config),
             absl::StrCat(limits.name,
                          " does not run beside a pipeline "
                          "(here ",
                          config.strategy.pipeline, " stages)"),
             "use one of the two, or Megatron-LM's context parallelism"};
}

MaybeHit DegreesDoNotCoverRanks(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (!config.ranks) return std::nullopt;
  const bool all = config.data_parallel_said;
  const uint64_t product = Product(config.strategy, all);
  if (all ? product == *config.ranks : *config.ranks % product == 0)
    return std::nullopt;
  return Hit{DegreeField(config),
             absl::StrCat("the degrees multiply to ", product, ", which ",
                          all ? "is not the number of ranks, "
                              : "does not divide the number of ranks, ",
                          *config.ranks),
             all ? "correct the data-parallel degree"
                 : "lower a degree, or use another number of ranks"};
}

MaybeHit ExpertsDoNotDivide(const Subject& subject) {
  const Strategy& s = subject.config.strategy;
  if (s.expert_parallel == 1) return std::nullopt;
  const bool counted =
      subject.config.ranks || subject.config.data_parallel_said;
  const uint64_t ranks =
      uint64_t{s.data_parallel} * s.ring * s.ulysses * s.tensor;
  if (counted && ranks % s.expert_parallel != 0) {
    return Hit{
        "expert_model_parallel_size",
        absl::StrCat("is ", s.expert_parallel, ", which does not divide the ",
                     ranks, " ranks of a pipeline stage"),
        "take a divisor of them"};
  }
  if (subject.model == nullptr ||
      (subject.model->experts > 0 &&
       subject.model->experts % s.expert_parallel == 0))
    return std::nullopt;
  return Hit{"expert_model_parallel_size",
             absl::StrCat("is ", s.expert_parallel, " for a model with ",
                          subject.model->experts, " experts"),
             "take a divisor of the experts"};
}

MaybeHit ReplicateWithoutShard(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (config.framework != Framework::kAccelerate) return std::nullopt;
  uint64_t replicate = 1;
  uint64_t shard = 1;
  for (const Setting& setting : config.settings) {
    const auto counts = SaidCounts(config, setting.path);
    if (counts.empty()) continue;
    const std::string& path = setting.path;
    if (path.find("parallelism_config_dp_replicate_size") != std::string::npos)
      replicate = counts[0];
    if (path.find("parallelism_config_dp_shard_size") != std::string::npos)
      shard = counts[0];
  }
  const bool spread = config.strategy.tensor > 1 || config.strategy.ring > 1;
  if (!spread || replicate == 1 || shard > 1) return std::nullopt;
  return Hit{"parallelism_config_dp_replicate_size",
             absl::StrCat("is ", replicate,
                          " with nothing sharded, which "
                          "accelerate refuses beside tp or cp"),
             absl::StrCat("set parallelism_config_dp_shard_size to ", replicate,
                          " and this to 1")};
}

MaybeHit TensorWithoutSequence(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (config.framework != Framework::kMegatron || config.strategy.tensor == 1)
    return std::nullopt;
  for (const Setting& setting : config.settings) {
    const std::string& path = setting.path;
    if ((path == "sequence_parallel" || path == "model.sequence_parallel") &&
        SaidFlag(config, path).value_or(false))
      return std::nullopt;
  }
  return Hit{"sequence_parallel",
             absl::StrCat("is off: what lies between the split layers is kept "
                          "whole on each of the ",
                          config.strategy.tensor, " tensor-parallel ranks"),
             "add --sequence-parallel"};
}

MaybeHit UlyssesAcrossNodes(const Subject& subject) {
  const Strategy& s = subject.config.strategy;
  const uint64_t inside =
      uint64_t{s.ulysses} * s.tensor *
      (s.hybrid_order == HybridOrder::kRingInside ? s.ring : 1);
  if (subject.ranks_per_node == 0 || s.ulysses == 1 ||
      inside <= subject.ranks_per_node ||
      s.hybrid_order == HybridOrder::kRingInside)
    return std::nullopt;
  return Hit{
      DegreeField(subject.config),
      absl::StrCat(
          "the all-to-all of ", s.ulysses,
          s.tensor > 1 ? absl::StrCat(" x ", s.tensor, " (tensor)") : "",
          " ranks leaves the node of ", subject.ranks_per_node,
          ", and nothing overlaps it"),
      absl::StrCat("keep Ulysses within a node (at most ",
                   std::max<uint32_t>(1, subject.ranks_per_node / s.tensor),
                   ") and put a ring across nodes")};
}

MaybeHit UlyssesOutside(const Subject& subject) {
  const Strategy& s = subject.config.strategy;
  if (s.hybrid_order != HybridOrder::kRingInside || s.ulysses == 1 ||
      s.ring == 1 || subject.ranks_per_node == 0 ||
      SequenceRanks(subject.config) <= subject.ranks_per_node)
    return std::nullopt;
  return Hit{
      "use_ulysses_low",
      absl::StrCat("is false: the ", s.ulysses, " ranks of an all-to-all are ",
                   s.ring, " apart, on several nodes"),
      "set it to true, so that they are neighbours"};
}

MaybeHit RingSendsLess(const Subject& subject) {
  const JobConfig& config = subject.config;
  const Strategy& s = config.strategy;
  if (subject.model == nullptr || s.ulysses == 1 || s.ring > 1)
    return std::nullopt;
  // Units of b * S * d * e / U, forward and backward, keys and values as many
  // as there are (U <= Hkv): Ulysses 2 * (2H + 2Hkv) * (U-1)/U; a ring
  // 2Hkv * (U-1) forward and backward, and the gradients over U hops in fp32
  // (twice as wide).
  const double h = subject.model->query_heads;
  const double kv = subject.model->kv_heads;
  const double u = s.ulysses;
  if (u > kv) return std::nullopt;
  const double passes = config.work.training ? 2 : 1;
  const double all_to_all = passes * (2 * h + 2 * kv) * (u - 1) / u;
  const double ring =
      passes * 2 * kv * (u - 1) + (config.work.training ? 2 * kv * u * 2 : 0);
  if (ring >= all_to_all) return std::nullopt;
  return Hit{DegreeField(config),
             absl::StrCat("at a degree of ", s.ulysses, " and ",
                          subject.model->kv_heads,
                          " key/value heads a ring "
                          "sends fewer bytes, and hides them behind attention"),
             "measure both; on NVLink the loss of a ring's kernels usually "
             "outweighs it"};
}

}  // namespace ithaca::planner
