#include "daemon/planner/frameworks/framework.h"

namespace ithaca::planner {
namespace {

using F = Framework;
using E = Engine;
constexpr Can N = Can::kNo;
constexpr Can S = Can::kScript;
constexpr Can Y = Can::kYes;

// In the order of the enum. Engines: plain, with Ulysses, in chunks. The flags:
// ZeRO 0 to 3; pipeline, tensor; recomputation selective, full; offload of
// optimizer, parameters, checkpoints; tiles of MLP, loss; attention in chunks;
// experts; whole key/value heads.
// clang-format off
constexpr FrameworkLimits kLimits[kFrameworks] = {
    {F::kDeepSpeed, "deepspeed", "DeepSpeed",
     E::kDeepSpeedLayer, E::kDeepSpeedLayer, E::kFpdt,
     {Y, Y, Y, Y}, S, Y, S, Y, Y, Y, Y, S, S, S, S, false},
    {F::kAlst, "alst", "DeepSpeed ALST", E::kAlst, E::kAlst, E::kAlst,
     {Y, Y, Y, Y}, N, N, N, Y, Y, Y, Y, Y, Y, N, N, false},
    {F::kMegatron, "megatron", "Megatron-LM",
     E::kTransformerEngine, E::kTransformerEngine, E::kFpdt,
     {Y, Y, Y, Y}, Y, Y, Y, Y, Y, N, N, N, N, Y, Y, true},
    {F::kAccelerate, "accelerate", "Hugging Face accelerate",
     E::kTorchRing, E::kAlst, E::kAlst,
     {Y, Y, Y, Y}, N, Y, N, Y, Y, Y, S, S, S, N, N, false},
    {F::kTorchtitan, "torchtitan", "TorchTitan",
     E::kTorchRing, E::kTorchUlysses, E::kTorchUlysses,
     {Y, N, Y, Y}, Y, Y, Y, Y, Y, Y, N, N, N, N, Y, true},
    {F::kVerl, "verl", "verl", E::kVerl, E::kVerl, E::kVerl,
     {N, N, Y, Y}, N, N, N, Y, Y, Y, Y, N, S, N, N, false},
    {F::kSwift, "swift", "ms-swift", E::kSwift, E::kSwift, E::kSwift,
     {Y, Y, Y, Y}, N, N, N, Y, Y, Y, N, S, Y, N, N, false},
    {F::kYunchang, "yunchang", "yunchang",
     E::kYunchang, E::kYunchang, E::kYunchang,
     {Y, S, S, S}, S, S, S, S, S, S, S, S, S, N, S, false},
    {F::kXdit, "xdit", "xDiT and SGLang-diffusion",
     E::kUspServer, E::kUspServer, E::kUspServer,
     {Y, N, N, N}, N, Y, N, N, N, N, N, N, N, N, N, false},
    {F::kVllm, "vllm", "ArcticInference on vLLM", E::kVllm, E::kVllm, E::kVllm,
     {Y, N, N, N}, Y, Y, N, N, N, N, N, N, N, N, N, false},
    {F::kMaxtext, "maxtext", "MaxText", E::kMaxtext, E::kMaxtext, E::kMaxtext,
     {N, N, N, Y}, Y, Y, S, S, S, N, N, N, N, N, N, false},
    {F::kVeomni, "veomni", "VeOmni", E::kVeomni, E::kVeomni, E::kVeomni,
     {S, S, S, S}, S, S, S, S, S, S, S, S, S, N, S, false},
    {F::kInternevo, "internevo", "InternEvo",
     E::kInternevo, E::kInternevo, E::kInternevo,
     {S, S, S, S}, S, N, S, S, S, S, S, S, S, N, S, false},
};
// clang-format on

constexpr bool InOrder() {
  for (int i = 0; i < kFrameworks; ++i) {
    if (static_cast<int>(kLimits[i].framework) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "kLimits is indexed by Framework");

}  // namespace

const FrameworkLimits& LimitsOf(Framework framework) {
  return kLimits[static_cast<int>(framework)];
}

const FrameworkLimits* FindFramework(std::string_view name) {
  for (const FrameworkLimits& limits : kLimits) {
    if (name == limits.name) return &limits;
  }
  return nullptr;
}

std::string FrameworkNames(int count) {
  std::string names;
  for (int i = 0; i < count; ++i) {
    if (i > 0) names += ", ";
    names += kLimits[i].name;
  }
  return names;
}

Engine EngineOf(Framework framework, const Strategy& s) {
  const FrameworkLimits& limits = LimitsOf(framework);
  if (s.attention_chunk > 0) return limits.chunked;
  return s.ulysses > 1 ? limits.ulysses : limits.plain;
}

}  // namespace ithaca::planner
