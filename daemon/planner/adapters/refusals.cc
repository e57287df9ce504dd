#include "daemon/planner/adapters/refusals.h"

#include <numeric>

#include "absl/strings/str_cat.h"

namespace ithaca::planner {
namespace {

// One thing that a strategy may ask for.
struct Part {
  bool asked;
  Can can;
  const char* code;
  const char* name;
  const char* remedy;
};

std::vector<Part> PartsOf(const Adapter& a, const Strategy& s) {
  static constexpr const char* kStages[] = {"ZeRO 0", "ZeRO 1", "ZeRO 2",
                                            "ZeRO 3"};
  return {
      {true, a.zero[s.zero_stage], "zero-stage", kStages[s.zero_stage],
       "take another ZeRO stage"},
      {s.pipeline > 1, a.pipeline, "pipeline", "pipeline parallelism",
       "use one stage"},
      {s.tensor > 1, a.tensor, "tensor-parallel", "tensor parallelism",
       "use a tensor-parallel degree of 1"},
      {s.recompute == Recompute::kSelective, a.selective_recompute, "recompute",
       "selective recomputation", "recompute all or nothing"},
      {s.recompute == Recompute::kFull, a.full_recompute, "recompute",
       "full recomputation", "recompute nothing"},
      {s.offload_optimizer, a.offload_optimizer, "offload",
       "the optimizer on the host", "keep it on the accelerator"},
      {s.offload_parameters, a.offload_parameters, "offload",
       "parameters on the host", "keep them on the accelerator"},
      {s.offload_checkpoints, a.offload_checkpoints, "offload",
       "activation checkpoints on the host", "keep them on the accelerator"},
      {s.tiled_mlp, a.tiled_mlp, "tiled", "the feed-forward block in tiles",
       "compute it whole"},
      {s.tiled_loss, a.tiled_loss, "tiled", "the loss in tiles",
       "compute it whole"},
      {s.attention_chunk > 0, a.attention_chunk, "attention-chunk",
       "attention in chunks with keys and values on the host",
       "compute it whole"},
      {s.expert_parallel > 1, a.expert_parallel, "expert-parallel",
       "expert parallelism", "use a degree of 1"},
  };
}

class Finder {
 public:
  Finder(const Adapter& adapter, const JobConfig& config,
         const ModelDims* model)
      : adapter_(adapter),
        config_(config),
        s_(config.strategy),
        limits_(LimitsOf(config.engine)),
        model_(model) {}

  std::vector<Refusal> Find() {
    for (const Part& part : PartsOf(adapter_, s_)) {
      if (!part.asked || part.can != Can::kNo) continue;
      Add(part.code, absl::StrCat("has no ", part.name), part.remedy);
    }
    FindEngine();
    FindRing();
    FindOwn();
    FindLength();
    if (model_ != nullptr) FindHeads();
    return std::move(refusals_);
  }

 private:
  void Add(const char* code, const std::string& what,
           const std::string& remedy) {
    refusals_.push_back(
        {code, absl::StrCat(adapter_.title, " ", what), remedy});
  }

  void FindEngine() {
    const bool hybrid = s_.ulysses > 1 && s_.ring > 1;
    if (config_.work.training && !limits_.trains) {
      Add("inference-only",
          "does not train: its attention has no backward "
          "pass",
          "plan forward only");
    }
    if (s_.ulysses > 1 && !limits_.ulysses)
      Add("no-ulysses", "has no Ulysses", "use a ring");
    if (s_.ring > 1 && !limits_.ring)
      Add("no-ring", "has no ring", "use Ulysses alone");
    if (hybrid && limits_.ulysses && limits_.ring && !limits_.both)
      Add("no-hybrid", "has no Ulysses with a ring", "use one of the two");
    if (s_.hybrid_order == HybridOrder::kRingInside && !limits_.ring_inside) {
      Add("ring-inside", "has Ulysses on neighbouring ranks, never the ring",
          "put Ulysses inside");
    }
    if (s_.ulysses * s_.ring == 1) return;
    if (s_.tensor > 1 && !limits_.tensor && adapter_.tensor != Can::kNo) {
      Add("tensor-parallel", "runs no tensor parallelism beside it",
          "use a tensor-parallel degree of 1");
    }
    if (s_.pipeline > 1 && !limits_.pipeline && adapter_.pipeline != Can::kNo)
      Add("pipeline", "runs no pipeline beside it", "use one stage");
  }

  void FindRing() {
    if (s_.ring == 1 || !limits_.ring) return;
    // yunchang has a choice.
    if (config_.engine != Engine::kYunchang &&
        s_.token_order != limits_.ring_order) {
      Add("token-order", "spreads the tokens of a ring in another order",
          limits_.ring_order == TokenOrder::kZigzag
              ? "use the zigzag order"
              : "use the contiguous order");
    }
    if (s_.ring_gradients != limits_.ring_gradients) {
      Add("ring-gradients", "sends a ring's gradients in another type",
          limits_.ring_gradients == RingGradients::kFp32
              ? "plan them in fp32"
              : "plan them in the type of the work");
    }
  }

