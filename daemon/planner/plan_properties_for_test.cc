#include "daemon/planner/plan_properties_for_test.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using Wide = unsigned __int128;

uint64_t ElementBytes(const v1::Plan& plan) {
  return plan.workload().data_type() == v1::DATA_TYPE_FP32 ? 4 : 2;
}

bool Pads(const v1::Plan& plan) {
  return plan.remainder_policy() == v1::REMAINDER_POLICY_PAD;
}

// Documents in the padded sequence as (start, valid tokens). Only around a ring
// of several are they padded one by one.
std::vector<std::pair<uint64_t, uint64_t>> Documents(const v1::Plan& plan) {
  const auto& borders = plan.workload().cu_seqlens();
  if (plan.sequence_layout() != v1::SEQUENCE_LAYOUT_PACKED || !Pads(plan)) {
    return {{0, plan.workload().sequence_length()}};
  }
  const uint64_t multiple = 2 * plan.mesh().ring() * plan.mesh().ulysses();
  std::vector<std::pair<uint64_t, uint64_t>> documents;
  uint64_t start = 0;
  for (int i = 0; i + 1 < borders.size(); ++i) {
    const uint64_t valid = borders[i + 1] - borders[i];
    documents.push_back({start, valid});
    start += (valid + multiple - 1) / multiple * multiple;
  }
  return documents;
}

uint64_t ValidOf(const std::vector<std::pair<uint64_t, uint64_t>>& documents,
                 const v1::TokenRange& range) {
  const uint64_t stride = std::max<uint64_t>(1, range.stride());
  uint64_t valid = 0;
  for (const auto& [start, length] : documents) {
    if (stride == 1) {
      const uint64_t low = std::max(range.start(), start);
      const uint64_t high =
          std::min(range.start() + range.count(), start + length);
      valid += high > low ? high - low : 0;
    } else {
      // Few steps: such sequences are short, or this is a division.
      const uint64_t end = start + length;
      const auto below = [&](uint64_t bound) {
        if (bound <= range.start()) return uint64_t{0};
        return std::min(range.count(),
                        (bound - range.start() + stride - 1) / stride);
      };
      valid += below(end) - below(start);
    }
  }
  return valid;
}

// Ranges of stride 1 as they are; strided ones token by token where there are
// few, else by residue.
void CheckCover(const v1::Plan& plan, const std::vector<const v1::Rank*>& all) {
  const uint64_t padded = plan.padded_sequence_length();
  std::map<uint64_t, uint64_t> runs;                         // start -> end
  std::map<uint64_t, std::map<uint64_t, uint64_t>> strided;  // by residue
  for (const v1::Rank* rank : all) {
    for (const v1::TokenRange& range : rank->token_ranges()) {
      if (range.count() == 0) continue;
      ASSERT_LT(range.start(), padded);
      if (plan.sequence_layout() == v1::SEQUENCE_LAYOUT_STRIPED &&
          plan.mesh().ring() > 1) {
        const uint64_t ring = plan.mesh().ring();
        ASSERT_TRUE(range.stride() == ring ||
                    (range.count() == 1 && range.stride() == 0));
        auto& of = strided[range.start() % ring];
        ASSERT_TRUE(of.emplace(range.start() / ring,
                               range.start() / ring + range.count())
                        .second);
        continue;
      }
      ASSERT_LE(range.stride(), 1u);
      ASSERT_TRUE(
          runs.emplace(range.start(), range.start() + range.count()).second);
    }
  }
  const auto joined = [](const std::map<uint64_t, uint64_t>& pieces) {
    uint64_t next = 0;
    for (const auto& [start, end] : pieces) {
      if (start != next) return ~uint64_t{0};
      next = end;
    }
    return next;
  };
  if (strided.empty()) {
    ASSERT_EQ(joined(runs), padded);
    return;
  }
  const uint64_t ring = plan.mesh().ring();
  ASSERT_EQ(strided.size(), std::min(ring, padded));
  for (const auto& [residue, pieces] : strided) {
    ASSERT_EQ(joined(pieces), (padded - residue + ring - 1) / ring);
  }
}

