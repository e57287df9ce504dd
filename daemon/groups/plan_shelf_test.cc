#include "daemon/groups/plan_shelf.h"

#include <gtest/gtest.h>

#include <string>

namespace ithaca::groups {
namespace {

planner::v1::Plan MakePlan(const std::string& hash, int ranks = 1) {
  planner::v1::Plan plan;
  plan.set_hash(hash);
  for (int i = 0; i < ranks; ++i) plan.add_ranks()->set_valid_tokens(1 << 20);
  return plan;
}

TEST(PlanShelf, KeepsTheLatest) {
  PlanShelf shelf(2);
  shelf.Put(MakePlan("a"));
  shelf.Put(MakePlan("b"));
  shelf.Put(MakePlan("a"));
  shelf.Put(MakePlan("c"));
  EXPECT_EQ(shelf.Get("b"), nullptr);
  ASSERT_NE(shelf.Get("a"), nullptr);
  EXPECT_EQ(shelf.Get("c")->hash(), "c");
}

TEST(PlanShelf, IsBoundedInBytes) {
  const size_t one = MakePlan("a", 100).ByteSizeLong();
  PlanShelf shelf(64, one * 2);
  for (const char* hash : {"a", "b", "b", "c"}) shelf.Put(MakePlan(hash, 100));
  EXPECT_EQ(shelf.Get("a"), nullptr);
  EXPECT_NE(shelf.Get("b"), nullptr);
  EXPECT_NE(shelf.Get("c"), nullptr);
  shelf.Put(MakePlan("large", 1000));
  EXPECT_EQ(shelf.Get("large"), nullptr);
  EXPECT_NE(shelf.Get("b"), nullptr);
}

TEST(PlanShelf, ASummaryIsNotAPlanToRun) {
  PlanShelf shelf;
  shelf.Put(MakePlan("a", 0));
  EXPECT_EQ(shelf.Get("a"), nullptr);
}

}  // namespace
}  // namespace ithaca::groups
