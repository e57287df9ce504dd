#include "daemon/planner/validate_group.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/planner/head_map.h"
#include "daemon/planner/request.h"
#include "daemon/planner/traffic.h"

namespace ithaca::planner {
namespace {

std::string PathOf(int rank, const char* field) {
  return absl::StrCat("ranks[", rank, "].", field);
}

// Whether the ranges follow each other from 0 to the padded length.
bool CheckTokens(const v1::Plan& plan, const std::vector<int>& group,
                 Findings& findings) {
  uint64_t next = 0;
  for (int i : group) {
    const v1::Rank& rank = plan.ranks(i);
    if (rank.token_ranges_size() != 1) {
      findings.Add(PathOf(i, "token_ranges"),
                   "must hold one range in a contiguous layout");
      return false;
    }
    const v1::TokenRange& range = rank.token_ranges(0);
    if (range.start() != next ||
        range.count() > plan.padded_sequence_length() - next) {
      findings.Add(PathOf(i, "token_ranges[0]"),
                   absl::StrCat("must start at ", next, " and end by ",
                                plan.padded_sequence_length()));
      return false;
    }
    next += range.count();
    const uint64_t length = plan.workload().sequence_length();
    const uint64_t valid =
        std::min(next, length) - std::min(range.start(), length);
    findings.ExpectEqual(PathOf(i, "valid_tokens"), valid, rank.valid_tokens());
    findings.ExpectEqual(PathOf(i, "pad_tokens"), range.count() - valid,
                         rank.pad_tokens());
    findings.ExpectEqual(PathOf(i, "rows"),
                         range.count() * plan.workload().batch(), rank.rows());
  }
  if (next == plan.padded_sequence_length()) return true;
  findings.Add(PathOf(group.back(), "token_ranges[0]"),
               absl::StrCat("ends at ", next, ", so the tokens up to ",
                            plan.padded_sequence_length(), " are nobody's"));
  return false;
}

// The shares of the group; empty when the query heads do not follow each other.
std::vector<HeadShare> CheckHeads(const v1::Plan& plan,
                                  const std::vector<int>& group,
                                  Findings& findings) {
  const uint32_t heads = plan.model().query_heads();
  std::vector<HeadShare> shares;
  uint32_t next = 0;
  for (int i : group) {
    const v1::HeadRange& range = plan.ranks(i).query_heads();
    if (range.start() != next || range.count() == 0 ||
        range.count() > heads - next) {
      findings.Add(
          PathOf(i, "query_heads"),
          absl::StrCat("must start at ", next, ", hold one head at least and ",
                       "end by ", heads));
      return {};
    }
    next += range.count();
    shares.push_back(
        ShareOf(range.start(), range.count(), heads / plan.model().kv_heads()));
    std::vector<uint32_t> kv_heads;
    for (uint32_t k = 0; k < shares.back().kv_count; ++k) {
      kv_heads.push_back(shares.back().first_kv + k);
    }
    findings.ExpectList(PathOf(i, "kv_heads"), kv_heads,
                        plan.ranks(i).kv_heads());
  }
  if (next == heads) return shares;
  findings.Add(PathOf(group.back(), "query_heads"),
               absl::StrCat("ends at ", next, ", so the heads up to ", heads,
                            " are nobody's"));
  return {};
}

Exchange MakeExchange(const v1::Plan& plan, const std::vector<int>& group,
                      const std::vector<HeadShare>& shares) {
  std::vector<Member> members;
  for (size_t m = 0; m < group.size(); ++m) {
    // From the range, not from `rows`, which was not trusted.
    const uint64_t tokens = plan.ranks(group[m]).token_ranges(0).count();
    members.push_back({tokens * plan.workload().batch(), shares[m].count,
                       shares[m].kv_count});
  }
  return Exchange(std::move(members), plan.model().head_size(),
                  BytesOf(plan.workload().data_type()),
                  plan.workload().mode() == v1::MODE_TRAINING);
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

v1::Family FamilyOfShares(const std::vector<HeadShare>& shares,
                          uint32_t kv_heads) {
  const bool equal =
      std::all_of(shares.begin(), shares.end(), [&](const HeadShare& s) {
        return s.count == shares[0].count && s.kv_count == shares[0].kv_count;
      });
  if (!equal) return v1::FAMILY_ULYSSES_UNEVEN;
  if (KvHeadCopies(shares) == kv_heads) return v1::FAMILY_ULYSSES_EVEN;
  return shares[0].kv_count == 1 ? v1::FAMILY_ULYSSES_REPLICATED_KV
                                 : v1::FAMILY_ULYSSES_UNEVEN;
}

void CheckSummary(const v1::Plan& plan, const std::vector<HeadShare>& shares,
                  Findings& findings) {
  findings.ExpectEqual(
      "family", FamilyOfShares(shares, plan.model().kv_heads()), plan.family());
  findings.ExpectEqual("kv_head_copies", KvHeadCopies(shares),
                       plan.kv_head_copies());
  const double imbalance = HeadImbalance(shares);
  if (plan.head_imbalance() != imbalance) {
    findings.Add("head_imbalance", absl::StrCat("is ", plan.head_imbalance(),
                                                ", expected ", imbalance));
  }
}

}  // namespace

void CheckGroup(const v1::Plan& plan, const std::vector<int>& group,
                v1::Traffic& total, Findings& findings) {
  if (!CheckTokens(plan, group, findings)) return;
  const std::vector<HeadShare> shares = CheckHeads(plan, group, findings);
  if (shares.empty()) return;
  CheckSummary(plan, shares, findings);
  const Exchange exchange = MakeExchange(plan, group, shares);
  for (size_t m = 0; m < group.size(); ++m) {
    const v1::Rank& rank = plan.ranks(group[m]);
    AddTraffic(exchange.Sent(m), total);
    if (findings.full()) continue;
    CheckCounts(
        PathOf(group[m], "seq_to_heads"), group.size(), rank.seq_to_heads(),
        [&] { return exchange.SeqToHeads(m); }, findings);
    CheckCounts(
        PathOf(group[m], "heads_to_seq"), group.size(), rank.heads_to_seq(),
        [&] { return exchange.HeadsToSeq(m); }, findings);
    findings.ExpectSame(PathOf(group[m], "sent"), exchange.Sent(m),
                        rank.sent());
    findings.ExpectSame(PathOf(group[m], "received"), exchange.Received(m),
                        rank.received());
  }
}

}  // namespace ithaca::planner
