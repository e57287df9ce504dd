// Properties of the planner over random requests: odd heads, prime lengths, any
// P, every family. Nothing here calls the planner's own arithmetic; every
// expectation is worked out from the meaning of the fields.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "daemon/planner/plan_properties_for_test.h"
#include "daemon/planner/planner.h"
#include "daemon/planner/test_seed.h"
#include "daemon/planner/validate.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

class RequestMaker {
 public:
  explicit RequestMaker(uint64_t seed) : random_(seed) {}

  v1::PlanRequest Next() {
    v1::PlanRequest request;
    request.set_detail(v1::DETAIL_FULL);
    FillModel(*request.mutable_model());
    FillWorkload(*request.mutable_workload());
    FillConstraints(request.model().query_heads(),
                    *request.mutable_constraints());
    // Many replicas of a very long sequence are beyond 63 bits of bytes.
    v1::Workload& workload = *request.mutable_workload();
    const bool alone = request.constraints().search() != v1::SEARCH_ALL &&
                       request.constraints().data_parallel_degree() <= 1 &&
                       request.constraints().pipeline_degree() <= 1 &&
                       request.constraints().ring_degree() <= 1 &&
                       !request.constraints().has_ulysses_degree();
    if (!alone) {
      workload.set_sequence_length(
          std::min<uint64_t>(workload.sequence_length(), 131071));
    }
    if (OneIn(6)) FillDocuments(workload);
    if (OneIn(8)) FillTopology(*request.mutable_topology());
    if (OneIn(12)) FillMemory(request);
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
    if (OneIn(3)) model.set_layers(1 + Below(12));
    if (!OneIn(8)) return;
    model.set_experts(Pick({2, 6, 8}));
    model.set_experts_per_token(1 + Below(2));
  }

  void FillWorkload(v1::Workload& workload) {
    workload.set_sequence_length(
        OneIn(4) ? 1 + Below(200)
                 : Pick<uint64_t>({4096, 4099, 65521, 131071, 131072, 1000003,
                                   (uint64_t{1} << 34) - 41}));
    if (OneIn(2)) workload.set_batch(1 + Below(5));
    workload.set_data_type(static_cast<v1::DataType>(Below(4)));
    workload.set_mode(static_cast<v1::Mode>(Below(3)));
    workload.set_mask(static_cast<v1::AttentionMask>(Below(5)));
    if (workload.mask() == v1::ATTENTION_MASK_SLIDING_WINDOW) {
      workload.set_window(1 + Below(3000));
    }
    if (workload.mask() == v1::ATTENTION_MASK_BLOCK_SPARSE) {
      workload.set_density(0.125);
    }
    if (OneIn(10))
      workload.set_global_batch(std::max(1u, workload.batch()) *
                                (1 + Below(8)));
  }

  void FillDocuments(v1::Workload& workload) {
    std::set<uint64_t> borders = {0, workload.sequence_length()};
    const uint64_t documents = 1 + Below(6);
    for (uint64_t i = 0; i < documents; ++i) {
      borders.insert(Below(workload.sequence_length()));
    }
    for (uint64_t border : borders) workload.add_cu_seqlens(border);
  }

  void FillConstraints(uint32_t heads, v1::Constraints& c) {
    const uint32_t most =
        OneIn(10) ? std::min(heads + heads / 2 + 1, 60u) : std::min(heads, 20u);
    uint32_t ranks = 1 + Below(most);
    // Up to three further axes, most of which multiply the ranks.
    const auto axis = [&](uint64_t chance, auto set) {
      if (!OneIn(chance)) return;
      const uint32_t degree = 1 + Below(4);
      (c.*set)(degree);
      if (!OneIn(6)) ranks *= degree;
    };
    axis(6, &v1::Constraints::set_data_parallel_degree);
    axis(3, &v1::Constraints::set_ring_degree);
    axis(8, &v1::Constraints::set_tensor_degree);
    axis(12, &v1::Constraints::set_pipeline_degree);
    if (OneIn(10)) c.set_ulysses_degree(1 + Below(ranks + 1));
    if (OneIn(20)) c.set_expert_parallel_degree(1 + Below(4));
    c.set_ranks(ranks);
    c.set_remainder_policy(static_cast<v1::RemainderPolicy>(Below(3)));
    if (OneIn(3)) c.set_hybrid_order(static_cast<v1::HybridOrder>(Below(3)));
    if (OneIn(3) && c.ring_degree() > 1) {
      c.set_sequence_layout(static_cast<v1::SequenceLayout>(Below(5)));
    }
    if (OneIn(3)) {
      c.set_ring_gradients(static_cast<v1::RingGradients>(Below(3)));
    }
    if (OneIn(12)) c.set_search(v1::SEARCH_ALL);
    if (OneIn(20)) c.set_zero_stage(Below(4));
    if (OneIn(30)) c.set_offload_parameters(true);
    if (OneIn(20)) c.add_frameworks(static_cast<v1::Framework>(1 + Below(13)));
    if (!OneIn(6)) return;
    const int families = 1 + static_cast<int>(Below(3));
    for (int i = 0; i < families; ++i) {
      c.add_families(static_cast<v1::Family>(1 + Below(5)));
    }
  }