// The ranks that share one sequence and one part of the heads.
void CheckSequenceGroup(const v1::Plan& plan,
                        const std::vector<const v1::Rank*>& all) {
  const auto documents = Documents(plan);
  const uint64_t members = all.size();
  uint64_t valid = 0;
  uint64_t least = ~uint64_t{0};
  uint64_t most = 0;
  for (const v1::Rank* rank : all) {
    uint64_t count = 0;
    uint64_t real = 0;
    for (const v1::TokenRange& range : rank->token_ranges()) {
      count += range.count();
      real += ValidOf(documents, range);
    }
    ASSERT_EQ(rank->valid_tokens(), real);
    ASSERT_EQ(rank->pad_tokens(), count - real);
    ASSERT_EQ(rank->rows(), count * plan.workload().batch());
    valid += real;
    least = std::min(least, count);
    most = std::max(most, count);
  }
  ASSERT_EQ(valid, plan.workload().sequence_length());
  ASSERT_GE(least, 1u);
  if (Pads(plan)) {
    ASSERT_EQ(least, most);
    ASSERT_EQ(most * members, plan.padded_sequence_length());
  } else {
    ASSERT_EQ(plan.padded_sequence_length(), plan.workload().sequence_length());
    // Ring parts of packed documents differ by up to two tokens.
    ASSERT_LE(most - least,
              plan.sequence_layout() == v1::SEQUENCE_LAYOUT_PACKED ? 3u : 1u);
  }
  ASSERT_NO_FATAL_FAILURE(CheckCover(plan, all));
}

// Query heads are owned once; each rank has the key/value heads that they read.
void CheckHeads(const v1::Plan& plan, const std::vector<const v1::Rank*>& all) {
  const uint32_t heads = plan.model().query_heads();
  const uint32_t kv_heads = plan.model().kv_heads();
  const uint32_t members = plan.mesh().ulysses();
  const uint32_t local = heads / plan.mesh().tensor();
  std::map<uint32_t, int> owners;
  uint32_t copies = 0;
  uint32_t busiest = 0;
  for (const v1::Rank* rank : all) {
    std::set<uint32_t> needed;
    for (uint32_t i = 0; i < rank->query_heads().count(); ++i) {
      const uint32_t head = rank->query_heads().start() + i;
      ASSERT_EQ(head / local, rank->coordinate().tensor());
      ++owners[head];
      needed.insert(head / (heads / kv_heads));
    }
    ASSERT_TRUE(std::equal(needed.begin(), needed.end(),
                           rank->kv_heads().begin(), rank->kv_heads().end()));
    copies += needed.size();
    busiest = std::max(busiest, rank->query_heads().count());
  }
  ASSERT_EQ(owners.size(), heads);
  ASSERT_EQ(owners.rbegin()->first, heads - 1);
  for (const auto& owner : owners) ASSERT_EQ(owner.second, 1);
  ASSERT_EQ(plan.kv_head_copies(), copies);
  // No contiguous split has a smaller busiest rank than ceil(H / P).
  ASSERT_EQ(busiest, (local + members - 1) / members);
  ASSERT_DOUBLE_EQ(plan.head_imbalance(), double(busiest) * members / local);
  const uint32_t local_kv = std::max(1u, kv_heads / plan.mesh().tensor());
  if (members % local_kv != 0) return;
  const uint32_t group_size = local / local_kv;
  const uint32_t k = members / local_kv;
  const double want =
      double((group_size + k - 1) / k) / (double(group_size) / k);
  ASSERT_NEAR(plan.head_imbalance(), want, 1e-12);
  ASSERT_EQ(copies, members * plan.mesh().tensor());
}

struct Sums {
  Wide sent = 0, received = 0, sent_wire = 0, received_wire = 0;
};

Sums SumCounts(const v1::Rank& rank) {
  Sums sums;
  const int self = static_cast<int>(rank.coordinate().ulysses());
  for (const v1::ExchangeCounts* c :
       {&rank.seq_to_heads(), &rank.heads_to_seq()}) {
    for (int i = 0; i < c->send_size(); ++i) {
      sums.sent += c->send(i);
      sums.received += c->receive(i);
      if (i == self) continue;
      sums.sent_wire += c->send(i);
      sums.received_wire += c->receive(i);
    }
  }
  return sums;
}

