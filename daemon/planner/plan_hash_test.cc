#include "daemon/planner/plan_hash.h"

#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

v1::Plan SmallPlan() {
  v1::Plan plan;
  v1::Model& model = *plan.mutable_model();
  model.set_hidden_size(256);
  model.set_query_heads(4);
  model.set_kv_heads(2);
  model.set_head_size(64);
  model.set_layers(3);
  model.set_intermediate_size(512);
  model.set_vocabulary_size(1000);
  v1::Workload& workload = *plan.mutable_workload();
  workload.set_sequence_length(9);
  workload.set_batch(2);
  workload.set_data_type(v1::DATA_TYPE_BF16);
  workload.set_causal(true);
  workload.set_mode(v1::MODE_FORWARD_ONLY);
  plan.mutable_mesh()->set_data_parallel(1);
  plan.mutable_mesh()->set_pipeline(1);
  plan.mutable_mesh()->set_ring(1);
  plan.mutable_mesh()->set_ulysses(1);
  plan.mutable_mesh()->set_tensor(1);
  plan.add_rank_order(v1::MESH_AXIS_DATA_PARALLEL);
  plan.add_rank_order(v1::MESH_AXIS_ULYSSES);
  plan.set_sequence_layout(v1::SEQUENCE_LAYOUT_CONTIGUOUS);
  plan.set_remainder_policy(v1::REMAINDER_POLICY_PAD);
  plan.set_padded_sequence_length(10);
  v1::Rank& rank = *plan.add_ranks();
  rank.mutable_place()->set_node("host-a");
  rank.mutable_place()->set_local_index(7);
  for (uint64_t start : {0, 5}) {
    rank.add_token_ranges()->set_start(start);
    rank.mutable_token_ranges()->rbegin()->set_count(5);
  }
  rank.mutable_query_heads()->set_count(4);
  rank.add_kv_heads(0);
  rank.add_kv_heads(1);
  plan.add_ranks()->set_rank(1);
  return plan;
}

TEST(CanonicalText, IsAsThePlanMessageSpecifies) {
  EXPECT_EQ(CanonicalText(SmallPlan()),
            "ithaca-plan 1\n"
            "model 256 4 2 64 3 512 1000\n"
            "workload 9 2 2 1 2\n"
            "mesh 1 1 1 1 1\n"
            "order 1 4\n"
            "sequence 1 2 10\n"
            "rank 0 group 0 at 6:host-a 7\n"
            "tokens 0+5 5+5\n"
            "heads 0+4 kv 0 1\n"
            "rank 1 group 0 at -\n"
            "tokens\n"
            "heads 0+0 kv\n");
}

// The digest comes from sha256sum.
TEST(HashPlan, IsSha256InHex) {
  EXPECT_EQ(HashPlan(SmallPlan()),
            "134ce522b06085cf92a498f9dd46e1273f90b0d0b1f895cff575b00b0771371f");
}

TEST(HashPlan, LeavesOutWhatFollowsFromTheRest) {
  v1::Plan plan = SmallPlan();
  plan.set_hash("anything");
  plan.set_head_imbalance(3);
  plan.mutable_ranks(0)->mutable_sent()->set_forward_bytes(5);
  EXPECT_EQ(HashPlan(plan), HashPlan(SmallPlan()));
}

TEST(HashPlan, TellsNodeNamesApart) {
  v1::Plan plan = SmallPlan();
  plan.mutable_ranks(0)->mutable_place()->set_node("host-a 7\ntokens");
  EXPECT_NE(HashPlan(plan), HashPlan(SmallPlan()));
  EXPECT_NE(CanonicalText(plan).find("at 15:host-a 7\ntokens 7\n"),
            std::string::npos);
}

}  // namespace
}  // namespace ithaca::planner
