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
  model.set_gated_mlp(true);
  model.set_experts(8);
  model.set_experts_per_token(2);
  model.set_expert_intermediate_size(64);
  model.set_shared_experts(1);
  model.set_dense_layers(4);
  v1::Workload& workload = *plan.mutable_workload();
  workload.set_sequence_length(9);
  workload.set_batch(2);
  workload.set_data_type(v1::DATA_TYPE_BF16);
  workload.set_causal(true);
  workload.set_mode(v1::MODE_FORWARD_ONLY);
  workload.set_mask(v1::ATTENTION_MASK_BLOCK_SPARSE);
  workload.set_window(6);
  workload.set_density(0.5);
  for (uint64_t border : {0, 4, 9}) workload.add_cu_seqlens(border);
  workload.set_micro_batches(3);
  workload.set_global_batch(12);
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
  v1::Strategy& strategy = *plan.mutable_strategy();
  strategy.set_zero_stage(3);
  strategy.set_recompute(v1::RECOMPUTE_FULL);
  strategy.set_offload_parameters(true);
  strategy.set_tiled_loss(true);
  strategy.set_attention_chunk(77);
  strategy.set_expert_parallel(2);
  strategy.set_hybrid_order(v1::HYBRID_ORDER_RING_INSIDE);
  strategy.set_ring_gradients(v1::RING_GRADIENTS_FP32);
  v1::Rank& rank = *plan.add_ranks();
  rank.mutable_place()->set_node("host-a");
  rank.mutable_place()->set_local_index(7);
  for (uint64_t start : {0, 5}) {
    rank.add_token_ranges()->set_start(start);
    rank.mutable_token_ranges()->rbegin()->set_count(5);
  }
  rank.mutable_token_ranges(1)->set_stride(2);
  rank.mutable_query_heads()->set_count(4);
  rank.add_kv_heads(0);
  rank.add_kv_heads(1);
  plan.add_ranks()->set_rank(1);
  *plan.add_ranks() = rank;
  plan.mutable_ranks(2)->set_rank(2);
  plan.mutable_ranks(2)->clear_place();
  return plan;
}

TEST(CanonicalText, IsAsThePlanMessageSpecifies) {
  EXPECT_EQ(CanonicalText(SmallPlan()),
            "ithaca-plan 2\n"
            "model 256 4 2 64 3 512 1000 1 0 8 2 64 1 4\n"
            "workload 9 2 2 1 2 4 6 4602678819172646912 3 12\n"
            "documents 0 4 9\n"
            "mesh 1 1 1 1 1\n"
            "order 1 4\n"
            "sequence 1 2 10\n"
            "strategy 3 3 0 1 0 0 1 77 2 2 1\n"
            "rank 0 group 0 at 6:host-a 7\n"
            "tokens 0+5 5+5/2\n"
            "heads 0+4 kv 0 1\n"
            "rank 1 group 0 at -\n"
            "tokens\n"
            "heads 0+0 kv\n"
            "rank 2 group 0 at -\n"
            "tokens as 0\n"
            "heads as 0\n");
}

// The digest comes from sha256sum.
TEST(HashPlan, IsSha256InHex) {
  EXPECT_EQ(HashPlan(SmallPlan()),
            "21c0b3906eb43399e6bcbaecee58da8be60a0e85816b65830dd5f815fe6abe1d");
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