  void FillTopology(ithaca::topology::v1::Topology& topology) {
    const int nodes = 1 + static_cast<int>(Below(8));
    for (int i = 0; i < nodes; ++i) {
      topology.add_nodes()->set_name("n" + std::to_string(i));
      topology.mutable_nodes(i)->set_slots(1 + Below(8));
    }
  }

  // A model that is known, and memory that is often too small for it.
  void FillMemory(v1::PlanRequest& request) {
    v1::Model& model = *request.mutable_model();
    model.set_hidden_size(1024);
    model.set_layers(4);
    model.set_intermediate_size(4096);
    model.set_vocabulary_size(32000);
    request.mutable_constraints()->set_memory_bytes((1 + Below(40)) << 30);
    request.mutable_hardware()->set_host_memory_bytes(uint64_t{1} << 40);
  }

  std::mt19937_64 random_;
};

// Every rejection says why, and its nearest legal choice is accepted when
// asked.
void CheckRejections(const v1::PlanRequest& request,
                     const v1::PlanResponse& response, int& accepted) {
  for (const v1::Rejection& rejection : response.rejected()) {
    SCOPED_TRACE(rejection.ShortDebugString());
    ASSERT_NE(rejection.code(), v1::REJECTION_CODE_UNSPECIFIED);
    ASSERT_FALSE(rejection.reason().empty());
    // Where memory is short there may be nothing.
    if (!rejection.has_nearest_legal()) {
      ASSERT_TRUE(request.constraints().has_memory_bytes());
      continue;
    }
    ASSERT_LE(rejection.nearest_legal().ranks(), request.constraints().ranks());
    v1::PlanRequest nearest = request;
    nearest.set_detail(v1::DETAIL_SUMMARY);
    *nearest.mutable_constraints() = rejection.nearest_legal();
    const auto answer = MakePlan(nearest);
    ASSERT_TRUE(answer.ok()) << answer.status();
    ASSERT_EQ(answer->plans_size(), 1) << answer->ShortDebugString();
    ++accepted;
  }
  for (const v1::Alternative& a : response.alternatives()) {
    if (!a.fits()) continue;
    v1::PlanRequest other = request;
    other.set_detail(v1::DETAIL_SUMMARY);
    *other.mutable_constraints() = a.constraints();
    const auto answer = MakePlan(other);
    ASSERT_TRUE(answer.ok()) << answer.status();
    ASSERT_EQ(answer->plans_size(), 1) << answer->ShortDebugString();
    ASSERT_EQ(answer->plans(0).family(), a.family());
  }
}

// Shards take their part of the requests, each with a seed of its own.
int Requests() {
  const char* shards = std::getenv("TEST_TOTAL_SHARDS");
  return 100000 / (shards == nullptr ? 1 : std::max(1, std::atoi(shards))) + 1;
}

uint64_t ShardSeed() {
  const char* shard = std::getenv("TEST_SHARD_INDEX");
  return TestSeed() + (shard == nullptr ? 0 : std::atoi(shard));
}

class PlanProperties : public testing::TestWithParam<int> {};

// One instance for each shard, so that every one of them has one.
TEST_P(PlanProperties, HoldForRandomRequests) {
  RequestMaker maker(ShardSeed());
  std::map<v1::Family, int> planned;
  int refused = 0;
  int accepted = 0;
  const int requests = Requests();
  for (int i = 0; i < requests; ++i) {
    const v1::PlanRequest request = maker.Next();
    SCOPED_TRACE(testing::Message()
                 << "request " << i << ": " << request.ShortDebugString());
    const auto response = MakePlan(request);
    ASSERT_TRUE(response.ok()) << response.status();
    if (response->plans().empty()) {
      ++refused;
      ASSERT_FALSE(response->rejected().empty());
      ASSERT_NO_FATAL_FAILURE(CheckRejections(request, *response, accepted));
      continue;
    }
    const v1::Plan& plan = response->plans(0);
    ++planned[plan.family()];
    ASSERT_EQ(plan.ranks_size(),
              static_cast<int>(request.constraints().ranks()));
    ASSERT_NO_FATAL_FAILURE(CheckPlanProperties(plan));
    if (i % 8 == 0) {
      const v1::ValidateResponse check = ValidatePlan(plan);
      ASSERT_TRUE(check.valid()) << check.DebugString();
    }
    if (i % 16 != 0) continue;
    ASSERT_NO_FATAL_FAILURE(CheckRejections(request, *response, accepted));
    ASSERT_EQ(MakePlan(request)->SerializeAsString(),
              response->SerializeAsString());
  }
  std::cout << requests << " requests, " << refused << " refused, " << accepted
            << " nearest legal choices accepted" << std::endl;
  for (const auto& [family, count] : planned) {
    std::cout << v1::Family_Name(family) << " " << count << std::endl;
    EXPECT_GT(count, requests / 200);
  }
  EXPECT_EQ(planned.size(), 5u);
  EXPECT_GT(refused, requests / 50);
}

// As many as `shard_count` in BUILD.
INSTANTIATE_TEST_SUITE_P(Shards, PlanProperties, testing::Range(0, 4));

}  // namespace
}  // namespace ithaca::planner
