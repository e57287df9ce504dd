#include "daemon/planner/validate_parts.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/planner/plan_parts.h"
#include "daemon/planner/workload_shape.h"

namespace ithaca::planner {
namespace {

std::string PathOf(int rank, const char* field) {
  return absl::StrCat("ranks[", rank, "].", field);
}

// Lists of the wrong length are told before any work is done for them.
void CheckCounts(const std::string& path, size_t members,
                 const v1::ExchangeCounts& found,
                 const std::function<v1::ExchangeCounts()>& make,
                 Findings& findings) {
  if (found.send_size() != static_cast<int>(members) ||
      found.receive_size() != static_cast<int>(members)) {
    findings.Add(path, absl::StrCat("must have ", members,
                                    " entries each way, one for each member"));
    return;
  }
  const v1::ExchangeCounts want = make();
  findings.ExpectList(path + ".send", {want.send().begin(), want.send().end()},
                      found.send());
  findings.ExpectList(path + ".receive",
                      {want.receive().begin(), want.receive().end()},
                      found.receive());
}

v1::Family FamilyOfShares(const v1::Plan& plan,
                          const std::vector<HeadShare>& shares) {
  const v1::Mesh& mesh = plan.mesh();
  if (mesh.ring() > 1) {
    return mesh.ulysses() > 1 ? v1::FAMILY_ULYSSES_RING : v1::FAMILY_RING;
  }
  const bool equal =
      std::all_of(shares.begin(), shares.end(), [&](const HeadShare& s) {
        return s.count == shares[0].count && s.kv_count == shares[0].kv_count;
      });
  if (!equal) return v1::FAMILY_ULYSSES_UNEVEN;
  const uint32_t kv_heads =
      std::max(1u, plan.model().kv_heads() / mesh.tensor());
  if (KvHeadCopies(shares) == kv_heads) return v1::FAMILY_ULYSSES_EVEN;
  return shares[0].kv_count == 1 ? v1::FAMILY_ULYSSES_REPLICATED_KV
                                 : v1::FAMILY_ULYSSES_UNEVEN;
}

}  // namespace

PartCheck::PartCheck(const v1::Plan& plan, Findings& findings)
    : plan_(plan),
      findings_(findings),
      split_(SplitSequence(SplitSpecOf(plan))) {}

void PartCheck::CheckRows(int rank, uint64_t count, uint64_t valid) {
  const v1::Rank& found = plan_.ranks(rank);
  findings_.ExpectEqual(PathOf(rank, "valid_tokens"), valid,
                        found.valid_tokens());
  findings_.ExpectEqual(PathOf(rank, "pad_tokens"), count - valid,
                        found.pad_tokens());
  findings_.ExpectEqual(PathOf(rank, "rows"), count * plan_.workload().batch(),
                        found.rows());
}

// Without a ring any ranges do that follow each other from 0 to the padded
// length.
bool PartCheck::CheckContiguous(const std::vector<int>& group) {
  uint64_t next = 0;
  for (int i : group) {
    const v1::Rank& rank = plan_.ranks(i);
    if (rank.token_ranges_size() != 1) {
      findings_.Add(PathOf(i, "token_ranges"),
                    "must hold one range in a contiguous layout");
      return false;
    }
    const v1::TokenRange& range = rank.token_ranges(0);
    if (range.start() != next || range.stride() != 0 ||
        range.count() > plan_.padded_sequence_length() - next) {
      findings_.Add(PathOf(i, "token_ranges[0]"),
                    absl::StrCat("must start at ", next, " and end by ",
                                 plan_.padded_sequence_length()));
      return false;
    }
    next += range.count();
    const uint64_t length = plan_.workload().sequence_length();
    CheckRows(i, range.count(),
              std::min(next, length) - std::min(range.start(), length));
  }
  if (next == plan_.padded_sequence_length()) return true;
  findings_.Add(PathOf(group.back(), "token_ranges[0]"),
                absl::StrCat("ends at ", next, ", so the tokens up to ",
                             plan_.padded_sequence_length(), " are nobody's"));
  return false;
}

// Around a ring the layout says exactly who holds what.
bool PartCheck::CheckAsSplit(const std::vector<int>& group) {
  for (size_t u = 0; u < group.size(); ++u) {
    const v1::Rank& rank = plan_.ranks(group[u]);
    const TokenShare& want =
        split_.shares[rank.coordinate().ring() * group.size() + u];
    if (rank.token_ranges_size() != static_cast<int>(want.runs.size())) {
      findings_.Add(PathOf(group[u], "token_ranges"),
                    absl::StrCat("has ", rank.token_ranges_size(),
                                 " entries, expected ", want.runs.size()));
      return false;
    }
    for (size_t i = 0; i < want.runs.size(); ++i) {
      const v1::TokenRange& found = rank.token_ranges(static_cast<int>(i));
      const uint64_t stride = want.runs[i].stride > 1 ? want.runs[i].stride : 0;
      if (found.start() == want.runs[i].start &&
          found.count() == want.runs[i].count && found.stride() == stride) {
        continue;
      }
      findings_.Add(
          absl::StrCat(PathOf(group[u], "token_ranges["), i, "]"),
          absl::StrCat("is not ", want.runs[i].count, " tokens from ",
                       want.runs[i].start, " on, as its layout has it"));
      return false;
    }
    CheckRows(group[u], want.count, want.valid);
  }
  return true;
}

bool PartCheck::CheckTokens(const std::vector<int>& group) {
  return plan_.mesh().ring() == 1 ? CheckContiguous(group)
                                  : CheckAsSplit(group);
}

// The shares of the group; empty when the query heads do not follow each other
// through the tensor part.
std::vector<HeadShare> PartCheck::CheckHeads(const std::vector<int>& group) {
  const v1::Model& model = plan_.model();
  const uint32_t heads = model.query_heads() / plan_.mesh().tensor();
  uint32_t next = plan_.ranks(group[0]).coordinate().tensor() * heads;
  const uint32_t end = next + heads;
  std::vector<HeadShare> shares;
  for (int i : group) {
    const v1::HeadRange& range = plan_.ranks(i).query_heads();
    if (range.start() != next || range.count() == 0 ||
        range.count() > end - next) {
      findings_.Add(
          PathOf(i, "query_heads"),
          absl::StrCat("must start at ", next, ", hold one head at least and ",
                       "end by ", end));
      return {};
    }
    next += range.count();
    shares.push_back(ShareOf(range.start(), range.count(),
                             model.query_heads() / model.kv_heads()));
    std::vector<uint32_t> kv_heads;
    for (uint32_t k = 0; k < shares.back().kv_count; ++k) {
      kv_heads.push_back(shares.back().first_kv + k);
    }
    findings_.ExpectList(PathOf(i, "kv_heads"), kv_heads,
                         plan_.ranks(i).kv_heads());
  }
  if (next == end) return shares;
  findings_.Add(PathOf(group.back(), "query_heads"),
                absl::StrCat("ends at ", next, ", so the heads up to ", end,
                             " are nobody's"));
  return {};
}

void PartCheck::CheckShares(const std::vector<int>& group,
                            const std::vector<HeadShare>& shares) {
  const v1::MeshCoordinate& c = plan_.ranks(group[0]).coordinate();
  copies_[{c.pipeline(), c.data_parallel(), c.ring()}] += KvHeadCopies(shares);
  findings_.ExpectEqual("family", FamilyOfShares(plan_, shares),
                        plan_.family());
  const double imbalance = HeadImbalance(shares);
  if (!(plan_.head_imbalance() == imbalance)) {
    findings_.Add("head_imbalance", absl::StrCat("is ", plan_.head_imbalance(),
                                                 ", expected ", imbalance));
  }
}

// All members of a ring hold the same heads, or a hop would carry the wrong
// ones.
void PartCheck::CheckRing(int i, uint32_t kv_heads) {
  const v1::Rank& rank = plan_.ranks(i);
  const v1::Mesh& mesh = plan_.mesh();
  if (mesh.ring() == 1) {
    if (rank.has_ring())
      findings_.Add(PathOf(i, "ring"), "is there, and no ring");
    return;
  }
  const v1::RingPart& found = rank.ring();
  const uint32_t index = rank.coordinate().ring();
  const RingBytes bytes =
      BytesAroundRing(plan_, split_.ring_tokens, index, kv_heads);
  ring_forward_ += bytes.forward;
  ring_backward_ += bytes.backward;
  findings_.ExpectEqual(PathOf(i, "ring.tokens"), split_.ring_tokens[index],
                        found.tokens());
  findings_.ExpectEqual(PathOf(i, "ring.forward_bytes"), bytes.forward,
                        found.forward_bytes());
  findings_.ExpectEqual(PathOf(i, "ring.backward_bytes"), bytes.backward,
                        found.backward_bytes());
  if (found.next() >= static_cast<uint32_t>(plan_.ranks_size())) return;
  const v1::HeadRange& next =
      plan_.ranks(static_cast<int>(found.next())).query_heads();
  if (next.start() != rank.query_heads().start() ||
      next.count() != rank.query_heads().count()) {
    findings_.Add(PathOf(i, "query_heads"),
                  "are not those of the next rank of its ring");
  }
}

void PartCheck::CheckTraffic(const std::vector<int>& group,
                             const std::vector<HeadShare>& shares) {
  std::vector<Member> members;
  for (size_t m = 0; m < group.size(); ++m) {
    // From the ranges, not from `rows`, which was not trusted.
    uint64_t tokens = 0;
    for (const v1::TokenRange& range : plan_.ranks(group[m]).token_ranges()) {
      tokens += range.count();
    }
    members.push_back({tokens * plan_.workload().batch(), shares[m].count,
                       shares[m].kv_count});
  }
  const Exchange exchange(std::move(members), plan_.model().head_size(),
                          BytesOf(plan_.workload().data_type()),
                          plan_.workload().mode() == v1::MODE_TRAINING);
  for (size_t m = 0; m < group.size(); ++m) {
    const v1::Rank& rank = plan_.ranks(group[m]);
    AddTraffic(exchange.Sent(m), total_);
    CheckRing(group[m], shares[m].kv_count);
    if (findings_.full()) continue;
    CheckCounts(
        PathOf(group[m], "seq_to_heads"), group.size(), rank.seq_to_heads(),
        [&] { return exchange.SeqToHeads(m); }, findings_);
    CheckCounts(
        PathOf(group[m], "heads_to_seq"), group.size(), rank.heads_to_seq(),
        [&] { return exchange.HeadsToSeq(m); }, findings_);
    findings_.ExpectSame(PathOf(group[m], "sent"), exchange.Sent(m),
                         rank.sent());
    findings_.ExpectSame(PathOf(group[m], "received"), exchange.Received(m),
                         rank.received());
  }
}

void PartCheck::CheckGroup(const std::vector<int>& group) {
  if (!CheckTokens(group)) return;
  const std::vector<HeadShare> shares = CheckHeads(group);
  if (shares.empty()) return;
  CheckShares(group, shares);
  CheckTraffic(group, shares);
}

void PartCheck::CheckSums() {
  for (const auto& [indices, copies] : copies_) {
    findings_.ExpectEqual("kv_head_copies", copies, plan_.kv_head_copies());
  }
  findings_.ExpectSame("total", total_, plan_.total());
  findings_.ExpectEqual("ring_forward_bytes", ring_forward_,
                        plan_.ring_forward_bytes());
  findings_.ExpectEqual("ring_backward_bytes", ring_backward_,
                        plan_.ring_backward_bytes());
}

}  // namespace ithaca::planner
