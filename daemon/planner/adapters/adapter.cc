#include "daemon/planner/adapters/adapter.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/planner/adapters/frameworks.h"
#include "daemon/planner/adapters/mesh_words.h"
#include "daemon/planner/adapters/refusals.h"

namespace ithaca::planner {
namespace {

constexpr Can N = Can::kNo;
constexpr Can S = Can::kScript;
constexpr Can Y = Can::kYes;

// In the order of the enum. The flags: ZeRO 0 to 3; pipeline, tensor;
// recomputation selective, full; offload of optimizer, parameters,
// checkpoints; tiles of MLP, loss; attention in chunks; experts.
// clang-format off
constexpr Adapter kAdapters[kFrameworks] = {
    {Framework::kDeepSpeed, "deepspeed", "DeepSpeed", "ds_config",
     "JSON (ds_config)",
     ReadDeepSpeed, WriteDeepSpeed, DeepSpeedEngine,
     {Y, Y, Y, Y}, S, Y, S, Y, Y, Y, Y, S, S, S, S},
    {Framework::kAlst, "alst", "DeepSpeed ALST", "config",
     "YAML (ArcticTraining) or a ds_config",
     ReadAlst, WriteAlst, AlstEngine,
     {Y, Y, Y, Y}, N, N, N, Y, Y, Y, Y, Y, Y, N, N},
    {Framework::kMegatron, "megatron", "Megatron-LM", "megatron",
     "options, or Megatron-Bridge's YAML",
     ReadMegatron, WriteMegatron, MegatronEngine,
     {Y, Y, Y, Y}, Y, Y, Y, Y, Y, N, N, N, N, Y, Y},
    {Framework::kAccelerate, "accelerate", "Hugging Face accelerate",
     "accelerate config", "YAML or JSON",
     ReadAccelerate, WriteAccelerate, AccelerateEngine,
     {Y, Y, Y, Y}, N, Y, N, Y, Y, Y, S, S, S, N, N},
    {Framework::kTorchtitan, "torchtitan", "TorchTitan", "torchtitan config",
     "TOML",
     ReadTorchtitan, WriteTorchtitan, TorchtitanEngine,
     {Y, N, Y, Y}, Y, Y, Y, Y, Y, Y, N, N, N, N, Y},
    {Framework::kVerl, "verl", "verl", "verl", "overrides or YAML",
     ReadVerl, WriteVerl, VerlEngine,
     {N, N, Y, Y}, N, N, N, Y, Y, Y, Y, N, S, N, N},
    {Framework::kSwift, "swift", "ms-swift", "swift", "options or YAML",
     ReadSwift, WriteSwift, SwiftEngine,
     {Y, Y, Y, Y}, N, N, N, Y, Y, Y, N, S, Y, N, N},
    {Framework::kYunchang, "yunchang", "yunchang", "options", "options",
     ReadYunchang, WriteYunchang, YunchangEngine,
     {Y, S, S, S}, S, S, S, S, S, S, S, S, S, N, S},
    {Framework::kXdit, "xdit", "xDiT and SGLang-diffusion", "options",
     "options",
     ReadXdit, WriteXdit, XditEngine,
     {Y, N, N, N}, N, Y, N, N, N, N, N, N, N, N, N},
    {Framework::kVllm, "vllm", "ArcticInference on vLLM", "options", "options",
     ReadVllm, WriteVllm, VllmEngine,
     {Y, N, N, N}, Y, Y, N, N, N, N, N, N, N, N, N},
    {Framework::kMaxtext, "maxtext", "MaxText", "maxtext", "overrides or YAML",
     ReadMaxtext, WriteMaxtext, MaxtextEngine,
     {N, N, N, Y}, Y, Y, S, S, S, N, N, N, N, N, N},
};
// clang-format on

constexpr bool InOrder() {
  for (int i = 0; i < kFrameworks; ++i) {
    if (static_cast<int>(kAdapters[i].framework) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "kAdapters is indexed by Framework");

// Names of the frameworks that can run the strategy.
std::vector<std::string> WhatCan(const JobConfig& config,
                                 const ModelDims* model) {
  std::vector<std::string> names;
  for (const Adapter& adapter : kAdapters) {
    if (adapter.framework == config.framework) continue;
    const JobConfig other =
        NewJobConfig(adapter.framework, config.strategy, config.work);
    if (FindRefusals(adapter, other, model).empty())
      names.push_back(adapter.title);
  }
  return names;
}

}  // namespace

const Adapter& AdapterOf(Framework framework) {
  return kAdapters[static_cast<int>(framework)];
}

const Adapter* FindAdapter(absl::string_view name) {
  for (const Adapter& adapter : kAdapters) {
    if (name == adapter.name) return &adapter;
  }
  return nullptr;
}

std::string FrameworkNames() {
  std::vector<std::string> names;
  for (const Adapter& adapter : kAdapters) names.push_back(adapter.name);
  return absl::StrJoin(names, ", ");
}

absl::StatusOr<JobConfig> ReadJobConfig(Framework framework,
                                        absl::string_view text,
                                        const ReadOptions& options) {
  return AdapterOf(framework).read(text, options);
}

Worded WordJobConfig(const JobConfig& config, const ModelDims* model) {
  const Adapter& adapter = AdapterOf(config.framework);
  JobConfig plain = config;
  plain.strategy = Canonical(config.strategy);
  Worded worded;
  worded.refusals = FindRefusals(adapter, plain, model);
  if (worded.refusals.empty()) {
    worded.wording = adapter.write(plain);
    worded.wording.device_mesh =
        DeviceMeshCall(MeshOf(config.framework, plain.strategy));
    for (const std::string& part : PartsForScript(adapter, plain.strategy))
      worded.wording.not_in_config.push_back(part);
    return worded;
  }
  const std::vector<std::string> names = WhatCan(plain, model);
  for (Refusal& refusal : worded.refusals) {
    absl::StrAppend(&refusal.remedy, "; can run it as it is: ",
                    names.empty() ? "no framework that is known here"
                                  : absl::StrJoin(names, ", "));
  }
  return worded;
}

JobConfig NewJobConfig(Framework framework, const Strategy& strategy,
                       const Work& work) {
  JobConfig config;
  config.framework = framework;
  config.strategy = strategy;
  config.work = work;
  config.engine = AdapterOf(framework).engine(strategy);
  config.ranks = strategy.data_parallel * strategy.pipeline * strategy.ring *
                 strategy.ulysses * strategy.tensor;
  config.data_parallel_said = true;
  return config;
}

}  // namespace ithaca::planner
