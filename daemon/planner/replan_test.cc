#include "daemon/planner/replan.h"

#include <set>
#include <string>

#include "daemon/planner/ask_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using ::testing::StartsWith;

// `nodes` nodes of four slots each.
v1::PlanRequest OnNodes(v1::PlanRequest request, int nodes) {
  for (int i = 0; i < nodes; ++i) {
    auto& node = *request.mutable_topology()->add_nodes();
    node.set_name("n" + std::to_string(i));
    node.set_slots(4);
  }
  return request;
}

std::vector<v1::ReplanResponse> Answers(const v1::ReplanRequest& request) {
  const auto answers = Replan(request);
  EXPECT_TRUE(answers.ok()) << answers.status();
  if (!answers.ok()) return {};
  for (size_t i = 0; i < answers->size(); ++i) {
    const v1::ReplanResponse& answer = (*answers)[i];
    const v1::ValidateResponse check = ValidatePlan(answer.plan());
    EXPECT_TRUE(check.valid()) << check.DebugString();
    for (const v1::Rank& rank : answer.plan().ranks()) {
      for (const std::string& lost : request.lost_nodes()) {
        EXPECT_NE(rank.place().node(), lost);
      }
    }
    if (i > 0) {
      EXPECT_GT(answer.plan().ranks_size(),
                (*answers)[i - 1].plan().ranks_size());
      EXPECT_GE(answer.moves_size(), (*answers)[i - 1].moves_size());
    }
  }
  return *answers;
}

TEST(Replan, ALostReplicaMovesNothing) {
  v1::PlanRequest request = OnNodes(Ask(8, 4, 64, 4096, 12), 3);
  request.mutable_constraints()->set_data_parallel_degree(3);
  v1::ReplanRequest replan;
  *replan.mutable_plan() = PlanOf(request);
  replan.add_lost_nodes("n1");
  const auto answers = Answers(replan);
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers[0].plan().mesh().data_parallel(), 2u);
  EXPECT_EQ(answers[0].plan().mesh().ulysses(), 4u);
  EXPECT_EQ(answers[0].moves_size(), 0);
  EXPECT_EQ(answers[0].moved_tokens(), 0u);
  EXPECT_EQ(answers[0].idle_slots(), 0u);
}

TEST(Replan, ASpareTakesThePartOfALostRank) {
  v1::PlanRequest request = OnNodes(Ask(8, 8, 64, 4096, 8), 2);
  v1::ReplanRequest replan;
  *replan.mutable_plan() = PlanOf(request);
  replan.add_lost_nodes("n0");
  auto& node = *replan.mutable_new_nodes()->add_nodes();
  node.set_name("spare");
  node.set_slots(4);
  const auto answers = Answers(replan);
  ASSERT_FALSE(answers.empty());
  const v1::ReplanResponse& last = answers.back();
  EXPECT_EQ(last.plan().mesh().ulysses(), 8u);
  ASSERT_EQ(last.moves_size(), 4);
  EXPECT_EQ(last.moved_tokens(), 2048u);
  EXPECT_FALSE(last.moves(0).has_old_rank());
}

TEST(Replan, OneSequenceOverFewerRanks) {
  v1::PlanRequest request = OnNodes(Ask(28, 4, 128, 4099, 12), 3);
  v1::ReplanRequest replan;
  *replan.mutable_plan() = PlanOf(request);
  replan.add_lost_nodes("n2");
  const auto answers = Answers(replan);
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers.back().plan().ranks_size(), 8);
  // What moves is what the new ranks hold and the old ones did not.
  std::set<uint32_t> moved;
  for (const v1::RankMove& move : answers.back().moves()) {
    moved.insert(move.rank());
    EXPECT_GT(move.moved_tokens() + move.moved_heads(), 0u);
  }
  EXPECT_LE(moved.size(), 8u);
  EXPECT_GE(answers.back().moved_tokens(), 4099u / 3);
}

// Without places a rank goes on as an old one, and which is told.
TEST(Replan, RanksAreLostWithoutPlacesToo) {
  v1::ReplanRequest replan;
  *replan.mutable_plan() = PlanOf(Ask(8, 8, 64, 4096, 4));
  replan.add_lost_ranks(1);
  const auto answers = Answers(replan);
  ASSERT_FALSE(answers.empty());
  for (const v1::ReplanResponse& answer : answers) {
    ASSERT_EQ(answer.old_ranks_size(), answer.plan().ranks_size());
    EXPECT_FALSE(answer.plan().ranks(0).has_place());
    std::set<int> old;
    for (const int rank : answer.old_ranks()) {
      EXPECT_TRUE(rank >= 0 && rank < 4 && rank != 1) << rank;
      EXPECT_TRUE(old.insert(rank).second) << rank << " goes on twice";
    }
  }
  EXPECT_EQ(answers.back().plan().ranks_size(), 3);
}

TEST(Replan, TheSlotOfALostRankIsNotUsedAgain) {
  v1::ReplanRequest replan;
  *replan.mutable_plan() = PlanOf(OnNodes(Ask(8, 8, 64, 4096, 8), 2));
  replan.add_lost_ranks(1);
  *replan.mutable_new_nodes() = OnNodes(Ask(8, 8, 64, 4096, 8), 2).topology();
  for (const v1::ReplanResponse& answer : Answers(replan)) {
    for (int i = 0; i < answer.plan().ranks_size(); ++i) {
      const v1::Place& place = answer.plan().ranks(i).place();
      EXPECT_FALSE(place.node() == "n0" && place.local_index() == 1);
      EXPECT_EQ(answer.old_ranks(i) < 0, false);
    }
  }
}

TEST(Replan, NothingLeftIsNoAnswer) {
  v1::ReplanRequest replan;
  *replan.mutable_plan() = PlanOf(OnNodes(Ask(8, 8, 64, 4096, 4), 1));
  replan.add_lost_nodes("n0");
  EXPECT_TRUE(Answers(replan).empty());
}

TEST(Replan, NamesTheFieldOfAnAbsurdRequest) {
  v1::ReplanRequest good;
  *good.mutable_plan() = PlanOf(OnNodes(Ask(8, 8, 64, 4096, 4), 1));
  const struct {
    const char* field;
    void (*spoil)(v1::ReplanRequest&);
  } cases[] = {
      {"plan: ", [](auto& r) { r.clear_plan(); }},
      {"plan.hash: ", [](auto& r) { r.mutable_plan()->set_hash("00"); }},
      {"plan.ranks[0].place: ",
       [](auto& r) {
         *r.mutable_plan() = PlanOf(Ask(8, 8, 64, 4096, 4));
         r.mutable_new_nodes()->add_nodes();
       }},
      {"lost_ranks[0]: ", [](auto& r) { r.add_lost_ranks(4); }},
      {"lost_nodes[0]: ", [](auto& r) { r.add_lost_nodes("x"); }},
      {"new_nodes.nodes[0].name: ",
       [](auto& r) { r.mutable_new_nodes()->add_nodes(); }},
      {"constraints.zero_stage: ",
       [](auto& r) { r.mutable_constraints()->set_zero_stage(9); }},
  };
  for (const auto& c : cases) {
    v1::ReplanRequest request = good;
    c.spoil(request);
    const auto answers = Replan(request);
    EXPECT_EQ(answers.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(answers.status().message()), StartsWith(c.field));
  }
}

}  // namespace
}  // namespace ithaca::planner
