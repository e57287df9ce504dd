#include "daemon/planner/frameworks/refusals.h"

#include <array>
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

std::array<Part, 12> PartsOf(const FrameworkLimits& a, const Strategy& s) {
  static constexpr const char* kStages[] = {"ZeRO 0", "ZeRO 1", "ZeRO 2",
                                            "ZeRO 3"};
  return {{
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
  }};
}

class Finder {
 public:
  // Counts alone where `refusals` is null.
  Finder(Framework framework, Engine engine, const Strategy& strategy,
         const Demand& demand, std::vector<Refusal>* refusals)
      : framework_(LimitsOf(framework)),
        limits_(LimitsOf(engine)),
        s_(strategy),
        demand_(demand),
        refusals_(refusals) {}

  int Find() {
    for (const Part& part : PartsOf(framework_, s_)) {
      if (!part.asked || part.can != Can::kNo) continue;
      Add(part.code, part.remedy, "lacks ", part.name);
    }
    FindEngine();
    FindRing();
    FindMask();
    FindOwn();
    FindLength();
    if (demand_.model != nullptr) FindHeads();
    return count_;
  }

 private:
  // Counts one; whether its words are wanted.
  bool Wanted() {
    ++count_;
    return refusals_ != nullptr;
  }

  template <typename... What>
  void Add(const char* code, absl::string_view remedy, const What&... what) {
    if (Wanted()) Say(code, remedy, what...);
  }

  // REQUIRES: the words are wanted.
  template <typename... What>
  void Say(const char* code, absl::string_view remedy, const What&... what) {
    refusals_->push_back({code, absl::StrCat(framework_.title, " ", what...),
                          std::string(remedy)});
  }

  void FindEngine() {
    if (demand_.training && !limits_.trains) {
      Add("inference-only", "plan forward only",
          "does not train: its attention has no backward pass");
    }
    if (s_.ulysses > 1 && !limits_.ulysses)
      Add("no-ulysses", "use a ring", "has no Ulysses");
    if (s_.ring > 1 && !limits_.ring)
      Add("no-ring", "use Ulysses alone", "has no ring");
    if (s_.ulysses > 1 && s_.ring > 1) FindHybrid();
    if (s_.ulysses * s_.ring == 1) return;
    if (s_.tensor > 1 && !limits_.tensor && framework_.tensor != Can::kNo) {
      Add("tensor-parallel", "use a tensor-parallel degree of 1",
          "runs no tensor parallelism beside it");
    }
    if (s_.pipeline > 1 && !limits_.pipeline && framework_.pipeline != Can::kNo)
      Add("pipeline", "use one stage", "runs no pipeline beside it");
  }

  void FindHybrid() {
    const bool ring_inside = s_.hybrid_order == HybridOrder::kRingInside;
    if (limits_.hybrid == Hybrid::kNone) {
      if (limits_.ulysses && limits_.ring)
        Add("no-hybrid", "use one of the two", "has no Ulysses with a ring");
    } else if (limits_.hybrid == Hybrid::kUlyssesInside && ring_inside) {
      Add("ring-inside", "put Ulysses inside",
          "has Ulysses on neighbouring ranks, never the ring");
    } else if (limits_.hybrid == Hybrid::kRingInside && !ring_inside) {
      Add("ulysses-inside", "put the ring inside",
          "has the ring on neighbouring ranks, never Ulysses");
    }
  }

  void FindRing() {
    if (s_.ring == 1 || !limits_.ring) return;
    if (!limits_.any_order && s_.token_order != limits_.ring_order) {
      Add("token-order",
          limits_.ring_order == TokenOrder::kZigzag
              ? "use the zigzag order"
              : "use the contiguous order",
          "spreads the tokens of a ring in another order");
    }
    if (s_.ring_gradients != limits_.ring_gradients) {
      Add("ring-gradients",
          limits_.ring_gradients == RingGradients::kFp32
              ? "plan them in fp32"
              : "plan them in the type of the work",
          "sends a ring's gradients in another type");
    }
  }

  void FindMask() {
    if (demand_.mask == AttentionMask::kBlockSparse && !limits_.sparse) {
      Add("block-sparse", "use another mask", "has no block-sparse attention");
    }
    if (s_.ring == 1 || !limits_.ring) return;
    if (demand_.mask == AttentionMask::kSlidingWindow &&
        !limits_.ring_masks.window) {
      Add("window-with-ring", "use Ulysses alone",
          "takes no sliding window in a ring");
    }
    if (demand_.documents && !limits_.ring_masks.documents) {
      Add("documents-with-ring", "use Ulysses alone",
          "takes no packed documents in a ring");
    }
  }

