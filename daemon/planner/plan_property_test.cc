// Properties of the planner over random requests: odd heads, prime lengths, any
// P. Nothing here calls the planner's own arithmetic; every expectation is
// worked out from the meaning of the fields.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "daemon/planner/planner.h"
#include "daemon/planner/test_seed.h"
#include "daemon/planner/validate.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using Wide = unsigned __int128;

class RequestMaker {
 public:
  explicit RequestMaker(uint64_t seed) : random_(seed) {}

  v1::PlanRequest Next() {
    v1::PlanRequest request;
    FillModel(*request.mutable_model());
    FillWorkload(*request.mutable_workload());
    FillConstraints(request.model().query_heads(),
                    *request.mutable_constraints());
    // Many replicas of a very long sequence are beyond 63 bits of bytes.
    if (request.constraints().has_ulysses_degree()) {
      request.mutable_workload()->set_sequence_length(
          std::min<uint64_t>(request.workload().sequence_length(), 131071));
    }
    if (OneIn(8)) FillTopology(*request.mutable_topology());
    return request;
  }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  template <typename T>
  T Pick(std::initializer_list<T> values) {
    return values.begin()[Below(values.size())];
  }

  void FillModel(v1::Model& model) {
    const uint32_t kv = OneIn(3) ? 1 + Below(40) : Pick({1, 2, 3, 4, 7, 8});
    const uint32_t group = 1 + Below(OneIn(4) ? 24 : 8);
    model.set_query_heads(kv * group);
    if (group != 1 || OneIn(2)) model.set_kv_heads(kv);
    model.set_head_size(Pick({1, 64, 72, 80, 96, 127, 128, 192, 256}));
  }

  void FillWorkload(v1::Workload& workload) {
    workload.set_sequence_length(
        OneIn(4) ? 1 + Below(200)
                 : Pick<uint64_t>({4096, 4099, 65521, 131071, 131072, 1000003,
                                   (uint64_t{1} << 34) - 41}));
    if (OneIn(2)) workload.set_batch(1 + Below(5));
    workload.set_data_type(static_cast<v1::DataType>(Below(4)));
    workload.set_mode(static_cast<v1::Mode>(Below(3)));
    workload.set_causal(OneIn(2));
  }

  void FillConstraints(uint32_t heads, v1::Constraints& constraints) {
    const uint32_t most =
        OneIn(10) ? heads + heads / 2 + 1 : std::min(heads, 20u);
    uint32_t ranks = 1 + Below(most);
    if (OneIn(8)) {
      const uint32_t replicas = 1 + Below(3);
      constraints.set_data_parallel_degree(replicas);
      if (!OneIn(4)) ranks *= replicas;
    }
    if (OneIn(8)) constraints.set_ulysses_degree(1 + Below(ranks + 1));
    if (OneIn(20)) constraints.set_ring_degree(1 + Below(3));
    if (OneIn(40)) constraints.set_tensor_degree(1 + Below(3));
    if (OneIn(40)) constraints.set_pipeline_degree(1 + Below(3));
    constraints.set_ranks(ranks);
    constraints.set_remainder_policy(
        static_cast<v1::RemainderPolicy>(Below(3)));
    if (!OneIn(6)) return;
    const int families = 1 + static_cast<int>(Below(3));
    for (int i = 0; i < families; ++i) {
      constraints.add_families(static_cast<v1::Family>(1 + Below(5)));
    }
  }

  void FillTopology(ithaca::topology::v1::Topology& topology) {
    const int nodes = 1 + static_cast<int>(Below(4));
    for (int i = 0; i < nodes; ++i) {
      topology.add_nodes()->set_name("n" + std::to_string(i));
      topology.mutable_nodes(i)->set_slots(1 + Below(8));
    }
  }

  std::mt19937_64 random_;
};

