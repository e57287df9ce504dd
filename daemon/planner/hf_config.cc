#include "daemon/planner/hf_config.h"

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/limits.h"
#include "daemon/planner/model_shape.h"
#include "nlohmann/json.hpp"

namespace ithaca::planner {
namespace {

using Json = nlohmann::json;

constexpr char kRoot[] = "hugging_face_config";

absl::StatusOr<Json> ParseBounded(absl::string_view text) {
  if (text.size() > kMaxConfigBytes) {
    return FieldError(kRoot,
                      absl::StrCat("is ", text.size(), " bytes, at most ",
                                   kMaxConfigBytes, " are read"));
  }
  bool too_deep = false;
  const Json::parser_callback_t watch_depth = [&](int depth,
                                                  Json::parse_event_t, Json&) {
    too_deep |= depth > kMaxConfigDepth;
    return !too_deep;  // drops what lies deeper, so that it is never built
  };
  Json json = Json::parse(text.begin(), text.end(), watch_depth,
                          /*allow_exceptions=*/false);
  if (too_deep) {
    return FieldError(
        kRoot, absl::StrCat("nests deeper than ", kMaxConfigDepth, " levels"));
  }
  if (json.is_discarded()) return FieldError(kRoot, "is not valid JSON");
  if (!json.is_object()) return FieldError(kRoot, "is not a JSON object");
  return json;
}

// The value at `key`, or null when it is absent or null.
const Json* Find(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

// The object that has the heads, and its path.
struct Section {
  const Json* object;
  std::string path;
};

Section FindSection(const Json& root) {
  if (Find(root, "num_attention_heads") == nullptr) {
    for (const char* key : {"text_config", "llm_config", "language_config"}) {
      const Json* inner = Find(root, key);
      if (inner != nullptr && inner->is_object()) {
        return {inner, absl::StrCat(kRoot, ".", key)};
      }
    }
  }
  return {&root, kRoot};
}

// Reads an optional non-negative integer into `out`; leaves `out` alone when
// absent.
absl::Status ReadCount(const Section& section, const char* key,
                       std::optional<uint32_t>& out) {
  const Json* value = Find(*section.object, key);
  if (value == nullptr) return absl::OkStatus();
  const std::string field = absl::StrCat(section.path, ".", key);
  if (!value->is_number_unsigned()) {
    return FieldError(field, "must be a whole number, not negative");
  }
  const uint64_t number = value->get<uint64_t>();
  if (number > std::numeric_limits<uint32_t>::max()) {
    return FieldError(field, absl::StrCat("is ", number, ", beyond any model"));
  }
  out = static_cast<uint32_t>(number);
  return absl::OkStatus();
}

absl::Status RefuseLatentAttention(const Section& section) {
  if (Find(*section.object, "kv_lora_rank") == nullptr) return absl::OkStatus();
  return FieldError(
      absl::StrCat(section.path, ".kv_lora_rank"),
      "is set: multi-head latent attention has heads of several sizes "
      "and is not planned yet");
}

v1::DataType ReadDataType(const Section& section, const Json& root) {
  for (const Json* object : {section.object, &root}) {
    for (const char* key : {"torch_dtype", "dtype"}) {
      const Json* value = Find(*object, key);
      if (value == nullptr || !value->is_string()) continue;
      const auto& name = value->get_ref<const std::string&>();
      if (name == "float32") return v1::DATA_TYPE_FP32;
      if (name == "bfloat16") return v1::DATA_TYPE_BF16;
      if (name == "float16") return v1::DATA_TYPE_FP16;
    }
  }
  return v1::DATA_TYPE_UNSPECIFIED;
}

ModelFieldNames NamesIn(const std::string& path) {
  return {absl::StrCat(path, ".hidden_size"),
          absl::StrCat(path, ".num_attention_heads"),
          absl::StrCat(path, ".num_key_value_heads"),
          absl::StrCat(path, ".head_dim"),
          absl::StrCat(path, ".num_hidden_layers"),
          absl::StrCat(path, ".intermediate_size"),
          absl::StrCat(path, ".vocab_size"),
          absl::StrCat(path, ".num_experts"),
          absl::StrCat(path, ".num_experts_per_tok"),
          absl::StrCat(path, ".moe_intermediate_size"),
          absl::StrCat(path, ".n_shared_experts"),
          absl::StrCat(path, ".first_k_dense_replace")};
}

// Experts are called differently from model to model; the first name that is
// there counts.
absl::Status ReadExperts(const Section& section, v1::Model& model) {
  const struct {
    std::initializer_list<const char*> keys;
    void (v1::Model::*set)(uint32_t);
  } fields[] = {
      {{"num_experts", "num_local_experts", "n_routed_experts"},
       &v1::Model::set_experts},
      {{"num_experts_per_tok"}, &v1::Model::set_experts_per_token},
      {{"moe_intermediate_size"}, &v1::Model::set_expert_intermediate_size},
      {{"n_shared_experts"}, &v1::Model::set_shared_experts},
      {{"first_k_dense_replace"}, &v1::Model::set_dense_layers},
  };
  for (const auto& field : fields) {
    std::optional<uint32_t> count;
    for (const char* key : field.keys) {
      if (count) break;
      absl::Status s = ReadCount(section, key, count);
      if (!s.ok()) return s;
    }
    (model.*field.set)(count.value_or(0));
    if (model.experts() == 0) return absl::OkStatus();  // a dense model
  }
  return absl::OkStatus();
}

// Models whose feed-forward block has no gate; all others are taken to have
// one.
bool HasGate(const Json& root) {
  const Json* type = Find(root, "model_type");
  if (type == nullptr || !type->is_string()) return true;
  const auto& name = type->get_ref<const std::string&>();
  for (const char* plain : {"gpt2", "gpt_neo", "gpt_neox", "gptj", "opt",
                            "bloom", "falcon", "phi", "starcoder2", "bert"}) {
    if (name == plain) return false;
  }
  return true;
}

absl::StatusOr<v1::Model> ReadModel(const Section& section) {
  std::optional<uint32_t> hidden, heads, kv_heads, head_size, layers, ffn,
      vocabulary;
  const struct {
    const char* key;
    std::optional<uint32_t>& out;
  } fields[] = {
      {"hidden_size", hidden},           {"num_attention_heads", heads},
      {"num_key_value_heads", kv_heads}, {"head_dim", head_size},
      {"num_hidden_layers", layers},     {"intermediate_size", ffn},
      {"vocab_size", vocabulary},
  };
  for (const auto& field : fields) {
    if (absl::Status s = ReadCount(section, field.key, field.out); !s.ok()) {
      return s;
    }
  }
  if (!heads) {
    return FieldError(NamesIn(section.path).query_heads,
                      "missing; is this the config.json of a transformer?");
  }
  v1::Model model;
  model.set_hidden_size(hidden.value_or(0));
  model.set_query_heads(*heads);
  if (kv_heads) model.set_kv_heads(*kv_heads);
  if (head_size) model.set_head_size(*head_size);
  model.set_layers(layers.value_or(0));
  model.set_intermediate_size(ffn.value_or(0));
  model.set_vocabulary_size(vocabulary.value_or(0));
  return model;
}

}  // namespace

absl::StatusOr<HfConfig> ParseHfConfig(absl::string_view text) {
  const absl::StatusOr<Json> root = ParseBounded(text);
  if (!root.ok()) return root.status();
  const Section section = FindSection(*root);
  if (absl::Status s = RefuseLatentAttention(section); !s.ok()) return s;
  absl::StatusOr<v1::Model> model = ReadModel(section);
  if (!model.ok()) return model.status();
  if (absl::Status s = ReadExperts(section, *model); !s.ok()) return s;
  model->set_gated_mlp(HasGate(*section.object) && HasGate(*root));
  const Json* tied = Find(*section.object, "tie_word_embeddings");
  model->set_tied_embeddings(tied != nullptr && tied->is_boolean() &&
                             tied->get<bool>());
  if (absl::Status s = CompleteModel(NamesIn(section.path), *model); !s.ok()) {
    return s;
  }
  HfConfig config;
  config.model = *std::move(model);
  config.data_type = ReadDataType(section, *root);
  return config;
}

}  // namespace ithaca::planner
