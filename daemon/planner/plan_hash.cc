#include "daemon/planner/plan_hash.h"

#include <openssl/sha.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace ithaca::planner {
namespace {

void AppendHead(const v1::Plan& plan, std::string& text) {
  const v1::Model& m = plan.model();
  absl::StrAppend(&text, "ithaca-plan 1\nmodel ", m.hidden_size(), " ",
                  m.query_heads(), " ", m.kv_heads(), " ", m.head_size(), " ");
  absl::StrAppend(&text, m.layers(), " ", m.intermediate_size(), " ",
                  m.vocabulary_size(), "\n");
  const v1::Workload& w = plan.workload();
  absl::StrAppend(&text, "workload ", w.sequence_length(), " ", w.batch(), " ",
                  static_cast<int>(w.data_type()), " ");
  absl::StrAppend(&text, w.causal() ? 1 : 0, " ", static_cast<int>(w.mode()),
                  "\n");
  const v1::Mesh& mesh = plan.mesh();
  absl::StrAppend(&text, "mesh ", mesh.data_parallel(), " ", mesh.pipeline(),
                  " ", mesh.ring(), " ");
  absl::StrAppend(&text, mesh.ulysses(), " ", mesh.tensor(), "\norder");
  for (int axis : plan.rank_order()) absl::StrAppend(&text, " ", axis);
  absl::StrAppend(&text, "\nsequence ",
                  static_cast<int>(plan.sequence_layout()), " ",
                  static_cast<int>(plan.remainder_policy()), " ",
                  plan.padded_sequence_length());
  text += '\n';
}

void AppendRank(const v1::Rank& rank, std::string& text) {
  absl::StrAppend(&text, "rank ", rank.rank(), " group ", rank.ulysses_group(),
                  " at ");
  if (rank.has_place()) {
    // The length in front keeps every name, whatever is in it, apart from the
    // rest.
    absl::StrAppend(&text, rank.place().node().size(), ":", rank.place().node(),
                    " ", rank.place().local_index());
  } else {
    text += '-';
  }
  text += "\ntokens";
  for (const v1::TokenRange& range : rank.token_ranges()) {
    absl::StrAppend(&text, " ", range.start(), "+", range.count());
  }
  absl::StrAppend(&text, "\nheads ", rank.query_heads().start(), "+",
                  rank.query_heads().count(), " kv");
  for (uint32_t head : rank.kv_heads()) absl::StrAppend(&text, " ", head);
  text += '\n';
}

}  // namespace

std::string CanonicalText(const v1::Plan& plan) {
  std::string text;
  AppendHead(plan, text);
  for (const v1::Rank& rank : plan.ranks()) AppendRank(rank, text);
  return text;
}

std::string HashPlan(const v1::Plan& plan) {
  const std::string text = CanonicalText(plan);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

}  // namespace ithaca::planner
