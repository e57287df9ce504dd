// What the planner refuses, with which reason, and what it proposes instead.
#include <cmath>
#include <string>

#include "daemon/planner/ask_for_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Refusals, RefusesMoreRanksThanHeads) {
  const v1::Rejection rejection = RejectionOf(Ask(32, 8, 128, 4096, 64));
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_MORE_RANKS_THAN_HEADS);
  EXPECT_EQ(rejection.nearest_legal().ranks(), 64);
  EXPECT_EQ(rejection.nearest_legal().ulysses_degree(), 32);
  EXPECT_EQ(rejection.nearest_legal().ring_degree(), 2);
  EXPECT_THAT(rejection.reason(),
              HasSubstr("64 ranks cannot share 32 query heads"));
  EXPECT_THAT(rejection.reason(),
              HasSubstr("is 64 ranks as Ulysses 32 x ring 2."));
}

TEST(Refusals, ATokenForEachRankIsEnough) {
  EXPECT_EQ(PlanOf(Ask(32, 8, 128, 7, 7)).ranks(6).valid_tokens(), 1);
  const v1::Rejection rejection = RejectionOf(Ask(32, 8, 128, 6, 7));
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_MORE_RANKS_THAN_TOKENS);
  EXPECT_EQ(rejection.nearest_legal().data_parallel_degree(), 7);
}

TEST(Refusals, RefusesWithTheNearestLegalChoice) {
  v1::PlanRequest request = Ask(28, 4, 128, 4096, 8);
  request.mutable_constraints()->add_families(v1::FAMILY_ULYSSES_EVEN);
  v1::Rejection rejection = RejectionOf(request);
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_HEADS_DO_NOT_DIVIDE);
  EXPECT_EQ(rejection.nearest_legal().ulysses_degree(), 4);
  EXPECT_EQ(rejection.nearest_legal().data_parallel_degree(), 2);

  request = Ask(32, 8, 128, 4096, 16);
  request.mutable_constraints()->set_ulysses_degree(8);
  rejection = RejectionOf(request);
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_MESH_DOES_NOT_COVER_RANKS);
  EXPECT_EQ(rejection.nearest_legal().ranks(), 16);

  request = Ask(32, 8, 128, 4096, 16);
  request.mutable_constraints()->add_families(v1::FAMILY_RING);
  rejection = RejectionOf(request);
  EXPECT_EQ(rejection.family(), v1::FAMILY_RING);
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_DEGREE_EXCLUDES_FAMILY);
  EXPECT_EQ(rejection.nearest_legal().ring_degree(), 16);

  request = Ask(32, 8, 128, 4096, 12);
  request.mutable_constraints()->set_tensor_degree(3);
  rejection = RejectionOf(request);
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_TENSOR_DOES_NOT_DIVIDE_HEADS);
  EXPECT_EQ(rejection.nearest_legal().ranks(), 12);

  request = Ask(32, 8, 128, 4096, 12);
  request.mutable_model()->set_layers(32);
  request.mutable_constraints()->set_pipeline_degree(3);
  rejection = RejectionOf(request);
  EXPECT_EQ(rejection.code(),
            v1::REJECTION_CODE_PIPELINE_DOES_NOT_DIVIDE_LAYERS);

  request = Ask(32, 8, 128, 4096, 12);
  request.mutable_workload()->set_global_batch(4);
  request.mutable_constraints()->set_data_parallel_degree(3);
  rejection = RejectionOf(request);
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_BATCH_DOES_NOT_DIVIDE);

  request = Ask(32, 8, 128, 4096, 12);
  request.mutable_constraints()->set_expert_parallel_degree(3);
  rejection = RejectionOf(request);
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_EXPERTS_DO_NOT_DIVIDE);

  request = Ask(32, 8, 128, 4096, 8);
  request.mutable_constraints()->set_offload_parameters(true);
  rejection = RejectionOf(request);
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_SETTINGS_CONFLICT);

  request = Ask(40, 8, 128, 4096, 16);
  request.mutable_constraints()->add_frameworks(v1::FRAMEWORK_DEEPSPEED);
  rejection = RejectionOf(request);
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_FRAMEWORK_CANNOT_RUN);
  EXPECT_EQ(rejection.nearest_legal().ulysses_degree(), 8);
}

TEST(Refusals, WhatDoesNotFitGetsWhatDoes) {
  v1::PlanRequest request = Ask(32, 8, 128, 131072, 8);
  v1::Model& model = *request.mutable_model();
  model.set_hidden_size(4096);
  model.set_layers(32);
  model.set_intermediate_size(14336);
  model.set_vocabulary_size(128256);
  request.mutable_constraints()->set_memory_bytes(uint64_t{80} << 30);
  const v1::Rejection rejection = RejectionOf(request);
  EXPECT_EQ(rejection.code(), v1::REJECTION_CODE_DOES_NOT_FIT);
  EXPECT_THAT(rejection.reason(), HasSubstr("GiB of accelerator memory"));
  EXPECT_EQ(rejection.nearest_legal().ulysses_degree(), 8);
  EXPECT_GT(rejection.nearest_legal().zero_stage(), 0u);
  request.mutable_constraints()->set_memory_bytes(1 << 20);
  const v1::PlanResponse nothing = Answer(request);
  EXPECT_EQ(nothing.plans_size(), 0);
  EXPECT_FALSE(nothing.rejected(0).has_nearest_legal());
}