// Tokens are owned once, in order, with the padding at the very end.
void CheckTokens(const v1::Plan& plan, const v1::UlyssesGroup& group) {
  const uint64_t length = plan.workload().sequence_length();
  const uint64_t members = group.ranks_size();
  uint64_t next = 0;
  uint64_t valid = 0;
  for (uint32_t r : group.ranks()) {
    const v1::Rank& rank = plan.ranks(r);
    ASSERT_EQ(rank.token_ranges_size(), 1);
    ASSERT_EQ(rank.token_ranges(0).start(), next);
    const uint64_t count = rank.token_ranges(0).count();
    ASSERT_EQ(rank.valid_tokens() + rank.pad_tokens(), count);
    ASSERT_EQ(rank.rows(), count * plan.workload().batch());
    if (plan.remainder_policy() == v1::REMAINDER_POLICY_PAD) {
      ASSERT_EQ(count, (length + members - 1) / members);
    } else {
      ASSERT_EQ(rank.pad_tokens(), 0u);
      ASSERT_GE(count, length / members);
      ASSERT_LE(count, length / members + 1);
    }
    ASSERT_TRUE(rank.pad_tokens() == 0 || next + rank.valid_tokens() >= length);
    next += count;
    valid += rank.valid_tokens();
  }
  ASSERT_EQ(valid, length);
  ASSERT_EQ(next, plan.padded_sequence_length());
}

