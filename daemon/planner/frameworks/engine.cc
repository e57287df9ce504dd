#include "daemon/planner/frameworks/engine.h"

#include <tuple>

namespace ithaca::planner {
namespace {

using H = HeadRule;
using K = KvRule;
using L = LengthRule;
using T = TokenOrder;
using G = RingGradients;
using B = Hybrid;

constexpr bool Y = true;
constexpr bool N = false;
constexpr RingMasks kAll = {Y, Y};
constexpr RingMasks kNoWindow = {N, Y};
constexpr RingMasks kOneDocument = {Y, N};

// In the order of the enum.
//     engine, name,
//     Ulysses, ring, both, tensor, pipeline,
//     heads, kv heads, length,
//     ring: order, any order, gradients, masks; sparse, trains
// clang-format off
constexpr EngineLimits kLimits[kEngines] = {
    {Engine::kDeepSpeedLayer, "DeepSpeed DistributedAttention",
     Y, N, B::kNone, N, N, H::kUnevenMha, K::kUnevenMha, L::kUnchecked,
     T::kContiguous, N, G::kFp32, kAll, Y, Y},
    {Engine::kFpdt, "DeepSpeed FPDT",
     Y, N, B::kNone, N, N, H::kRefuses, K::kRefuses, L::kRefuses,
     T::kContiguous, N, G::kFp32, kAll, Y, Y},
    {Engine::kAlst, "DeepSpeed ALST (UlyssesSPAttentionHF)",
     Y, N, B::kNone, N, N, H::kRefuses, K::kReplicates, L::kRefuses,
     T::kContiguous, N, G::kFp32, kAll, Y, Y},
    {Engine::kTransformerEngine, "TransformerEngine context parallelism",
     Y, Y, B::kUlyssesInside, Y, Y, H::kRefuses, K::kRefuses, L::kRefuses,
     T::kZigzag, N, G::kElement, kNoWindow, N, Y},
    {Engine::kTorchRing, "torch context_parallel",
     N, Y, B::kNone, Y, Y, H::kNone, K::kNone, L::kRefuses,
     T::kZigzag, N, G::kFp32, kOneDocument, Y, Y},
    {Engine::kTorchUlysses, "TorchTitan Ulysses",
     Y, N, B::kNone, Y, Y, H::kRefuses, K::kRefuses, L::kRefuses,
     T::kContiguous, N, G::kFp32, kAll, Y, Y},
    {Engine::kVerl, "verl Ulysses",
     Y, N, B::kNone, N, N, H::kRefuses, K::kReplicates, L::kPads,
     T::kContiguous, N, G::kFp32, kAll, Y, Y},
    {Engine::kSwift, "ms-swift sequence parallelism",
     Y, Y, B::kUlyssesInside, N, N, H::kRefuses, K::kRefuses, L::kPads,
     T::kZigzag, N, G::kFp32, kAll, Y, Y},
    {Engine::kYunchang, "yunchang LongContextAttention",
     Y, Y, B::kEither, Y, Y, H::kFloors, K::kFloors, L::kUnchecked,
     T::kZigzag, Y, G::kFp32, kOneDocument, Y, Y},
    {Engine::kUspServer, "USP attention of a diffusion server",
     Y, Y, B::kUlyssesInside, Y, N, H::kRefuses, K::kRefuses, L::kRefuses,
     T::kContiguous, N, G::kFp32, kAll, Y, N},
    {Engine::kVllm, "ArcticInference Ulysses",
     Y, N, B::kNone, Y, Y, H::kRefuses, K::kReplicates, L::kPads,
     T::kContiguous, N, G::kFp32, kAll, Y, N},
    {Engine::kMaxtext, "MaxText context parallelism",
     Y, Y, B::kNone, Y, Y, H::kRefuses, K::kRefuses, L::kRefuses,
     T::kZigzag, N, G::kElement, kAll, Y, Y},
    {Engine::kVeomni, "VeOmni sequence parallelism",
     Y, Y, B::kRingInside, Y, Y, H::kRefuses, K::kReplicates, L::kRefuses,
     T::kZigzag, Y, G::kFp32, kAll, Y, Y},
    {Engine::kInternevo, "InternEvo 2D attention",
     Y, Y, B::kEither, N, Y, H::kRefuses, K::kReplicates, L::kRefuses,
     T::kZigzag, N, G::kFp32, kAll, Y, Y},
};
// clang-format on

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
    case Engine::kInternevo:
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
