#include "daemon/planner/planner_service.h"

#include <memory>
#include <string>

#include "daemon/planner/planner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// The service behind a real server and channel. Over a socket, not in process:
// there gRPC would hand the client's buffers to the server's threads under
// locks that ThreadSanitizer cannot see.
class PlannerServiceTest : public testing::Test {
 protected:
  PlannerServiceTest() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::PlannerService::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                            grpc::InsecureChannelCredentials()));
  }
  ~PlannerServiceTest() override { server_->Shutdown(); }

  static v1::PlanRequest Request() {
    v1::PlanRequest request;
    request.mutable_model()->set_query_heads(28);
    request.mutable_model()->set_kv_heads(4);
    request.mutable_model()->set_head_size(128);
    request.mutable_workload()->set_sequence_length(4099);
    request.mutable_constraints()->set_ranks(8);
    return request;
  }

  PlannerService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::PlannerService::Stub> stub_;
  grpc::ClientContext context_;
};

TEST_F(PlannerServiceTest, PlanIsThatOfTheLibrary) {
  v1::PlanResponse response;
  const grpc::Status status = stub_->Plan(&context_, Request(), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.SerializeAsString(),
            MakePlan(Request())->SerializeAsString());
  EXPECT_EQ(response.plans_size(), 1);
}

TEST_F(PlannerServiceTest, NonsenseIsInvalidArgumentWithTheField) {
  v1::PlanResponse response;
  const grpc::Status status = stub_->Plan(&context_, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), StartsWith("model: missing"));
}

TEST_F(PlannerServiceTest, APlanTooLargeForAMessageIsRefusedWithTheRemedy) {
  v1::PlanRequest request = Request();
  request.mutable_constraints()->set_ranks(65536);
  request.mutable_constraints()->set_data_parallel_degree(8192);
  v1::PlanResponse response;
  const grpc::Status status = stub_->Plan(&context_, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("DETAIL_SUMMARY"));
  request.set_detail(v1::DETAIL_SUMMARY);
  grpc::ClientContext summary_context;
  ASSERT_TRUE(stub_->Plan(&summary_context, request, &response).ok());
  EXPECT_EQ(response.plans_size(), 1);
}

TEST_F(PlannerServiceTest, ValidatesAPlan) {
  v1::ValidateRequest request;
  *request.mutable_plan() = MakePlan(Request())->plans(0);
  v1::ValidateResponse response;
  ASSERT_TRUE(stub_->Validate(&context_, request, &response).ok());
  EXPECT_TRUE(response.valid());
}

TEST_F(PlannerServiceTest, ValidatingNothingIsInvalidArgument) {
  v1::ValidateResponse response;
  EXPECT_EQ(stub_->Validate(&context_, {}, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(PlannerServiceTest, WhatIsNotServedSaysWhatToDoInstead) {
  v1::MaxSequenceResponse longest;
  grpc::Status status = stub_->MaxSequence(&context_, {}, &longest);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("Plan"));

  grpc::ClientContext explain_context;
  v1::ExplainResponse explanation;
  status = stub_->Explain(&explain_context, {}, &explanation);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("Plan"));

  grpc::ClientContext replan_context;
  v1::ReplanResponse replanned;
  auto reader = stub_->Replan(&replan_context, {});
  EXPECT_FALSE(reader->Read(&replanned));
  status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("Plan"));
}

}  // namespace
}  // namespace ithaca::planner
