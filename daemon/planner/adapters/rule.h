// What a framework would silently get wrong, refuse, do slowly or not do at
// all with a configuration: one rule for each known case.
//
// The rules are data: rules.cc has the one table of them, and each looks at the
// subject by a small pure function. Used by the check of configurations; the
// service and the CLI list them. Safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_RULE_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_RULE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/planner/adapters/job_config.h"
#include "daemon/planner/cost/job.h"

namespace ithaca::planner {

// From the worst on.
enum class Harm {
  kWrongResult,  // it runs, and computes something else
  kCrash,        // it stops or hangs, at the first step or before
  kNoEffect,     // a setting does nothing
  kSlow,         // it works, and something better is near
  kInfo,         // worth knowing
};

// A configuration and what it is for.
struct Subject {
  const JobConfig& config;
  // Null: the model is not known.
  const ModelDims* model = nullptr;
  // "model_type" of its config.json; empty: not known.
  std::string model_type;
  bool latent_attention = false;
  // Some of its layers have linear or state-space attention.
  bool linear_attention = false;
  // Sliding window of the model or the work; 0: none.
  uint64_t window = 0;
  // Tokens; 0: not known.
  uint64_t sequence = 0;
  // Whether documents are packed into a sequence, and their lengths where
  // known.
  bool packed = false;
  std::vector<uint64_t> documents;
  // 0: not known.
  uint32_t ranks_per_node = 0;
};

// Where a rule applies.
struct Hit {
  std::string field;    // the framework's own name of the setting
  std::string message;  // what is wrong, with the numbers
  std::string remedy;   // what to write instead
};

struct Rule {
  const char* code;  // e.g. "HEADS_DO_NOT_DIVIDE"
  Harm harm;
  const char* source;  // where the case is known from
  std::optional<Hit> (*check)(const Subject& subject);
};

// All of them, in the order in which findings are given.
const std::vector<Rule>& Rules();

// "wrong result", "crash", "no effect", "slow" or "info".
const char* HarmName(Harm harm);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_RULE_H_