// Counts are symmetric and what rows and heads make them; bytes are their sums.
void CheckCounts(const v1::Plan& plan, const v1::UlyssesGroup& group) {
  const uint64_t d = plan.model().head_size();
  const uint64_t e = ElementBytes(plan);
  const int members = group.ranks_size();
  for (int i = 0; i < members; ++i) {
    const v1::Rank& a = plan.ranks(group.ranks(i));
    ASSERT_EQ(a.seq_to_heads().send_size(), members);
    ASSERT_EQ(a.heads_to_seq().receive_size(), members);
    for (int j = 0; j < members; ++j) {
      const v1::Rank& b = plan.ranks(group.ranks(j));
      const uint64_t query = a.rows() * b.query_heads().count() * d;
      ASSERT_EQ(a.seq_to_heads().send(j),
                query + a.rows() * 2 * b.kv_heads_size() * d);
      ASSERT_EQ(a.seq_to_heads().send(j), b.seq_to_heads().receive(i));
      ASSERT_EQ(b.heads_to_seq().send(i), query);
      ASSERT_EQ(b.heads_to_seq().send(i), a.heads_to_seq().receive(j));
    }
    const Sums sums = SumCounts(a);
    ASSERT_TRUE(a.sent().forward_bytes() == sums.sent * e);
    ASSERT_TRUE(a.sent().forward_wire_bytes() == sums.sent_wire * e);
    ASSERT_TRUE(a.received().forward_bytes() == sums.received * e);
    ASSERT_TRUE(a.received().forward_wire_bytes() == sums.received_wire * e);
    const uint64_t passes = plan.workload().mode() == v1::MODE_TRAINING ? 1 : 0;
    ASSERT_TRUE(a.sent().backward_wire_bytes() ==
                sums.received_wire * e * passes);
    ASSERT_TRUE(a.received().backward_wire_bytes() ==
                sums.sent_wire * e * passes);
    ASSERT_TRUE(a.sent().backward_bytes() == sums.received * e * passes);
  }
}

// What a hop carries is walked around the ring; where parts are equal the sum
// is the closed form.
void CheckRing(const v1::Plan& plan, const v1::RingGroup& group) {
  const uint64_t ring = plan.mesh().ring();
  const uint64_t e = ElementBytes(plan);
  const uint64_t wire =
      plan.strategy().ring_gradients() == v1::RING_GRADIENTS_ELEMENT ? e : 4;
  ASSERT_EQ(group.ranks_size(), static_cast<int>(ring));
  std::set<uint64_t> parts;
  for (uint64_t i = 0; i < ring; ++i) {
    const v1::Rank& rank = plan.ranks(group.ranks(i));
    ASSERT_EQ(rank.ring().next(), group.ranks((i + 1) % ring));
    ASSERT_EQ(rank.ring().previous(), group.ranks((i + ring - 1) % ring));
    parts.insert(rank.ring().tokens());
    const v1::Rank& next = plan.ranks(rank.ring().next());
    ASSERT_EQ(rank.query_heads().start(), next.query_heads().start());
    ASSERT_EQ(rank.query_heads().count(), next.query_heads().count());
    uint64_t own = 0;
    for (uint32_t peer : plan.ulysses_groups(rank.ulysses_group()).ranks()) {
      own += plan.ranks(peer).rows();
    }
    ASSERT_EQ(own, rank.ring().tokens() * plan.workload().batch());
    uint64_t tokens = 0;  // passed on: own, then what came from before
    for (uint64_t hop = 0; hop + 1 < ring; ++hop) {
      tokens +=
          plan.ranks(group.ranks((i + ring - hop) % ring)).ring().tokens();
    }
    const uint64_t row = 2 * plan.workload().batch() * rank.kv_heads_size() *
                         plan.model().head_size();
    ASSERT_EQ(rank.ring().forward_bytes(), tokens * row * e);
    const bool training = plan.workload().mode() == v1::MODE_TRAINING;
    const uint64_t backward =
        tokens * row * e + plan.padded_sequence_length() * row * wire;
    ASSERT_EQ(rank.ring().backward_bytes(), training ? backward : 0);
  }
  if (parts.size() != 1) return;
  const v1::Rank& first = plan.ranks(group.ranks(0));
  const Wide formula =
      Wide{2} * plan.workload().batch() * plan.padded_sequence_length() / ring *
      first.kv_heads_size() * plan.model().head_size() * e * (ring - 1);
  ASSERT_TRUE(first.ring().forward_bytes() == formula);
}

// b*S*d*e/P * (2H + 2 kvh) * (U-1)/U per rank and pass, to the byte, where all
// shares are equal: H and kvh those of one tensor part.
void CheckFormula(const v1::Plan& plan) {
  const Wide u = plan.mesh().ulysses();
  const Wide p = u * plan.mesh().ring();
  const Wide tokens = plan.padded_sequence_length();
  std::set<std::tuple<uint64_t, uint32_t, int>> shares;
  for (const v1::Rank& rank : plan.ranks()) {
    shares.insert(
        {rank.rows(), rank.query_heads().count(), rank.kv_heads_size()});
  }
  if (shares.size() != 1) return;
  const Wide columns =
      (2 * Wide{plan.model().query_heads()} + 2 * Wide{plan.kv_head_copies()}) /
      plan.mesh().tensor();
  const Wide bytes = plan.workload().batch() * tokens *
                     plan.model().head_size() * ElementBytes(plan) * columns *
                     (u - 1) / (p * u);
  for (const v1::Rank& rank : plan.ranks()) {
    ASSERT_TRUE(rank.sent().forward_wire_bytes() == bytes);
    ASSERT_TRUE(rank.received().forward_wire_bytes() == bytes);
  }
}

