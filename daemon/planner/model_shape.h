// Fills in and checks the shape of a model.
//
// Used for models from requests and from Hugging Face configs alike. Pure; safe
// from any thread.
#ifndef ITHACA_DAEMON_PLANNER_MODEL_SHAPE_H_
#define ITHACA_DAEMON_PLANNER_MODEL_SHAPE_H_

#include <string>

#include "absl/status/status.h"
#include "daemon/planner/cost/job.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// What the fields of a model are called where it came from, for errors.
struct ModelFieldNames {
  std::string hidden_size;
  std::string query_heads;
  std::string kv_heads;
  std::string head_size;
  std::string layers;
  std::string intermediate_size;
  std::string vocabulary_size;
  std::string experts;
  std::string experts_per_token;
  std::string expert_intermediate_size;
  std::string shared_experts;
  std::string dense_layers;
};

// The names that the fields of a Model message at `path` have.
ModelFieldNames MessageNames(const std::string& path);

// Sets kv_heads, head_size, gated_mlp and expert_intermediate_size where absent
// and checks every field. On return with OK the first three are present.
// Errors: INVALID_ARGUMENT naming the field.
absl::Status CompleteModel(const ModelFieldNames& names, v1::Model& model);

// Whether the model is known well enough for parameters to be counted.
bool IsKnown(const v1::Model& model);

// The same for the cost functions; where absent, as many key/value heads as
// query heads, and a gate. REQUIRES: CompleteModel, or no figure is used that
// it would have filled in.
ModelDims DimsOf(const v1::Model& model);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_MODEL_SHAPE_H_