TEST(Refusals, GivesAReasonAgainstEveryOtherFamily) {
  const v1::PlanResponse response = Answer(Ask(28, 4, 128, 4096, 8));
  ASSERT_EQ(response.rejected_size(), 4);
  const v1::RejectionCode codes[] = {v1::REJECTION_CODE_HEADS_DO_NOT_DIVIDE,
                                     v1::REJECTION_CODE_HEADS_DO_NOT_DIVIDE,
                                     v1::REJECTION_CODE_DEGREE_EXCLUDES_FAMILY,
                                     v1::REJECTION_CODE_DEGREE_EXCLUDES_FAMILY};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(response.rejected(i).code(), codes[i]) << i;
    EXPECT_FALSE(response.rejected(i).reason().empty());
    v1::PlanRequest nearest = Ask(28, 4, 128, 4096, 8);
    *nearest.mutable_constraints() = response.rejected(i).nearest_legal();
    PlanOf(nearest);
  }
  // The nearest to an even plan is an even plan, not the one that was made.
  EXPECT_EQ(response.rejected(0).family(), v1::FAMILY_ULYSSES_EVEN);
  EXPECT_EQ(response.rejected(0).nearest_legal().ulysses_degree(), 4);
}

TEST(Refusals, NamesTheFieldOfAnAbsurdRequest) {
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
      {"hardware.peak_flops",
       [](auto& r) { r.mutable_hardware()->set_peak_flops(NAN); }},
      {"hardware.matmul_efficiency",
       [](auto& r) { r.mutable_hardware()->set_matmul_efficiency(1.5); }},
      {"hardware.memory_bytes",
       [](auto& r) { r.mutable_hardware()->set_memory_bytes(0); }},
      {"hardware.links[0].link_class",
       [](auto& r) { r.mutable_hardware()->add_links(); }},
      {"hardware.links[0].bytes_per_second",
       [](auto& r) {
         r.mutable_hardware()->add_links()->set_link_class(v1::LINK_CLASS_NODE);
         r.mutable_hardware()->mutable_links(0)->set_bytes_per_second(NAN);
       }},
      {"hardware.links[1].link_class",
       [](auto& r) {
         for (int i = 0; i < 2; ++i) {
           r.mutable_hardware()->add_links()->set_link_class(
               v1::LINK_CLASS_NODE);
           r.mutable_hardware()->mutable_links(i)->set_bytes_per_second(1);
         }
       }},
      {"hardware.links[0].measured_source",
       [](auto& r) {
         auto& link = *r.mutable_hardware()->add_links();
         link.set_link_class(v1::LINK_CLASS_NODE);
         link.set_bytes_per_second(1);
         link.set_measured_source(std::string(257, 'x'));
       }},
      {"hardware.links[0].measured[1].bytes",
       [](auto& r) {
         auto& link = *r.mutable_hardware()->add_links();
         link.set_link_class(v1::LINK_CLASS_NODE);
         for (int i = 0; i < 2; ++i) {
           link.add_measured()->set_bytes(1);
           link.mutable_measured(i)->set_seconds(1);
         }
       }},
      {"workload.mask",
       [](auto& r) {
         r.mutable_workload()->set_causal(true);
         r.mutable_workload()->set_mask(v1::ATTENTION_MASK_FULL);
       }},
      {"workload.window", [](auto& r) { r.mutable_workload()->set_window(3); }},
      {"workload.density",
       [](auto& r) {
         r.mutable_workload()->set_mask(v1::ATTENTION_MASK_BLOCK_SPARSE);
         r.mutable_workload()->set_density(NAN);
       }},
      {"workload.cu_seqlens",
       [](auto& r) { r.mutable_workload()->add_cu_seqlens(0); }},
      {"workload.cu_seqlens[1]",
       [](auto& r) {
         for (int i = 0; i < 2; ++i) r.mutable_workload()->add_cu_seqlens(0);
       }},
      {"workload.micro_batches",
       [](auto& r) { r.mutable_workload()->set_micro_batches(0); }},
      {"workload.global_batch",
       [](auto& r) { r.mutable_workload()->set_global_batch(0); }},
      {"model.experts_per_token",
       [](auto& r) { r.mutable_model()->set_experts(8); }},
      {"model.shared_experts",
       [](auto& r) { r.mutable_model()->set_shared_experts(8); }},
      {"constraints.zero_stage",
       [](auto& r) { r.mutable_constraints()->set_zero_stage(4); }},
      {"constraints.frameworks[0]",
       [](auto& r) {
         r.mutable_constraints()->add_frameworks(v1::FRAMEWORK_UNSPECIFIED);
       }},
      {"constraints.memory_bytes",
       [](auto& r) { r.mutable_constraints()->set_memory_bytes(0); }},
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

TEST(Refusals, BytesOfTheLongestSequenceFit) {
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

TEST(Refusals, TooMuchDetailForOneMessage) {
  v1::PlanRequest request = Ask(1024, 1024, 64, 4096, 65536);
  request.mutable_constraints()->set_data_parallel_degree(64);
  request.set_detail(v1::DETAIL_FULL);
  EXPECT_THAT(std::string(MakePlan(request).status().message()),
              StartsWith("detail: "));
  request.clear_detail();
  EXPECT_EQ(Answer(request).plans(0).ranks_size(), 0);
  request.mutable_rank_window()->set_first(65530);
  request.mutable_rank_window()->set_count(10);
  const v1::PlanResponse part = Answer(request);
  ASSERT_EQ(part.plans(0).ranks_size(), 6);
  EXPECT_EQ(part.plans(0).ranks(0).rank(), 65530u);
  EXPECT_EQ(part.plans(0).ranks(0).seq_to_heads().send_size(), 1024);
}

}  // namespace
}  // namespace ithaca::planner