  // What one framework alone does not allow.
  void FindOwn() {
    const bool spread = s_.ulysses > 1 || s_.ring > 1;
    const bool fsdp = s_.ring > 1 || s_.tensor > 1;
    switch (framework_.framework) {
      case Framework::kAccelerate:
        if (s_.ulysses == 1 && fsdp && s_.zero_stage < 2)
          Add("zero-stage", "use ZeRO 2 or 3", "needs FSDP for this");
        if (s_.ulysses == 1 && fsdp) FindOneOffload();
        break;
      case Framework::kTorchtitan:
        if (spread && s_.zero_stage == 0)
          Add("zero-stage", "use ZeRO 2 or 3", "shards over these ranks");
        if (s_.zero_stage == 0 && s_.offload_optimizer)
          Add("offload", "use ZeRO 2 or 3", "offloads only what it shards");
        FindOneOffload();
        break;
      case Framework::kSwift:
        if (s_.offload_optimizer && s_.zero_stage < 2)
          Add("offload", "use ZeRO 2 or 3", "offloads from ZeRO 2 on");
        FindOneOffload();
        break;
      default:
        break;
    }
  }

  void FindOneOffload() {
    if (s_.zero_stage != 3 || s_.offload_optimizer == s_.offload_parameters)
      return;
    Add("offload", "offload both or neither",
        "offloads parameters and optimizer together or not at all");
  }

  void FindLength() {
    const uint64_t multiple = LengthMultiple(limits_.engine, s_);
    if (demand_.sequence % multiple == 0 || limits_.length == LengthRule::kPads)
      return;
    if (!Wanted()) return;
    Say("sequence-not-divisible",
        absl::StrCat("pad to ", (demand_.sequence / multiple + 1) * multiple),
        "takes sequences of a multiple of ", multiple, ", not ",
        demand_.sequence);
  }

  void FindHeads() {
    const ModelDims& model = *demand_.model;
    if (framework_.whole_kv && model.kv_heads % s_.tensor != 0) {
      Add("kv-heads-not-whole",
          "use a tensor-parallel degree that divides them",
          "needs a tensor-parallel degree that divides the key/value heads");
    }
    if (framework_.framework == Framework::kSwift) FindSwiftSplit(model);
    if (s_.ulysses == 1 || !limits_.ulysses ||
        CanSplitHeads(limits_.engine, model, s_.ulysses, s_.tensor) ||
        !Wanted())
      return;
    Say("heads-not-divisible",
        absl::StrCat(
            "use a Ulysses degree of ",
            LargestUlysses(limits_.engine, model, s_.ulysses, s_.tensor),
            ", or Ithaca's own exchange, which splits any heads"),
        "cannot split ", model.query_heads, " query and ", model.kv_heads,
        " key/value heads over ", s_.ulysses,
        s_.tensor > 1 ? absl::StrCat(" x ", s_.tensor) : "", " ranks");
  }

  void FindSwiftSplit(const ModelDims& model) {
    const uint32_t own = std::gcd(model.query_heads, s_.ulysses * s_.ring);
    if (own == s_.ulysses || !Wanted()) return;
    Say("swift-split", absl::StrCat("use a Ulysses degree of ", own),
        "splits by itself, into Ulysses ", own, " x ring ",
        s_.ulysses * s_.ring / own);
  }

  const FrameworkLimits& framework_;
  const EngineLimits& limits_;
  const Strategy& s_;
  const Demand& demand_;
  std::vector<Refusal>* const refusals_;
  int count_ = 0;
};

}  // namespace

Demand DemandOf(const Work& work, const ModelDims* model) {
  return {work.sequence, work.training, work.mask, work.documents.size() > 1,
          model};
}

std::vector<Refusal> FindRefusals(Framework framework, Engine engine,
                                  const Strategy& strategy,
                                  const Demand& demand) {
  std::vector<Refusal> refusals;
  Finder(framework, engine, strategy, demand, &refusals).Find();
  return refusals;
}

int CountRefusals(Framework framework, const Strategy& strategy,
                  const Demand& demand) {
  return Finder(framework, EngineOf(framework, strategy), strategy, demand,
                nullptr)
      .Find();
}

std::vector<std::string> PartsForScript(Framework framework,
                                        const Strategy& strategy) {
  std::vector<std::string> names;
  for (const Part& part : PartsOf(LimitsOf(framework), strategy)) {
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
