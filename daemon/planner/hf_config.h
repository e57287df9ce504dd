// Reads the shape of a model out of a Hugging Face config.json.
//
// Used by the planner on text that comes from outside: bounded in size and
// depth, checked field by field. Pure; safe from any thread.
//
// Fields read: hidden_size, num_attention_heads, num_key_value_heads (absent or
// null: as many as attention heads), head_dim (absent or null: hidden_size /
// heads), num_hidden_layers, intermediate_size, vocab_size, torch_dtype or
// dtype, tie_word_embeddings (absent: false), model_type (for the few whose
// feed-forward block has no gate), num_experts or num_local_experts or
// n_routed_experts, and with these num_experts_per_tok, moe_intermediate_size,
// n_shared_experts and first_k_dense_replace. Where the outer object has no
// num_attention_heads, the one below text_config, llm_config or language_config
// is read instead (models of several modalities).
#ifndef ITHACA_DAEMON_PLANNER_HF_CONFIG_H_
#define ITHACA_DAEMON_PLANNER_HF_CONFIG_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

struct HfConfig {
  v1::Model model;  // complete, see CompleteModel
  // Unspecified when the config names none, or one that does not travel (e.g.
  // fp8).
  v1::DataType data_type = v1::DATA_TYPE_UNSPECIFIED;
};

// Errors: INVALID_ARGUMENT that names the field as
// "hugging_face_config.num_attention_heads", or "hugging_face_config" when the
// text is too long, too deep or no JSON object. Multi-head latent attention,
// whose heads do not have one size, is such an error too.
absl::StatusOr<HfConfig> ParseHfConfig(absl::string_view text);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_HF_CONFIG_H_
