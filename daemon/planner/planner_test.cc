#include "daemon/planner/planner.h"

#include <fstream>
#include <sstream>
#include <string>

#include "daemon/planner/validate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

v1::PlanRequest Ask(uint32_t heads, uint32_t kv_heads, uint32_t head_size,
                    uint64_t tokens, uint32_t ranks) {
  v1::PlanRequest request;
  request.mutable_model()->set_query_heads(heads);
  request.mutable_model()->set_kv_heads(kv_heads);
  request.mutable_model()->set_head_size(head_size);
  request.mutable_workload()->set_sequence_length(tokens);
  request.mutable_constraints()->set_ranks(ranks);
  return request;
}

v1::PlanResponse Answer(const v1::PlanRequest& request) {
  const auto response = MakePlan(request);
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *response : v1::PlanResponse();
}

// The only plan of an answer that must have one, and must be valid.
v1::Plan PlanOf(const v1::PlanRequest& request) {
  const v1::PlanResponse response = Answer(request);
  EXPECT_EQ(response.plans_size(), 1) << response.ShortDebugString();
  if (response.plans_size() != 1) return {};
  const v1::ValidateResponse check = ValidatePlan(response.plans(0));
  EXPECT_TRUE(check.valid()) << check.DebugString();
  return response.plans(0);
}

// The first rejection of an answer that must have no plan, and whose nearest
// legal choice must have one.
v1::Rejection RejectionOf(const v1::PlanRequest& request) {
  const v1::PlanResponse response = Answer(request);
  EXPECT_EQ(response.plans_size(), 0);
  if (response.rejected().empty()) return {};
  v1::PlanRequest nearest = request;
  *nearest.mutable_constraints() = response.rejected(0).nearest_legal();
  PlanOf(nearest);
  return response.rejected(0);
}

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

TEST(MakePlan, RefusesMoreRanksThanHeads) {
  const v1::Rejection rejection = RejectionOf(Ask(32, 8, 128, 4096, 64));
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_MORE_RANKS_THAN_HEADS);
  EXPECT_EQ(rejection.nearest_legal().ranks(), 32);
  EXPECT_THAT(rejection.reason(),
              HasSubstr("64 ranks cannot share 32 query heads"));
  EXPECT_THAT(rejection.reason(), HasSubstr("32 ranks."));
}

TEST(MakePlan, ATokenForEachRankIsEnough) {
  EXPECT_EQ(PlanOf(Ask(32, 8, 128, 7, 7)).ranks(6).valid_tokens(), 1);
  const v1::Rejection rejection = RejectionOf(Ask(32, 8, 128, 6, 7));
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_MORE_RANKS_THAN_TOKENS);
  EXPECT_EQ(rejection.nearest_legal().ranks(), 6);
}

TEST(MakePlan, SaysWhatRingWouldMakeOfTooManyRanks) {
  const v1::PlanResponse response = Answer(Ask(32, 8, 128, 4096, 64));
  ASSERT_EQ(response.rejected_size(), 3);
  EXPECT_EQ(response.rejected(2).family(), v1::FAMILY_ULYSSES_RING);
  EXPECT_THAT(response.rejected(2).reason(), HasSubstr("would be 32 x 2."));
}

TEST(MakePlan, RefusesWithTheNearestLegalChoice) {
  EXPECT_EQ(RejectionOf(Ask(32, 8, 128, 5, 8)).code(),
            v1::REJECTION_CODE_MORE_RANKS_THAN_TOKENS);

  v1::PlanRequest request = Ask(28, 4, 128, 4096, 8);
  request.mutable_constraints()->add_families(v1::FAMILY_ULYSSES_EVEN);
  v1::Rejection rejection = RejectionOf(request);
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_HEADS_DO_NOT_DIVIDE);
  EXPECT_EQ(rejection.nearest_legal().ranks(), 4);

  request = Ask(32, 8, 128, 4096, 16);
  request.mutable_constraints()->set_ulysses_degree(8);
  rejection = RejectionOf(request);
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_MESH_DOES_NOT_COVER_RANKS);
  EXPECT_EQ(rejection.nearest_legal().data_parallel_degree(), 2);

  request = Ask(32, 8, 128, 4096, 16);
  request.mutable_constraints()->set_ring_degree(2);
  rejection = RejectionOf(request);
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_NOT_PLANNED_YET);
  EXPECT_EQ(rejection.nearest_legal().ranks(), 16);

  request = Ask(32, 8, 128, 4096, 16);
  request.mutable_constraints()->add_families(v1::FAMILY_RING);
  rejection = RejectionOf(request);
  EXPECT_EQ(rejection.family(), v1::FAMILY_RING);
  EXPECT_EQ(rejection.nearest_legal().ranks(), 16);
}

