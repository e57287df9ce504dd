#include "daemon/planner/adapters/validate_config.h"

#include <string>

#include "daemon/planner/field_error.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

v1::ValidateRequest Ask(v1::Framework framework, const std::string& text) {
  v1::ValidateRequest request;
  request.mutable_framework_config()->set_framework(framework);
  request.mutable_framework_config()->set_text(text);
  v1::PlanRequest* context = request.mutable_context();
  context->mutable_model()->set_query_heads(28);
  context->mutable_model()->set_kv_heads(4);
  context->mutable_model()->set_head_size(128);
  context->mutable_workload()->set_sequence_length(65536);
  context->mutable_constraints()->set_ranks(8);
  return request;
}

v1::ValidateResponse Answer(const v1::ValidateRequest& request) {
  const auto response = ValidateFrameworkConfig(request);
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *response : v1::ValidateResponse();
}

const v1::Finding* Find(const v1::ValidateResponse& response,
                        const std::string& code) {
  for (const v1::Finding& finding : response.findings()) {
    if (finding.code() == code) return &finding;
  }
  return nullptr;
}

TEST(ValidateFrameworkConfig, FindsAndSaysWhatIsAskedFor) {
  const v1::ValidateResponse response = Answer(Ask(
      v1::FRAMEWORK_ARCTIC_TRAINING, "sequence_parallel_size: 8\nother: 1\n"));
  EXPECT_FALSE(response.valid());
  const v1::Finding* finding = Find(response, "HEADS_DO_NOT_DIVIDE");
  ASSERT_NE(finding, nullptr) << response.DebugString();
  EXPECT_EQ(finding->severity(), v1::SEVERITY_CRASH);
  EXPECT_EQ(finding->field(), "sequence_parallel_size");
  EXPECT_FALSE(finding->remedy().empty());
  EXPECT_EQ(response.constraints().ulysses_degree(), 8u);
  EXPECT_EQ(response.constraints().data_parallel_degree(), 1u);
  ASSERT_NE(Find(response, "SETTINGS_NOT_UNDERSTOOD"), nullptr);
  EXPECT_EQ(Find(response, "SETTINGS_NOT_UNDERSTOOD")->field(), "other");
}

TEST(ValidateFrameworkConfig, ASoundOneIsValid) {
  const v1::ValidateResponse response =
      Answer(Ask(v1::FRAMEWORK_MEGATRON,
                 "--context-parallel-size 8 --cp-comm-type a2a+p2p "
                 "--hierarchical-context-parallel-sizes 4 2 "
                 "--use-distributed-optimizer"));
  EXPECT_TRUE(response.valid()) << response.DebugString();
  EXPECT_EQ(response.constraints().ulysses_degree(), 4u);
  EXPECT_EQ(response.constraints().ring_degree(), 2u);
  EXPECT_EQ(response.constraints().sequence_layout(),
            v1::SEQUENCE_LAYOUT_ZIGZAG);
}

TEST(ValidateFrameworkConfig, WhatCannotBeReadIsAFinding) {
  const v1::ValidateResponse response = Answer(Ask(
      v1::FRAMEWORK_DEEPSPEED, R"({"zero_optimization": {"stage": "three"}})"));
  EXPECT_FALSE(response.valid());
  ASSERT_EQ(response.findings_size(), 1);
  EXPECT_EQ(response.findings(0).code(), "UNREADABLE");
  EXPECT_EQ(response.findings(0).field(), "ds_config.zero_optimization.stage");
  EXPECT_FALSE(response.has_constraints());
}

TEST(ValidateFrameworkConfig, RefusesWhatMakesNoSense) {
  const auto field = [](const v1::ValidateRequest& request) {
    const auto response = ValidateFrameworkConfig(request);
    EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
    return FieldOf(response.status());
  };
  EXPECT_EQ(field(Ask(v1::FRAMEWORK_VEOMNI, "")), "framework_config.framework");
  EXPECT_EQ(field(Ask(v1::FRAMEWORK_UNSPECIFIED, "")),
            "framework_config.framework");
  v1::ValidateRequest request = Ask(v1::FRAMEWORK_DEEPSPEED, "{}");
  request.mutable_context()->mutable_model()->set_kv_heads(3);
  EXPECT_EQ(field(request), "context.model.kv_heads");
  request = Ask(v1::FRAMEWORK_DEEPSPEED, "{}");
  request.mutable_context()->mutable_constraints()->set_ranks(1u << 20);
  EXPECT_EQ(field(request), "context.constraints.ranks");
  request = Ask(v1::FRAMEWORK_DEEPSPEED, "{}");
  request.mutable_context()->mutable_workload()->add_cu_seqlens(4);
  request.mutable_context()->mutable_workload()->add_cu_seqlens(4);
  EXPECT_EQ(field(request), "context.workload.cu_seqlens[1]");
}

TEST(ValidateFrameworkConfig, LatentAttentionIsLookedAt) {
  v1::ValidateRequest request =
      Ask(v1::FRAMEWORK_MEGATRON, "--context-parallel-size 8");
  request.mutable_context()->set_hugging_face_config(
      R"({"num_attention_heads": 128, "hidden_size": 7168,
          "kv_lora_rank": 512})");
  EXPECT_NE(Find(Answer(request), "HEADS_OF_TWO_SIZES"), nullptr);
}

}  // namespace
}  // namespace ithaca::planner