void CheckTotal(const v1::Plan& plan) {
  uint64_t sent = 0, received = 0, backward = 0, around = 0, back = 0;
  for (const v1::Rank& rank : plan.ranks()) {
    sent += rank.sent().forward_wire_bytes();
    received += rank.received().forward_wire_bytes();
    backward += rank.received().backward_bytes();
    around += rank.ring().forward_bytes();
    back += rank.ring().backward_bytes();
  }
  ASSERT_EQ(plan.total().forward_wire_bytes(), sent);
  ASSERT_EQ(sent, received);
  ASSERT_EQ(plan.total().backward_bytes(), backward);
  ASSERT_EQ(plan.ring_forward_bytes(), around);
  ASSERT_EQ(plan.ring_backward_bytes(), back);
}

// Pairs of each ring part, token by token; for short sequences.
void CheckRingImbalance(const v1::Plan& plan) {
  const uint64_t length = plan.workload().sequence_length();
  if (length > 256 || plan.mesh().ring() == 1) return;
  std::vector<uint64_t> borders(plan.workload().cu_seqlens().begin(),
                                plan.workload().cu_seqlens().end());
  if (borders.empty()) borders = {0, length};
  const auto documents = Documents(plan);
  std::vector<double> pairs(plan.mesh().ring());
  for (const v1::Rank& rank : plan.ranks()) {
    for (const v1::TokenRange& range : rank.token_ranges()) {
      for (uint64_t i = 0; i < range.count(); ++i) {
        uint64_t token =
            range.start() + i * std::max<uint64_t>(1, range.stride());
        if (documents.size() > 1) {  // back to the sequence without padding
          size_t d = documents.size() - 1;
          while (documents[d].first > token) --d;
          if (token - documents[d].first >= documents[d].second) continue;
          token = token - documents[d].first + borders[d];
        }
        if (token >= length) continue;
        const auto end =
            std::upper_bound(borders.begin(), borders.end(), token);
        const uint64_t before = token - *(end - 1) + 1;
        double keys = static_cast<double>(*end - *(end - 1));
        if (plan.workload().causal()) keys = static_cast<double>(before);
        if (plan.workload().mask() == v1::ATTENTION_MASK_SLIDING_WINDOW) {
          keys =
              static_cast<double>(std::min(before, plan.workload().window()));
        }
        pairs[rank.coordinate().ring()] += keys;
      }
    }
  }
  double sum = 0;
  for (double p : pairs) sum += p;
  ASSERT_NEAR(plan.ring_imbalance(),
              *std::max_element(pairs.begin(), pairs.end()) *
                  static_cast<double>(pairs.size()) / sum,
              1e-9);
}

}  // namespace

void CheckPlanProperties(const v1::Plan& plan) {
  using Key = std::tuple<uint32_t, uint32_t, uint32_t>;
  std::map<Key, std::vector<const v1::Rank*>> sequences;
  std::map<Key, std::vector<const v1::Rank*>> heads;
  for (const v1::Rank& rank : plan.ranks()) {
    const v1::MeshCoordinate& c = rank.coordinate();
    sequences[{c.data_parallel(), c.pipeline(), c.tensor()}].push_back(&rank);
    heads[{c.data_parallel(), c.pipeline(), c.ring()}].push_back(&rank);
  }
  for (const auto& [key, ranks] : sequences) {
    ASSERT_NO_FATAL_FAILURE(CheckSequenceGroup(plan, ranks));
  }
  for (const auto& [key, ranks] : heads) {
    ASSERT_NO_FATAL_FAILURE(CheckHeads(plan, ranks));
  }
  std::set<uint32_t> grouped;
  for (const v1::UlyssesGroup& group : plan.ulysses_groups()) {
    grouped.insert(group.ranks().begin(), group.ranks().end());
    ASSERT_NO_FATAL_FAILURE(CheckCounts(plan, group));
  }
  ASSERT_EQ(grouped.size(), static_cast<size_t>(plan.ranks_size()));
  for (const v1::RingGroup& group : plan.ring_groups()) {
    ASSERT_NO_FATAL_FAILURE(CheckRing(plan, group));
  }
  ASSERT_NO_FATAL_FAILURE(CheckFormula(plan));
  ASSERT_NO_FATAL_FAILURE(CheckTotal(plan));
  ASSERT_NO_FATAL_FAILURE(CheckRingImbalance(plan));
}

}  // namespace ithaca::planner
