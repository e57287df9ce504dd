// Frameworks' configurations, read into the planner's words and written back
// in the framework's own.
//
// Used by the check of configurations, by the service and by the CLI. Pure
// functions; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_ADAPTER_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_ADAPTER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/planner/adapters/job_config.h"
#include "daemon/planner/cost/job.h"
#include "daemon/planner/frameworks/framework.h"
#include "daemon/planner/frameworks/refusals.h"

namespace ithaca::planner {

// A strategy in a framework's words.
struct Wording {
  // In the framework's format: JSON, YAML, TOML, options or overrides.
  std::string config;
  // Lines for the training script that belong to it.
  std::vector<std::string> script;
  // The mesh in the framework's order, as a call of torch's init_device_mesh.
  std::string device_mesh;
  // What of the strategy `config` has no word for: it is in `script`, or is
  // said in words. Empty: reading `config` gives the same strategy.
  std::vector<std::string> not_in_config;
};

struct Worded {
  std::vector<Refusal> refusals;
  // Only where there is no refusal.
  Wording wording;
};

// What the name, the engine and the limits are is in frameworks/framework.h.
struct Adapter {
  Framework framework;
  const char* what;    // names the text in errors, e.g. "ds_config"
  const char* format;  // for people, e.g. "JSON"

  absl::StatusOr<JobConfig> (*read)(absl::string_view text,
                                    const ReadOptions& options);
  // REQUIRES: WordJobConfig finds no refusal.
  Wording (*write)(const JobConfig& config);

  const char* name() const { return LimitsOf(framework).name; }
  const char* title() const { return LimitsOf(framework).title; }
};

// REQUIRES: one of the first kConfigurations frameworks.
const Adapter& AdapterOf(Framework framework);
// Null when no framework has this name, or none whose configurations are read.
const Adapter* FindAdapter(absl::string_view name);
// Their names, comma-separated, in the order of the enum.
std::string AdapterNames();

// The job that the text says. Errors: INVALID_ARGUMENT that begins with the
// name of the text and the key, e.g. "ds_config.zero_optimization.stage: ...",
// for a text that is not of the framework's format, a value of the wrong type
// and degrees that cannot be.
absl::StatusOr<JobConfig> ReadJobConfig(Framework framework,
                                        absl::string_view text,
                                        const ReadOptions& options);

// The strategy and the work of `config` in the words of config.framework, with
// every setting that no reader understood kept as it was; or why the framework
// cannot run it. With `model`, heads are looked at too. REQUIRES: the strategy
// is one that job.h allows.
Worded WordJobConfig(const JobConfig& config, const ModelDims* model);

// A job for a framework from the planner's words alone.
JobConfig NewJobConfig(Framework framework, const Strategy& strategy,
                       const Work& work);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_ADAPTER_H_