TEST(MakePlan, GivesAReasonAgainstEveryOtherFamily) {
  const v1::PlanResponse response = Answer(Ask(28, 4, 128, 4096, 8));
  ASSERT_EQ(response.rejected_size(), 4);
  const v1::RejectionCode codes[] = {v1::REJECTION_CODE_HEADS_DO_NOT_DIVIDE,
                                     v1::REJECTION_CODE_HEADS_DO_NOT_DIVIDE,
                                     v1::REJECTION_CODE_NOT_PLANNED_YET,
                                     v1::REJECTION_CODE_NOT_PLANNED_YET};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(response.rejected(i).code(), codes[i]) << i;
    EXPECT_FALSE(response.rejected(i).reason().empty());
    v1::PlanRequest nearest = Ask(28, 4, 128, 4096, 8);
    *nearest.mutable_constraints() = response.rejected(i).nearest_legal();
    PlanOf(nearest);
  }
  // The nearest to an even plan is an even plan, not the one that was made.
  EXPECT_EQ(response.rejected(0).family(), v1::FAMILY_ULYSSES_EVEN);
  EXPECT_EQ(response.rejected(0).nearest_legal().ranks(), 4);
}

// Absurd requests, each with the field that the error must name first.
TEST(MakePlan, NamesTheFieldOfAnAbsurdRequest) {
  const v1::PlanRequest good = Ask(32, 8, 128, 4096, 4);
  const struct {
    const char* field;
    void (*spoil)(v1::PlanRequest&);
  } cases[] = {
      {"model", [](auto& r) { r.clear_model(); }},
      {"model.query_heads",
       [](auto& r) { r.mutable_model()->set_query_heads(0); }},
      {"model.query_heads",
       [](auto& r) { r.mutable_model()->set_query_heads(1025); }},
      {"model.kv_heads", [](auto& r) { r.mutable_model()->set_kv_heads(0); }},
      {"model.kv_heads", [](auto& r) { r.mutable_model()->set_kv_heads(33); }},
      {"model.kv_heads", [](auto& r) { r.mutable_model()->set_kv_heads(5); }},
      {"model.head_size", [](auto& r) { r.mutable_model()->set_head_size(0); }},
      {"model.head_size",
       [](auto& r) { r.mutable_model()->clear_head_size(); }},
      {"model.hidden_size",
       [](auto& r) { r.mutable_model()->set_hidden_size(~0u); }},
      {"model.layers", [](auto& r) { r.mutable_model()->set_layers(~0u); }},
      {"workload.sequence_length", [](auto& r) { r.clear_workload(); }},
      {"workload.sequence_length",
       [](auto& r) {
         r.mutable_workload()->set_sequence_length(uint64_t{1} << 63);
       }},
      {"workload.sequence_length",
       [](auto& r) {
         r.mutable_workload()->set_sequence_length(uint64_t{1} << 40);
         r.mutable_workload()->set_batch(1 << 20);
       }},
      {"workload.batch", [](auto& r) { r.mutable_workload()->set_batch(0); }},
      {"workload.data_type",
       [](auto& r) {
         r.mutable_workload()->set_data_type(static_cast<v1::DataType>(9));
       }},
      {"workload.mode",
       [](auto& r) {
         r.mutable_workload()->set_mode(static_cast<v1::Mode>(-1));
       }},
      {"constraints.ranks", [](auto& r) { r.clear_constraints(); }},
      {"constraints.ranks",
       [](auto& r) { r.mutable_constraints()->set_ranks(~0u); }},
      {"constraints.ulysses_degree",
       [](auto& r) { r.mutable_constraints()->set_ulysses_degree(0); }},
      {"constraints.tensor_degree",
       [](auto& r) { r.mutable_constraints()->set_tensor_degree(~0u); }},
      {"constraints.remainder_policy",
       [](auto& r) {
         r.mutable_constraints()->set_remainder_policy(
             static_cast<v1::RemainderPolicy>(7));
       }},
      {"constraints.families[0]",
       [](auto& r) {
         r.mutable_constraints()->add_families(v1::FAMILY_UNSPECIFIED);
       }},
      {"topology.nodes", [](auto& r) { r.mutable_topology(); }},
      {"topology.nodes[0].name",
       [](auto& r) { r.mutable_topology()->add_nodes(); }},
      {"detail", [](auto& r) { r.set_detail(static_cast<v1::Detail>(8)); }},
      {"hugging_face_config", [](auto& r) { r.set_hugging_face_config("[]"); }},
  };
  for (const auto& c : cases) {
    v1::PlanRequest request = good;
    c.spoil(request);
    const auto response = MakePlan(request);
    EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument)
        << c.field;
    EXPECT_THAT(std::string(response.status().message()),
                StartsWith(std::string(c.field) + ": "));
  }
}

