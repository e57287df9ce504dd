#include "daemon/planner/model_shape.h"

#include "absl/strings/str_cat.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {
namespace {

absl::Status CompleteKvHeads(const ModelFieldNames& names, v1::Model& model) {
  if (!model.has_kv_heads()) model.set_kv_heads(model.query_heads());
  absl::Status in_range =
      CheckRange(names.kv_heads, model.kv_heads(), 1, model.query_heads());
  if (!in_range.ok()) return in_range;
  if (model.query_heads() % model.kv_heads() != 0) {
    return FieldError(
        names.kv_heads,
        absl::StrCat("is ", model.kv_heads(), ", which does not divide the ",
                     model.query_heads(),
                     " query heads; every key/value head serves equally many"));
  }
  return absl::OkStatus();
}

absl::Status CompleteHeadSize(const ModelFieldNames& names, v1::Model& model) {
  if (!model.has_head_size()) {
    if (model.hidden_size() == 0) {
      return FieldError(names.head_size, absl::StrCat("missing; give it or ",
                                                      names.hidden_size));
    }
    if (model.hidden_size() % model.query_heads() != 0) {
      return FieldError(
          names.head_size,
          absl::StrCat("missing, and hidden size ", model.hidden_size(),
                       " is not a multiple of ", model.query_heads(),
                       " heads; give the head size"));
    }
    model.set_head_size(model.hidden_size() / model.query_heads());
  }
  return CheckRange(names.head_size, model.head_size(), 1, kMaxHeadSize);
}

absl::Status CompleteExperts(const ModelFieldNames& names, v1::Model& model) {
  const bool moe = model.experts() > 0;
  if (moe && model.expert_intermediate_size() == 0) {
    model.set_expert_intermediate_size(model.intermediate_size());
  }
  const struct {
    const std::string& name;
    uint64_t value, low, high;
  } ranges[] = {
      {names.experts, model.experts(), 0, kMaxExperts},
      {names.experts_per_token, model.experts_per_token(), moe ? 1u : 0u,
       model.experts()},
      {names.expert_intermediate_size, model.expert_intermediate_size(), 0,
       moe ? kMaxIntermediateSize : 0},
      {names.shared_experts, model.shared_experts(), 0, moe ? kMaxExperts : 0},
      {names.dense_layers, model.dense_layers(), 0, moe ? model.layers() : 0},
  };
  for (const auto& range : ranges) {
    absl::Status s = CheckRange(range.name, range.value, range.low, range.high);
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace

ModelFieldNames MessageNames(const std::string& path) {
  return {path + ".hidden_size",
          path + ".query_heads",
          path + ".kv_heads",
          path + ".head_size",
          path + ".layers",
          path + ".intermediate_size",
          path + ".vocabulary_size",
          path + ".experts",
          path + ".experts_per_token",
          path + ".expert_intermediate_size",
          path + ".shared_experts",
          path + ".dense_layers"};
}

absl::Status CompleteModel(const ModelFieldNames& names, v1::Model& model) {
  const struct {
    const std::string& name;
    uint64_t value, low, high;
  } ranges[] = {
      {names.hidden_size, model.hidden_size(), 0, kMaxHiddenSize},
      {names.query_heads, model.query_heads(), 1, kMaxQueryHeads},
      {names.layers, model.layers(), 0, kMaxLayers},
      {names.intermediate_size, model.intermediate_size(), 0,
       kMaxIntermediateSize},
      {names.vocabulary_size, model.vocabulary_size(), 0, kMaxVocabularySize},
  };
  for (const auto& range : ranges) {
    absl::Status s = CheckRange(range.name, range.value, range.low, range.high);
    if (!s.ok()) return s;
  }
  if (absl::Status s = CompleteKvHeads(names, model); !s.ok()) return s;
  if (absl::Status s = CompleteHeadSize(names, model); !s.ok()) return s;
  if (!model.has_gated_mlp()) model.set_gated_mlp(true);
  return CompleteExperts(names, model);
}

bool IsKnown(const v1::Model& model) {
  return model.hidden_size() > 0 && model.layers() > 0 &&
         model.intermediate_size() > 0 && model.vocabulary_size() > 0;
}

ModelDims DimsOf(const v1::Model& model) {
  ModelDims dims;
  dims.hidden = model.hidden_size();
  dims.query_heads = model.query_heads();
  dims.kv_heads = model.has_kv_heads() ? model.kv_heads() : model.query_heads();
  dims.head_size = model.head_size();
  dims.layers = model.layers();
  dims.intermediate = model.intermediate_size();
  dims.vocabulary = model.vocabulary_size();
  dims.mlp_matrices = model.has_gated_mlp() && !model.gated_mlp() ? 2 : 3;
  dims.tied_embeddings = model.tied_embeddings();
  dims.experts = model.experts();
  dims.experts_per_token = model.experts_per_token();
  dims.expert_intermediate = model.expert_intermediate_size();
  dims.shared_experts = model.shared_experts();
  dims.dense_layers = model.dense_layers();
  return dims;
}

}  // namespace ithaca::planner
