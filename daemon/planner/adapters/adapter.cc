#include "daemon/planner/adapters/adapter.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/planner/adapters/frameworks.h"
#include "daemon/planner/adapters/mesh_words.h"

namespace ithaca::planner {
namespace {

// In the order of the enum.
// clang-format off
constexpr Adapter kAdapters[kConfigurations] = {
    {Framework::kDeepSpeed, "ds_config",
     "JSON (ds_config)",
     ReadDeepSpeed, WriteDeepSpeed},
    {Framework::kAlst, "config",
     "YAML (ArcticTraining) or a ds_config",
     ReadAlst, WriteAlst},
    {Framework::kMegatron, "megatron",
     "options, or Megatron-Bridge's YAML",
     ReadMegatron, WriteMegatron},
    {Framework::kAccelerate, "accelerate config",
     "YAML or JSON",
     ReadAccelerate, WriteAccelerate},
    {Framework::kTorchtitan, "torchtitan config",
     "TOML",
     ReadTorchtitan, WriteTorchtitan},
    {Framework::kVerl, "verl",
     "overrides or YAML",
     ReadVerl, WriteVerl},
    {Framework::kSwift, "swift",
     "options or YAML",
     ReadSwift, WriteSwift},
    {Framework::kYunchang, "options",
     "options",
     ReadYunchang, WriteYunchang},
    {Framework::kXdit, "options",
     "options",
     ReadXdit, WriteXdit},
    {Framework::kVllm, "options",
     "options",
     ReadVllm, WriteVllm},
    {Framework::kMaxtext, "maxtext",
     "overrides or YAML",
     ReadMaxtext, WriteMaxtext},
};
// clang-format on

constexpr bool InOrder() {
  for (int i = 0; i < kConfigurations; ++i) {
    if (static_cast<int>(kAdapters[i].framework) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "kAdapters is indexed by Framework");

// Names of the frameworks that can run the strategy.
std::vector<std::string> WhatCan(const JobConfig& config,
                                 const ModelDims* model) {
  const Demand demand = DemandOf(config.work, model);
  std::vector<std::string> names;
  for (int i = 0; i < kFrameworks; ++i) {
    const auto other = static_cast<Framework>(i);
    if (other != config.framework &&
        CountRefusals(other, config.strategy, demand) == 0)
      names.push_back(LimitsOf(other).title);
  }
  return names;
}

}  // namespace

const Adapter& AdapterOf(Framework framework) {
  return kAdapters[static_cast<int>(framework)];
}

const Adapter* FindAdapter(absl::string_view name) {
  for (const Adapter& adapter : kAdapters) {
    if (name == adapter.name()) return &adapter;
  }
  return nullptr;
}

std::string AdapterNames() { return FrameworkNames(kConfigurations); }

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
  worded.refusals = FindRefusals(config.framework, config.engine,
                                 plain.strategy, DemandOf(plain.work, model));
  if (worded.refusals.empty()) {
    worded.wording = adapter.write(plain);
    worded.wording.device_mesh =
        DeviceMeshCall(MeshOf(config.framework, plain.strategy));
    for (const std::string& part :
         PartsForScript(config.framework, plain.strategy))
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
  config.engine = EngineOf(framework, strategy);
  config.ranks = strategy.data_parallel * strategy.pipeline * strategy.ring *
                 strategy.ulysses * strategy.tensor;
  config.data_parallel_said = true;
  return config;
}

}  // namespace ithaca::planner
