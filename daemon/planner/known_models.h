// The models that are known by name: the part of their config.json that the
// planner reads.
//
// The table is known_models.json, which is built in; each entry names its
// source. Used by ithacactl. Immutable; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_KNOWN_MODELS_H_
#define ITHACA_DAEMON_PLANNER_KNOWN_MODELS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace ithaca::planner {

struct KnownModel {
  std::string name;    // lower case, e.g. "llama-3.1-8b"
  std::string source;  // where its figures were published
  std::string config;  // JSON, for PlanRequest.hugging_face_config
};

// All of them, in the order of the file.
const std::vector<KnownModel>& KnownModels();

// By name, case aside; null when there is none.
const KnownModel* FindKnownModel(absl::string_view name);

// The known name that is most like `name`, for an error; "" when none is.
std::string NearestKnownModel(absl::string_view name);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_KNOWN_MODELS_H_
