#include "daemon/planner/plan_hash.h"

#include <openssl/sha.h>

#include <cstring>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace ithaca::planner {
namespace {

uint64_t BitsOf(double value) {
  uint64_t bits = 0;
  static_assert(sizeof(bits) == sizeof(value));
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

void AppendModel(const v1::Model& m, std::string& text) {
  absl::StrAppend(&text, "model ", m.hidden_size(), " ", m.query_heads(), " ",
                  m.kv_heads(), " ", m.head_size(), " ");
  absl::StrAppend(&text, m.layers(), " ", m.intermediate_size(), " ",
                  m.vocabulary_size(), " ");
  absl::StrAppend(&text, m.gated_mlp() ? 1 : 0, " ",
                  m.tied_embeddings() ? 1 : 0, " ", m.experts(), " ");
  absl::StrAppend(&text, m.experts_per_token(), " ",
                  m.expert_intermediate_size(), " ", m.shared_experts(), " ",
                  m.dense_layers(), "\n");
}

void AppendWorkload(const v1::Workload& w, std::string& text) {
  absl::StrAppend(&text, "workload ", w.sequence_length(), " ", w.batch(), " ",
                  static_cast<int>(w.data_type()), " ");
  absl::StrAppend(&text, w.causal() ? 1 : 0, " ", static_cast<int>(w.mode()),
                  " ", static_cast<int>(w.mask()), " ", w.window(), " ");
  absl::StrAppend(&text, BitsOf(w.density()), " ", w.micro_batches(), " ",
                  w.global_batch(), "\ndocuments");
  for (uint64_t border : w.cu_seqlens()) absl::StrAppend(&text, " ", border);
  text += '\n';
}

void AppendMesh(const v1::Plan& plan, std::string& text) {
  const v1::Mesh& mesh = plan.mesh();
  absl::StrAppend(&text, "mesh ", mesh.data_parallel(), " ", mesh.pipeline(),
                  " ", mesh.ring(), " ");
  absl::StrAppend(&text, mesh.ulysses(), " ", mesh.tensor(), "\norder");
  for (int axis : plan.rank_order()) absl::StrAppend(&text, " ", axis);
  absl::StrAppend(&text, "\nsequence ",
                  static_cast<int>(plan.sequence_layout()), " ",
                  static_cast<int>(plan.remainder_policy()), " ",
                  plan.padded_sequence_length(), "\n");
}

void AppendStrategy(const v1::Strategy& s, std::string& text) {
  absl::StrAppend(&text, "strategy ", s.zero_stage(), " ",
                  static_cast<int>(s.recompute()), " ",
                  s.offload_optimizer() ? 1 : 0, " ");
  absl::StrAppend(&text, s.offload_parameters() ? 1 : 0, " ",
                  s.offload_checkpoints() ? 1 : 0, " ", s.tiled_mlp() ? 1 : 0,
                  " ");
  absl::StrAppend(&text, s.tiled_loss() ? 1 : 0, " ", s.attention_chunk(), " ",
                  s.expert_parallel(), " ");
  absl::StrAppend(&text, static_cast<int>(s.hybrid_order()), " ",
                  static_cast<int>(s.ring_gradients()), "\n");
}

// The lowest rank of each pair of indices, and the text of its part.
class FirstOf {
 public:
  // Whether the part of `rank` is that of the first one with its indices.
  bool Same(std::pair<uint32_t, uint32_t> indices, uint32_t rank,
            const std::string& text, uint32_t& first) {
    const auto [at, added] = firsts_.try_emplace(indices, rank, text);
    first = at->second.first;
    return !added && at->second.second == text;
  }

 private:
  std::map<std::pair<uint32_t, uint32_t>, std::pair<uint32_t, std::string>>
      firsts_;
};

}  // namespace

std::string HeadText(const v1::Plan& plan) {
  std::string text = "ithaca-plan 2\n";
  AppendModel(plan.model(), text);
  AppendWorkload(plan.workload(), text);
  AppendMesh(plan, text);
  AppendStrategy(plan.strategy(), text);
  return text;
}

void AppendRankLine(uint32_t rank, uint32_t group, const v1::Place* place,
                    std::string& text) {
  absl::StrAppend(&text, "rank ", rank, " group ", group, " at ");
  if (place == nullptr) {
    text += "-\n";
    return;
  }
  // The length in front keeps every name, whatever is in it, apart from the
  // rest.
  absl::StrAppend(&text, place->node().size(), ":", place->node(), " ",
                  place->local_index(), "\n");
}

std::string TokensText(const v1::Rank& rank) {
  std::string text;
  for (const v1::TokenRange& range : rank.token_ranges()) {
    absl::StrAppend(&text, " ", range.start(), "+", range.count());
    if (range.stride() > 1) absl::StrAppend(&text, "/", range.stride());
  }
  return text;
}

std::string HeadsText(const v1::Rank& rank) {
  std::string text = absl::StrCat(" ", rank.query_heads().start(), "+",
                                  rank.query_heads().count(), " kv");
  for (uint32_t head : rank.kv_heads()) absl::StrAppend(&text, " ", head);
  return text;
}

void AppendPartLine(absl::string_view word, uint32_t rank, uint32_t first,
                    bool same, absl::string_view text, std::string& out) {
  if (same && first != rank) {
    absl::StrAppend(&out, word, " as ", first, "\n");
  } else {
    absl::StrAppend(&out, word, text, "\n");
  }
}

std::string CanonicalText(const v1::Plan& plan) {
  std::string text = HeadText(plan);
  FirstOf tokens;
  FirstOf heads;
  for (const v1::Rank& rank : plan.ranks()) {
    AppendRankLine(rank.rank(), rank.ulysses_group(),
                   rank.has_place() ? &rank.place() : nullptr, text);
    const v1::MeshCoordinate& c = rank.coordinate();
    uint32_t first = 0;
    std::string part = TokensText(rank);
    bool same = tokens.Same({c.ring(), c.ulysses()}, rank.rank(), part, first);
    AppendPartLine("tokens", rank.rank(), first, same, part, text);
    part = HeadsText(rank);
    same = heads.Same({c.ulysses(), c.tensor()}, rank.rank(), part, first);
    AppendPartLine("heads", rank.rank(), first, same, part, text);
  }
  return text;
}

std::string Sha256Hex(absl::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

std::string HashPlan(const v1::Plan& plan) {
  return Sha256Hex(CanonicalText(plan));
}

}  // namespace ithaca::planner
