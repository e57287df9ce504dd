#include "daemon/planner/planner.h"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/planner/ask_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using ::testing::ElementsAre;

std::string ReadModel(const std::string& name) {
  std::ifstream file("daemon/planner/models/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<uint32_t> HeadCounts(const v1::Plan& plan) {
  std::vector<uint32_t> counts;
  for (const v1::Rank& rank : plan.ranks())
    counts.push_back(rank.query_heads().count());
  return counts;
}

// Llama-3-8B, 131072 tokens, bf16: MiB that each rank sends forward in one
// layer, from b*S*d*e/P * (2H + 2 kvh) * (P-1)/P.
TEST(MakePlan, LlamaLayerBytesMatchTheFormula) {
  const struct {
    uint32_t ranks;
    uint64_t mib;
  } rows[] = {{2, 640}, {4, 480}, {8, 280}, {16, 180}, {32, 124}};
  for (const auto& row : rows) {
    const v1::Plan plan = PlanOf(Ask(32, 8, 128, 131072, row.ranks));
    for (const v1::Rank& rank : plan.ranks()) {
      EXPECT_EQ(rank.sent().forward_wire_bytes(), row.mib << 20) << row.ranks;
      EXPECT_EQ(rank.received().forward_wire_bytes(), row.mib << 20)
          << row.ranks;
      EXPECT_EQ(rank.sent().backward_wire_bytes(), row.mib << 20) << row.ranks;
    }
    EXPECT_EQ(plan.total().forward_wire_bytes(), (row.mib << 20) * row.ranks);
  }
}

TEST(MakePlan, HeadCases) {
  const struct {
    uint32_t heads, kv_heads, ranks;
    double imbalance;
    uint32_t copies;
    v1::Family family;
  } cases[] = {
      {40, 8, 16, 1.2, 16, v1::FAMILY_ULYSSES_UNEVEN},
      {40, 8, 40, 1.0, 40, v1::FAMILY_ULYSSES_REPLICATED_KV},
      {28, 4, 8, 4 / 3.5, 8, v1::FAMILY_ULYSSES_UNEVEN},
      {16, 2, 8, 1.0, 8, v1::FAMILY_ULYSSES_REPLICATED_KV},
      {9, 3, 2, 5 / 4.5, 4, v1::FAMILY_ULYSSES_UNEVEN},
      {9, 3, 8, 2 / 1.125, 8, v1::FAMILY_ULYSSES_UNEVEN},
      {32, 8, 4, 1.0, 8, v1::FAMILY_ULYSSES_EVEN},
      {32, 8, 1, 1.0, 8, v1::FAMILY_ULYSSES_EVEN},
      {7, 7, 3, 3 / (7 / 3.0), 7, v1::FAMILY_ULYSSES_UNEVEN},
      {12, 1, 5, 3 / 2.4, 5, v1::FAMILY_ULYSSES_UNEVEN},
      {12, 1, 12, 1.0, 12, v1::FAMILY_ULYSSES_REPLICATED_KV},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(testing::Message()
                 << c.heads << "/" << c.kv_heads << " at " << c.ranks);
    const v1::Plan plan = PlanOf(Ask(c.heads, c.kv_heads, 64, 4096, c.ranks));
    EXPECT_DOUBLE_EQ(plan.head_imbalance(), c.imbalance);
    EXPECT_EQ(plan.kv_head_copies(), c.copies);
    EXPECT_EQ(plan.family(), c.family);
  }
}

TEST(MakePlan, QwenOnEightRanks) {
  v1::PlanRequest request;
  request.set_hugging_face_config(ReadModel("qwen2.5-7b.json"));
  request.mutable_workload()->set_sequence_length(4096);
  request.mutable_workload()->set_causal(true);
  request.mutable_constraints()->set_ranks(8);
  const v1::Plan plan = PlanOf(request);
  EXPECT_THAT(HeadCounts(plan), ElementsAre(4, 3, 4, 3, 4, 3, 4, 3));
  for (const v1::Rank& rank : plan.ranks()) {
    EXPECT_THAT(rank.kv_heads(), ElementsAre(rank.rank() / 2));
    EXPECT_EQ(rank.valid_tokens(), 512);
  }
  EXPECT_EQ(plan.model().head_size(), 128);
  EXPECT_EQ(plan.model().layers(), 28);
  EXPECT_EQ(plan.model().intermediate_size(), 18944);
  EXPECT_EQ(plan.model().vocabulary_size(), 152064);
  EXPECT_EQ(plan.workload().data_type(), v1::DATA_TYPE_BF16);
}

TEST(MakePlan, LlamaFromItsConfig) {
  v1::PlanRequest request;
  request.set_hugging_face_config(ReadModel("llama-3.1-8b.json"));
  request.mutable_workload()->set_sequence_length(131072);
  request.mutable_constraints()->set_ranks(4);
  const v1::Plan plan = PlanOf(request);
  EXPECT_EQ(plan.total().forward_wire_bytes(), uint64_t{4 * 480} << 20);
  EXPECT_EQ(plan.model().hidden_size(), 4096);
  EXPECT_EQ(plan.model().vocabulary_size(), 128256);
}

TEST(MakePlan, RemainderUnevenOrPadded) {
  v1::PlanRequest request = Ask(8, 8, 64, 10, 4);
  v1::Plan plan = PlanOf(request);
  EXPECT_EQ(plan.padded_sequence_length(), 10);
  EXPECT_EQ(plan.ranks(1).token_ranges(0).count(), 3);
  EXPECT_EQ(plan.ranks(2).token_ranges(0).start(), 6);
  EXPECT_EQ(plan.ranks(3).token_ranges(0).count(), 2);
  request.mutable_constraints()->set_remainder_policy(v1::REMAINDER_POLICY_PAD);
  plan = PlanOf(request);
  EXPECT_EQ(plan.padded_sequence_length(), 12);
  EXPECT_EQ(plan.ranks(3).valid_tokens(), 1);
  EXPECT_EQ(plan.ranks(3).pad_tokens(), 2);
  // Padding beyond one rank's share.
  request.mutable_workload()->set_sequence_length(5);
  plan = PlanOf(request);
  EXPECT_EQ(plan.padded_sequence_length(), 8);
  EXPECT_EQ(plan.ranks(2).valid_tokens(), 1);
  EXPECT_EQ(plan.ranks(3).valid_tokens(), 0);
  EXPECT_EQ(plan.ranks(3).pad_tokens(), 2);
}

TEST(MakePlan, ForwardOnlySendsNothingBackward) {
  v1::PlanRequest request = Ask(8, 8, 64, 64, 4);
  request.mutable_workload()->set_mode(v1::MODE_FORWARD_ONLY);
  const v1::Plan plan = PlanOf(request);
  EXPECT_EQ(plan.total().backward_bytes(), 0);
  EXPECT_GT(plan.total().forward_bytes(), 0);
}

TEST(MakePlan, ReplicasRepeatTheGroup) {
  v1::PlanRequest request = Ask(8, 4, 64, 64, 6);
  request.mutable_constraints()->set_data_parallel_degree(3);
  const v1::Plan plan = PlanOf(request);
  EXPECT_EQ(plan.mesh().ulysses(), 2);
  ASSERT_EQ(plan.ulysses_groups_size(), 3);
  EXPECT_THAT(plan.ulysses_groups(1).ranks(), ElementsAre(2, 3));
  EXPECT_EQ(plan.ranks(5).coordinate().data_parallel(), 2);
  EXPECT_EQ(plan.ranks(5).coordinate().ulysses(), 1);
  EXPECT_EQ(plan.ranks(5).ulysses_group(), 2);
  EXPECT_EQ(plan.total().forward_bytes(),
            3 * PlanOf(Ask(8, 4, 64, 64, 2)).total().forward_bytes());
}

TEST(MakePlan, PlacesRanksOnSlots) {
  v1::PlanRequest request = Ask(8, 4, 64, 64, 4);
  for (const char* name : {"alpha", "beta"}) {
    auto* node = request.mutable_topology()->add_nodes();
    node->set_name(name);
    node->set_slots(2);
  }
  const v1::Plan plan = PlanOf(request);
  EXPECT_EQ(plan.ranks(1).place().node(), "alpha");
  EXPECT_EQ(plan.ranks(2).place().node(), "beta");
  EXPECT_EQ(plan.ranks(3).place().local_index(), 1);
  EXPECT_NE(plan.hash(), PlanOf(Ask(8, 4, 64, 64, 4)).hash());
  request.mutable_constraints()->set_ranks(5);
  EXPECT_EQ(RejectionOf(request).code(),
            v1::REJECTION_CODE_MORE_RANKS_THAN_SLOTS);
}

TEST(MakePlan, SummaryHasTheHashOfTheWhole) {
  v1::PlanRequest request = Ask(8, 4, 64, 64, 4);
  const std::string hash = PlanOf(request).hash();
  request.set_detail(v1::DETAIL_SUMMARY);
  const v1::PlanResponse response = Answer(request);
  ASSERT_EQ(response.plans_size(), 1);
  EXPECT_EQ(response.plans(0).hash(), hash);
  EXPECT_EQ(response.plans(0).ranks_size(), 0);
}

// Absurd requests, each with the field that the error must name first.
// The longest sequence that is taken still has bytes that fit 63 bits.
// The hash is part of the contract: ranks of different builds must agree on it.
TEST(MakePlan, GoldenHash) {
  v1::PlanRequest request = Ask(28, 4, 128, 4099, 8);
  request.mutable_workload()->set_causal(true);
  // SHA-256 of the canonical text as a script wrote it from planner.proto's
  // rules.
  EXPECT_EQ(PlanOf(request).hash(),
            "183dacbe8853a60986eac7d67fea1ec5c4ab324a325b10c374554c05874a1cb9");
}

}  // namespace
}  // namespace ithaca::planner
