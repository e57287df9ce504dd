// The frameworks that run sequence parallelism, and what each can be told of a
// strategy: the limits as data.
//
// Used by the search, to plan what a framework can run, and by the adapters,
// which read and write frameworks' configurations. Constants and pure
// functions; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_FRAMEWORKS_FRAMEWORK_H_
#define ITHACA_DAEMON_PLANNER_FRAMEWORKS_FRAMEWORK_H_

#include <string>
#include <string_view>

#include "daemon/planner/cost/job.h"
#include "daemon/planner/frameworks/engine.h"

namespace ithaca::planner {

// Those that configurations are read and written of come first.
enum class Framework {
  kDeepSpeed,   // DeepSpeed's own layers, with a ds_config
  kAlst,        // ArcticTraining, which runs DeepSpeed's ALST
  kMegatron,    // Megatron-LM, Megatron-Bridge, Megatron-DeepSpeed
  kAccelerate,  // Hugging Face accelerate
  kTorchtitan,
  kVerl,
  kSwift,     // ms-swift
  kYunchang,  // a script that calls yunchang
  kXdit,      // xDiT and SGLang-diffusion
  kVllm,      // ArcticInference on vLLM
  kMaxtext,
  kVeomni,
  kInternevo,
};
inline constexpr int kFrameworks = 13;
inline constexpr int kConfigurations = 11;

// Whether a framework can be told a feature of a strategy.
enum class Can {
  kNo,
  kScript,  // in the training script, not in the configuration
  kYes,
};

struct FrameworkLimits {
  Framework framework;
  const char* name;   // of --framework, e.g. "megatron"
  const char* title;  // e.g. "Megatron-LM"

  Engine plain;    // what runs it without Ulysses
  Engine ulysses;  // and with it
  Engine chunked;  // and in chunks

  Can zero[4];  // by stage
  Can pipeline;
  Can tensor;
  Can selective_recompute;
  Can full_recompute;
  Can offload_optimizer;
  Can offload_parameters;
  Can offload_checkpoints;
  Can tiled_mlp;
  Can tiled_loss;
  Can attention_chunk;
  Can expert_parallel;
  bool whole_kv;  // the tensor degree must divide the key/value heads
};

const FrameworkLimits& LimitsOf(Framework framework);

// Null when no framework has this name.
const FrameworkLimits* FindFramework(std::string_view name);

// Names of the first `count` frameworks, comma-separated.
std::string FrameworkNames(int count = kFrameworks);

// The engine with which the framework would run the strategy.
Engine EngineOf(Framework framework, const Strategy& strategy);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_FRAMEWORKS_FRAMEWORK_H_
