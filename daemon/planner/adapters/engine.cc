#include "daemon/planner/adapters/engine.h"

#include <tuple>

namespace ithaca::planner {
namespace {

using H = HeadRule;
using K = KvRule;
using L = LengthRule;
using T = TokenOrder;
using G = RingGradients;

// In the order of the enum.
//     engine, name,
//     ulysses, ring, both, ring inside, tensor, pipeline,
//     heads, kv heads, length, ring order, ring gradients, trains
constexpr EngineLimits kLimits[kEngines] = {
    {Engine::kDeepSpeedLayer, "DeepSpeed DistributedAttention", true, false,
     false, false, false, false, H::kUnevenMha, K::kUnevenMha, L::kUnchecked,
     T::kContiguous, G::kFp32, true},
    {Engine::kFpdt, "DeepSpeed FPDT", true, false, false, false, false, false,
     H::kRefuses, K::kRefuses, L::kRefuses, T::kContiguous, G::kFp32, true},
    {Engine::kAlst, "DeepSpeed ALST (UlyssesSPAttentionHF)", true, false, false,
     false, false, false, H::kRefuses, K::kReplicates, L::kRefuses,
     T::kContiguous, G::kFp32, true},
    {Engine::kTransformerEngine, "TransformerEngine context parallelism", true,
     true, true, false, true, true, H::kRefuses, K::kRefuses, L::kRefuses,
     T::kZigzag, G::kElement, true},
    {Engine::kTorchRing, "torch context_parallel", false, true, false, false,
     true, true, H::kNone, K::kNone, L::kRefuses, T::kZigzag, G::kFp32, true},
    {Engine::kTorchUlysses, "TorchTitan Ulysses", true, false, false, false,
     true, true, H::kRefuses, K::kRefuses, L::kRefuses, T::kContiguous,
     G::kFp32, true},
    {Engine::kVerl, "verl Ulysses", true, false, false, false, false, false,
     H::kRefuses, K::kReplicates, L::kPads, T::kContiguous, G::kFp32, true},
    {Engine::kSwift, "ms-swift sequence parallelism", true, true, true, false,
     false, false, H::kRefuses, K::kRefuses, L::kPads, T::kZigzag, G::kFp32,
     true},
    {Engine::kYunchang, "yunchang LongContextAttention", true, true, true, true,
     true, true, H::kFloors, K::kFloors, L::kUnchecked, T::kZigzag, G::kFp32,
     true},
    {Engine::kUspServer, "USP attention of a diffusion server", true, true,
     true, false, true, false, H::kRefuses, K::kRefuses, L::kRefuses,
     T::kContiguous, G::kFp32, false},
    {Engine::kVllm, "ArcticInference Ulysses", true, false, false, false, true,
     true, H::kRefuses, K::kReplicates, L::kPads, T::kContiguous, G::kFp32,
     false},
    {Engine::kMaxtext, "MaxText context parallelism", true, true, false, false,
     true, true, H::kRefuses, K::kRefuses, L::kRefuses, T::kZigzag, G::kElement,
     true},
};

constexpr bool InOrder() {
  for (int i = 0; i < kEngines; ++i) {
    if (static_cast<int>(kLimits[i].engine) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "kLimits is indexed by Engine");

auto Fields(const Strategy& s) {
  return std::tie(
      s.data_parallel, s.pipeline, s.ring, s.ulysses, s.tensor,
      s.expert_parallel, s.hybrid_order, s.token_order, s.ring_gradients,
      s.zero_stage, s.recompute, s.offload_optimizer, s.offload_parameters,
      s.offload_checkpoints, s.tiled_mlp, s.tiled_loss, s.attention_chunk);
}

}  // namespace

const EngineLimits& LimitsOf(Engine engine) {
  return kLimits[static_cast<int>(engine)];
}

uint64_t LengthMultiple(Engine engine, const Strategy& s) {
  const uint64_t ranks = uint64_t{s.ulysses} * s.ring;
  if (ranks == 1) return 1;
  switch (engine) {
    case Engine::kTransformerEngine:
      return 2 * ranks;  // also where all of it is Ulysses
    case Engine::kTorchRing:
    case Engine::kYunchang:
    case Engine::kSwift:
    case Engine::kMaxtext:
      return s.ring > 1 ? 2 * ranks : ranks;
    default:
      return ranks;
  }
}

Strategy Canonical(Strategy s) {
  if (s.ring == 1 || s.ulysses == 1)
    s.hybrid_order = HybridOrder::kUlyssesInside;
  if (s.ring == 1) {
    s.token_order = TokenOrder::kContiguous;
    s.ring_gradients = RingGradients::kFp32;
  }
  if (s.recompute != Recompute::kFull) s.offload_checkpoints = false;
  if (s.zero_stage != 3) s.offload_parameters = false;
  return s;
}

bool SameStrategy(const Strategy& a, const Strategy& b) {
  return Fields(a) == Fields(b);
}

}  // namespace ithaca::planner