  // What one framework alone does not allow.
  void FindOwn() {
    const bool spread = s_.ulysses > 1 || s_.ring > 1;
    const bool fsdp = s_.ring > 1 || s_.tensor > 1;
    switch (adapter_.framework) {
      case Framework::kAccelerate:
        if (s_.ulysses == 1 && fsdp && s_.zero_stage < 2)
          Add("zero-stage", "needs FSDP for this", "use ZeRO 2 or 3");
        if (s_.ulysses == 1 && fsdp) FindOneOffload();
        break;
      case Framework::kTorchtitan:
        if (spread && s_.zero_stage == 0)
          Add("zero-stage", "shards over these ranks", "use ZeRO 2 or 3");
        if (s_.zero_stage == 0 && s_.offload_optimizer)
          Add("offload", "offloads only what it shards", "use ZeRO 2 or 3");
        FindOneOffload();
        break;
      case Framework::kSwift:
        if (s_.offload_optimizer && s_.zero_stage < 2)
          Add("offload", "offloads from ZeRO 2 on", "use ZeRO 2 or 3");
        FindOneOffload();
        break;
      default:
        break;
    }
  }

  void FindOneOffload() {
    if (s_.zero_stage != 3 || s_.offload_optimizer == s_.offload_parameters)
      return;
    Add("offload", "offloads parameters and optimizer together or not at all",
        "offload both or neither");
  }

  void FindLength() {
    const uint64_t multiple = LengthMultiple(config_.engine, s_);
    if (config_.work.sequence % multiple == 0 ||
        limits_.length == LengthRule::kPads)
      return;
    Add("sequence-not-divisible",
        absl::StrCat("takes sequences of a multiple of ", multiple, ", not ",
                     config_.work.sequence),
        absl::StrCat("pad to ",
                     (config_.work.sequence / multiple + 1) * multiple));
  }

  void FindHeads() {
    if (adapter_.framework == Framework::kSwift) {
      const uint32_t own = std::gcd(model_->query_heads, s_.ulysses * s_.ring);
      if (own != s_.ulysses) {
        Add("swift-split",
            absl::StrCat("splits by itself, into Ulysses ", own, " x ring ",
                         s_.ulysses * s_.ring / own),
            absl::StrCat("use a Ulysses degree of ", own));
      }
    }
    if (s_.ulysses == 1 ||
        CanSplitHeads(config_.engine, *model_, s_.ulysses, s_.tensor))
      return;
    Add("heads-not-divisible",
        absl::StrCat("cannot split ", model_->query_heads, " query and ",
                     model_->kv_heads, " key/value heads over ", s_.ulysses,
                     s_.tensor > 1 ? absl::StrCat(" x ", s_.tensor) : "",
                     " ranks"),
        absl::StrCat(
            "use a Ulysses degree of ",
            LargestUlysses(config_.engine, *model_, s_.ulysses, s_.tensor),
            ", or Ithaca's own exchange, which splits any heads"));
  }

  const Adapter& adapter_;
  const JobConfig& config_;
  const Strategy& s_;
  const EngineLimits& limits_;
  const ModelDims* const model_;
  std::vector<Refusal> refusals_;
};

}  // namespace

std::vector<Refusal> FindRefusals(const Adapter& adapter,
                                  const JobConfig& config,
                                  const ModelDims* model) {
  return Finder(adapter, config, model).Find();
}

std::vector<std::string> PartsForScript(const Adapter& adapter,
                                        const Strategy& strategy) {
  std::vector<std::string> names;
  for (const Part& part : PartsOf(adapter, strategy)) {
    if (part.asked && part.can == Can::kScript) names.push_back(part.name);
  }
  return names;
}

bool CanSplitHeads(Engine engine, const ModelDims& model, uint32_t ulysses,
                   uint32_t tensor) {
  const EngineLimits& limits = LimitsOf(engine);
  const uint64_t ranks = uint64_t{ulysses} * tensor;
  const bool query = model.query_heads % ranks == 0;
  const bool kv = model.kv_heads % ranks == 0;
  if (limits.heads == HeadRule::kUnevenMha) {
    return (query && kv) || (model.query_heads == model.kv_heads &&
                             model.query_heads > ulysses && tensor == 1);
  }
  if (limits.heads == HeadRule::kNone) return true;
  if (!query) return false;
  return kv || (limits.kv_heads == KvRule::kReplicates &&
                ranks % model.kv_heads == 0);
}

uint32_t LargestUlysses(Engine engine, const ModelDims& model, uint32_t ulysses,
                        uint32_t tensor) {
  while (ulysses > 1 && !CanSplitHeads(engine, model, ulysses, tensor))
    --ulysses;
  return ulysses;
}

}  // namespace ithaca::planner
