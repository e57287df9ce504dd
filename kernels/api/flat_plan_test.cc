#include "kernels/api/flat_plan.h"

#include "gtest/gtest.h"

namespace ithaca::ulysses {
namespace {

TEST(FlatPlanTest, FindsTheKvHeadsOfARange) {
  FlatPlan plan;
  plan.num_q_heads = 12;
  plan.num_kv_heads = 3;
  plan.AddRank(5, 0, 0, 3);
  plan.AddRank(5, 5, 3, 6);
  plan.AddRank(0, 10, 9, 0);
  plan.AddRank(5, 10, 9, 3);
  EXPECT_EQ(plan.kv_heads, (std::vector<int32_t>{0, 0, 1, 2, 2}));
  EXPECT_EQ(plan.kv_offsets, (std::vector<int32_t>{0, 1, 4, 4, 5}));
}

TEST(FlatPlanTest, ViewHoldsEveryField) {
  FlatPlan plan;
  plan.dtype = ITHACA_ULYSSES_F16;
  plan.layout = ITHACA_ULYSSES_SEQUENCE_FIRST;
  plan.batch = 3;
  plan.head_size = 80;
  plan.num_q_heads = 6;
  plan.num_kv_heads = 2;
  plan.plan_hash = "hash";
  plan.AddRank(7, 0, 0, 4, {0, 1});
  plan.AddRank(8, 7, 4, 2, {1});
  const ithaca_ulysses_plan view = plan.View(1);
  EXPECT_EQ(view.struct_size, sizeof(view));
  EXPECT_EQ(view.dtype, ITHACA_ULYSSES_F16);
  EXPECT_EQ(view.layout, ITHACA_ULYSSES_SEQUENCE_FIRST);
  EXPECT_EQ(view.token_order, ITHACA_ULYSSES_TOKENS_CONTIGUOUS);
  EXPECT_EQ(view.num_ranks, 2);
  EXPECT_EQ(view.my_rank, 1);
  EXPECT_EQ(view.batch, 3);
  EXPECT_EQ(view.head_size, 80);
  EXPECT_EQ(view.num_q_heads, 6);
  EXPECT_EQ(view.num_kv_heads, 2);
  EXPECT_EQ(view.kv_heads_length, 3);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(view.plan_hash),
                        view.plan_hash_bytes),
            "hash");
  EXPECT_EQ(view.rank_rows[1], 8);
  EXPECT_EQ(view.rank_row_offset[1], 7);
  EXPECT_EQ(view.q_head_start[1], 4);
  EXPECT_EQ(view.q_head_count[1], 2);
  EXPECT_EQ(view.kv_offsets[2], 3);
  EXPECT_EQ(view.kv_heads[2], 1);
  EXPECT_EQ(view.token_order_params, nullptr);
}

TEST(FlatPlanTest, NoRanksNoHashNoHeadsIsNoNullWhereNoneIsAllowed) {
  const ithaca_ulysses_plan view = FlatPlan().View(0);
  EXPECT_EQ(view.num_ranks, 0);
  EXPECT_NE(view.kv_heads, nullptr);
  EXPECT_EQ(view.plan_hash, nullptr);
}

}  // namespace
}  // namespace ithaca::ulysses
