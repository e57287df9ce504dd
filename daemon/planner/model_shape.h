// Fills in and checks the shape of a model.
//
// Used for models from requests and from Hugging Face configs alike. Pure; safe
// from any thread.
#ifndef ITHACA_DAEMON_PLANNER_MODEL_SHAPE_H_
#define ITHACA_DAEMON_PLANNER_MODEL_SHAPE_H_

#include <string>

#include "absl/status/status.h"
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
};

// The names that the fields of a Model message at `path` have.
ModelFieldNames MessageNames(const std::string& path);

// Sets kv_heads and head_size where absent and checks every field. On return
// with OK both are present. Errors: INVALID_ARGUMENT naming the field.
absl::Status CompleteModel(const ModelFieldNames& names, v1::Model& model);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_MODEL_SHAPE_H_
