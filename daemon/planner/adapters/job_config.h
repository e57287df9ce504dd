// A job as the configuration of its framework says it, in the planner's words.
//
// Made by the readers of frameworks' configurations, looked at by the rules
// that check one, written out by the writers. Plain values; safe from any
// thread.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_JOB_CONFIG_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_JOB_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/planner/adapters/settings.h"
#include "daemon/planner/cost/job.h"
#include "daemon/planner/frameworks/framework.h"

namespace ithaca::planner {

struct JobConfig {
  Framework framework = Framework::kDeepSpeed;
  Engine engine = Engine::kDeepSpeedLayer;
  // What the text says of it; where it is silent, what the framework takes.
  // data_parallel is 1 when neither the text nor the caller says how many
  // ranks there are.
  Strategy strategy;
  // sequence is 0 when the text does not say it.
  Work work;
  // Ranks, as the text says; else as the caller said.
  std::optional<uint32_t> ranks;
  // Whether the text itself says data_parallel.
  bool data_parallel_said = false;
  // All of the text, in its order.
  std::vector<Setting> settings;
};

// What a reader is told besides the text.
struct ReadOptions {
  std::optional<uint32_t> ranks;
  // Frameworks that split heads by themselves (ms-swift) need it.
  std::optional<uint32_t> query_heads;
};

// The setting at `path`, or null.
const Setting* FindSetting(const JobConfig& config, absl::string_view path);

// The value at `path` where it is of that type, else nothing. A word in quotes
// is no number.
std::optional<std::string> SaidWord(const JobConfig& config,
                                    absl::string_view path);
std::optional<bool> SaidFlag(const JobConfig& config, absl::string_view path);
std::optional<double> SaidNumber(const JobConfig& config,
                                 absl::string_view path);
std::vector<uint64_t> SaidCounts(const JobConfig& config,
                                 absl::string_view path);
std::vector<std::string> SaidWords(const JobConfig& config,
                                   absl::string_view path);

// Paths of what no reader understood, in the order of the text.
std::vector<std::string> NotUnderstood(const JobConfig& config);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_JOB_CONFIG_H_