// The longest sequence that is taken still has bytes that fit 63 bits.
TEST(MakePlan, BytesOfTheLongestSequenceFit) {
  v1::PlanRequest request = Ask(1024, 1024, 65536, 1, 1);
  request.mutable_workload()->set_data_type(v1::DATA_TYPE_FP32);
  request.mutable_constraints()->add_families(v1::FAMILY_ULYSSES_UNEVEN);
  uint64_t taken = 1;
  for (uint64_t step = uint64_t{1} << 39; step > 0; step /= 2) {
    request.mutable_workload()->set_sequence_length(taken + step);
    if (MakePlan(request).ok()) taken += step;
  }
  EXPECT_GT(taken, uint64_t{1} << 30);
  request.mutable_workload()->set_sequence_length(taken);
  for (uint32_t ranks : {1, 1000, 1023, 1024}) {
    request.mutable_constraints()->set_ranks(ranks);
    const v1::Plan plan = PlanOf(request);
    // All rows, times q, k, v and o of all heads, forward and backward, in
    // fp32.
    const auto bytes = static_cast<unsigned __int128>(taken) *
                       (2 * 1024 + 2 * plan.kv_head_copies()) * 65536 * 4;
    EXPECT_TRUE(bytes * 2 < uint64_t{1} << 63);
    EXPECT_TRUE(plan.total().forward_bytes() == bytes);
    EXPECT_TRUE(plan.total().backward_bytes() == bytes);
  }
}

TEST(MakePlan, TooMuchDetailForOneMessage) {
  v1::PlanRequest request = Ask(1024, 1024, 64, 4096, 65536);
  request.mutable_constraints()->set_data_parallel_degree(64);
  EXPECT_THAT(std::string(MakePlan(request).status().message()),
              StartsWith("detail: "));
  request.set_detail(v1::DETAIL_SUMMARY);
  EXPECT_EQ(Answer(request).plans_size(), 1);
}

// The hash is part of the contract: ranks of different builds must agree on it.
TEST(MakePlan, GoldenHash) {
  v1::PlanRequest request = Ask(28, 4, 128, 4099, 8);
  request.mutable_workload()->set_causal(true);
  // SHA-256 of the canonical text as a script wrote it from planner.proto's
  // rules.
  EXPECT_EQ(PlanOf(request).hash(),
            "1c7daba0c8487041d14b4bc1551639204b291b26bc42dcb17bd3c2dd366d49ff");
}

}  // namespace
}  // namespace ithaca::planner
