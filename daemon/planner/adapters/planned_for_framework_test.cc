// What is planned for a framework can be written in its words.
#include <random>
#include <string>

#include "daemon/planner/adapters/adapter.h"
#include "daemon/planner/adapters/validate_config.h"
#include "daemon/planner/planner.h"
#include "daemon/planner/test_seed.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

constexpr int kRounds = 3000;

class Source {
 public:
  explicit Source(uint64_t seed) : random_(seed) {}
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool OneIn(uint32_t n) { return Below(n) == 0; }

  v1::PlanRequest Next(Framework framework) {
    v1::PlanRequest request;
    FillModel(*request.mutable_model());
    v1::Workload& workload = *request.mutable_workload();
    constexpr uint32_t kUnits[] = {1, 64, 96, 1024};
    workload.set_sequence_length(uint64_t{1024} +
                                 kUnits[Below(4)] * (1 + Below(2000)));
    if (OneIn(2)) workload.set_causal(true);
    if (OneIn(8)) {
      workload.clear_causal();
      workload.set_mask(v1::ATTENTION_MASK_SLIDING_WINDOW);
      workload.set_window(512);
    }
    if (OneIn(8)) {
      for (uint64_t border :
           {uint64_t{0}, uint64_t{512}, workload.sequence_length()})
        workload.add_cu_seqlens(border);
    }
    const Engine engine = EngineOf(framework, Strategy());
    if (!LimitsOf(engine).trains || OneIn(8))
      workload.set_mode(v1::MODE_FORWARD_ONLY);
    v1::Constraints& c = *request.mutable_constraints();
    constexpr uint32_t kRanks[] = {1, 2, 4, 6, 8, 12, 16, 32};
    c.set_ranks(kRanks[Below(8)]);
    c.add_frameworks(MessageOf(framework));
    c.set_search(OneIn(3) ? v1::SEARCH_GIVEN : v1::SEARCH_ALL);
    if (OneIn(2)) c.set_data_parallel_degree(1);
    if (OneIn(4)) c.set_remainder_policy(v1::REMAINDER_POLICY_PAD);
    if (OneIn(4)) c.set_ring_degree(1 + Below(3));
    if (OneIn(2)) c.set_memory_bytes(uint64_t{1 + Below(40)} << 30);
    request.set_detail(v1::DETAIL_SUMMARY);
    return request;
  }

 private:
  void FillModel(v1::Model& model) {
    constexpr uint32_t kHeads[][2] = {{32, 8}, {28, 4}, {40, 8}, {16, 16},
                                      {9, 3},  {64, 1}, {24, 24}};
    const auto& heads = kHeads[Below(7)];
    model.set_query_heads(heads[0]);
    model.set_kv_heads(heads[1]);
    model.set_head_size(64);
    model.set_hidden_size(64 * heads[0]);
    model.set_layers(24);
    model.set_intermediate_size(256 * heads[0]);
    model.set_vocabulary_size(32000);
  }

  std::mt19937_64 random_;
};

TEST(PlannedForAFramework, CanBeWrittenForIt) {
  Source source(TestSeed());
  int planned[kFrameworks] = {};
  for (int round = 0; round < kRounds; ++round) {
    const auto framework = static_cast<Framework>(round % kFrameworks);
    const v1::PlanRequest request = source.Next(framework);
    const auto response = MakePlan(request);
    ASSERT_TRUE(response.ok()) << response.status() << "\n"
                               << request.ShortDebugString();
    if (response->plans().empty()) {
      ASSERT_GT(response->rejected_size(), 0) << request.ShortDebugString();
      continue;
    }
    ++planned[round % kFrameworks];
    const v1::Plan& plan = response->plans(0);
    const ModelDims model = DimsOf(plan.model());
    const JobConfig config =
        NewJobConfig(framework, StrategyOf(plan), WorkOf(plan));
    const auto refusals =
        FindRefusals(framework, config.engine, Canonical(config.strategy),
                     DemandOf(config.work, &model));
    ASSERT_TRUE(refusals.empty()) << refusals[0].reason << "\n"
                                  << request.ShortDebugString();
    for (const v1::FrameworkLayout& layout : response->framework_layouts()) {
      if (layout.framework() == MessageOf(framework)) {
        ASSERT_TRUE(layout.can_run()) << layout.reason();
      }
    }
    if (static_cast<int>(framework) >= kConfigurations) continue;
    const Worded worded = WordJobConfig(config, &model);
    ASSERT_TRUE(worded.refusals.empty()) << worded.refusals[0].reason;
    ASSERT_FALSE(worded.wording.config.empty());
  }
  for (int f = 0; f < kFrameworks; ++f) {
    EXPECT_GT(planned[f], 20) << LimitsOf(static_cast<Framework>(f)).name;
  }
}

// What is better and cannot be run there is told with the reason.
TEST(PlannedForAFramework, WhatIsBetterIsToldWithTheReason) {
  v1::PlanRequest request;
  v1::Model& model = *request.mutable_model();
  model.set_query_heads(40);
  model.set_kv_heads(8);
  model.set_head_size(128);
  request.mutable_workload()->set_sequence_length(65536);
  v1::Constraints& c = *request.mutable_constraints();
  c.set_ranks(20);
  c.set_data_parallel_degree(1);
  c.set_pipeline_degree(1);
  c.set_tensor_degree(1);
  c.set_search(v1::SEARCH_ALL);
  const auto free = MakePlan(request);
  ASSERT_TRUE(free.ok()) << free.status();
  ASSERT_EQ(free->plans(0).mesh().ulysses(), 20u);
  c.add_frameworks(v1::FRAMEWORK_MEGATRON);
  request.mutable_workload()->set_sequence_length(65600);
  const auto bound = MakePlan(request);
  ASSERT_TRUE(bound.ok()) << bound.status();
  ASSERT_EQ(bound->plans_size(), 1) << bound->rejected(0).reason();
  EXPECT_LT(bound->plans(0).mesh().ulysses(), 20u);
  int told = 0;
  for (const v1::Rejection& rejection : bound->rejected()) {
    if (rejection.code() != v1::REJECTION_CODE_FRAMEWORK_CANNOT_RUN) continue;
    ++told;
    EXPECT_EQ(rejection.reason().find("Megatron-LM "), 0u)
        << rejection.reason();
    ASSERT_TRUE(rejection.has_nearest_legal());
    v1::PlanRequest nearest = request;
    *nearest.mutable_constraints() = rejection.nearest_legal();
    const auto again = MakePlan(nearest);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->plans_size(), 1);
  }
  EXPECT_GT(told, 0);
}

}  // namespace
}  // namespace ithaca::planner
