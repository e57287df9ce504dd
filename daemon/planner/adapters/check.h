// Finds what a framework would get wrong with a configuration, before it is
// launched.
//
// Used by the service and by the CLI, on text that comes from outside. Pure;
// safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_CHECK_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/planner/adapters/adapter.h"
#include "daemon/planner/adapters/rule.h"

namespace ithaca::planner {

struct ConfigFinding {
  std::string code;
  Harm harm = Harm::kInfo;
  std::string field;
  std::string message;
  std::string remedy;
};

// What the text itself does not say of its job; all may be left out.
struct CheckContext {
  ReadOptions read;
  const ModelDims* model = nullptr;
  // The model's config.json, for what ModelDims does not hold: its type, latent
  // and linear attention, its window. Not JSON: passed over.
  std::string hugging_face_config;
  uint64_t sequence = 0;
  std::vector<uint64_t> documents;
  uint64_t window = 0;
  uint32_t ranks_per_node = 0;
};

struct ConfigCheck {
  JobConfig config;
  // In the order of the rules: the worst first.
  std::vector<ConfigFinding> findings;
  // Whether there is none that makes the result wrong, stops the job or makes
  // a setting do nothing.
  bool ok = true;
};

// Errors: those of ReadJobConfig.
absl::StatusOr<ConfigCheck> CheckConfig(Framework framework,
                                        absl::string_view text,
                                        const CheckContext& context);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_CHECK_H_