// Query heads are owned once; each rank has the key/value heads that they read.
void CheckHeads(const v1::Plan& plan, const v1::UlyssesGroup& group) {
  const uint32_t heads = plan.model().query_heads();
  const uint32_t kv_heads = plan.model().kv_heads();
  const uint32_t members = group.ranks_size();
  std::map<uint32_t, int> owners;
  uint32_t copies = 0;
  uint32_t busiest = 0;
  for (uint32_t r : group.ranks()) {
    const v1::Rank& rank = plan.ranks(r);
    std::set<uint32_t> needed;
    for (uint32_t i = 0; i < rank.query_heads().count(); ++i) {
      const uint32_t head = rank.query_heads().start() + i;
      ++owners[head];
      needed.insert(head / (heads / kv_heads));
    }
    ASSERT_TRUE(std::equal(needed.begin(), needed.end(),
                           rank.kv_heads().begin(), rank.kv_heads().end()));
    copies += needed.size();
    busiest = std::max(busiest, rank.query_heads().count());
  }
  ASSERT_EQ(owners.size(), heads);
  ASSERT_EQ(owners.rbegin()->first, heads - 1);
  for (const auto& owner : owners) ASSERT_EQ(owner.second, 1);
  ASSERT_EQ(plan.kv_head_copies(), copies);
  // No contiguous split has a smaller busiest rank than ceil(H / P).
  ASSERT_EQ(busiest, (heads + members - 1) / members);
  ASSERT_DOUBLE_EQ(plan.head_imbalance(), double(busiest) * members / heads);
  if (members % kv_heads == 0) {
    const uint32_t group_size = heads / kv_heads;
    const uint32_t k = members / kv_heads;
    const double want =
        double((group_size + k - 1) / k) / (double(group_size) / k);
    ASSERT_NEAR(plan.head_imbalance(), want, 1e-12);
    ASSERT_EQ(copies, members);
  }
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
  const uint64_t e = plan.workload().data_type() == v1::DATA_TYPE_FP32 ? 4 : 2;
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

// b*S*d*e/P * (2H + 2 kvh) * (P-1)/P per rank and pass, to the byte, where it
// holds.
void CheckFormula(const v1::Plan& plan) {
  const Wide p = plan.mesh().ulysses();
  const Wide tokens = plan.workload().sequence_length();
  if (plan.family() == v1::FAMILY_ULYSSES_UNEVEN || tokens % p != 0) return;
  const Wide e = plan.workload().data_type() == v1::DATA_TYPE_FP32 ? 4 : 2;
  const Wide columns =
      2 * Wide{plan.model().query_heads()} + 2 * Wide{plan.kv_head_copies()};
  const Wide bytes = plan.workload().batch() * tokens *
                     plan.model().head_size() * e * columns * (p - 1) / (p * p);
  for (const v1::Rank& rank : plan.ranks()) {
    ASSERT_TRUE(rank.sent().forward_wire_bytes() == bytes);
    ASSERT_TRUE(rank.received().forward_wire_bytes() == bytes);
  }
}

void CheckTotal(const v1::Plan& plan) {
  uint64_t sent = 0, received = 0, backward = 0;
  for (const v1::Rank& rank : plan.ranks()) {
    sent += rank.sent().forward_wire_bytes();
    received += rank.received().forward_wire_bytes();
    backward += rank.received().backward_bytes();
  }
  ASSERT_EQ(plan.total().forward_wire_bytes(), sent);
  ASSERT_EQ(sent, received);
  ASSERT_EQ(plan.total().backward_bytes(), backward);
}

void CheckPlan(const v1::PlanRequest& request, const v1::Plan& plan) {
  ASSERT_EQ(plan.ranks_size(), static_cast<int>(request.constraints().ranks()));
  std::set<uint32_t> grouped;
  for (const v1::UlyssesGroup& group : plan.ulysses_groups()) {
    grouped.insert(group.ranks().begin(), group.ranks().end());
    ASSERT_NO_FATAL_FAILURE(CheckTokens(plan, group));
    ASSERT_NO_FATAL_FAILURE(CheckHeads(plan, group));
    ASSERT_NO_FATAL_FAILURE(CheckCounts(plan, group));
  }
  ASSERT_EQ(grouped.size(), static_cast<size_t>(plan.ranks_size()));
  ASSERT_NO_FATAL_FAILURE(CheckFormula(plan));
  ASSERT_NO_FATAL_FAILURE(CheckTotal(plan));
  const v1::ValidateResponse check = ValidatePlan(plan);
  ASSERT_TRUE(check.valid()) << check.DebugString();
}

// Every rejection says why, and its nearest legal choice is accepted when
// asked.
void CheckRejections(const v1::PlanRequest& request,
                     const v1::PlanResponse& response) {
  for (const v1::Rejection& rejection : response.rejected()) {
    SCOPED_TRACE(rejection.ShortDebugString());
    ASSERT_NE(rejection.code(), v1::REJECTION_CODE_UNSPECIFIED);
    ASSERT_FALSE(rejection.reason().empty());
    ASSERT_TRUE(rejection.has_nearest_legal());
    ASSERT_LE(rejection.nearest_legal().ranks(), request.constraints().ranks());
    v1::PlanRequest nearest = request;
    nearest.set_detail(v1::DETAIL_SUMMARY);
    *nearest.mutable_constraints() = rejection.nearest_legal();
    const auto accepted = MakePlan(nearest);
    ASSERT_TRUE(accepted.ok()) << accepted.status();
    ASSERT_EQ(accepted->plans_size(), 1);
  }
}

TEST(PlanProperties, HoldForRandomRequests) {
  RequestMaker maker(TestSeed());
  int planned = 0;
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    const v1::PlanRequest request = maker.Next();
    SCOPED_TRACE(testing::Message()
                 << "request " << i << ": " << request.ShortDebugString());
    const auto response = MakePlan(request);
    ASSERT_TRUE(response.ok()) << response.status();
    if (response->plans().empty()) {
      ++refused;
      ASSERT_FALSE(response->rejected().empty());
      ASSERT_NO_FATAL_FAILURE(CheckRejections(request, *response));
      continue;
    }
    ++planned;
    ASSERT_NO_FATAL_FAILURE(CheckPlan(request, response->plans(0)));
    if (i % 16 != 0) continue;
    ASSERT_NO_FATAL_FAILURE(CheckRejections(request, *response));
    ASSERT_EQ(MakePlan(request)->SerializeAsString(),
              response->SerializeAsString());
  }
  std::cout << planned << " planned, " << refused << " refused" << std::endl;
  EXPECT_GT(planned, 8000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace ithaca::planner
