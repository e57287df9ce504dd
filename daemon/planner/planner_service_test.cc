#include "daemon/planner/planner_service.h"

#include <memory>
#include <string>

#include "daemon/planner/planner.h"
#include "daemon/planner/validate.h"
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
  request.set_detail(v1::DETAIL_FULL);
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

TEST_F(PlannerServiceTest, FindsTheLongestSequence) {
  v1::MaxSequenceRequest request;
  *request.mutable_request() = Request();
  v1::MaxSequenceResponse response;
  grpc::Status status = stub_->MaxSequence(&context_, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), StartsWith("request.model: "));
  v1::Model& model = *request.mutable_request()->mutable_model();
  model.set_hidden_size(3584);
  model.set_layers(28);
  model.set_intermediate_size(18944);
  model.set_vocabulary_size(152064);
  v1::Constraints& c = *request.mutable_request()->mutable_constraints();
  c.set_memory_bytes(uint64_t{80} << 30);
  c.set_zero_stage(3);
  c.set_recompute(v1::RECOMPUTE_FULL);
  grpc::ClientContext given;
  ASSERT_TRUE(stub_->MaxSequence(&given, request, &response).ok());
  EXPECT_GT(response.sequence_length(), 10000u);
  EXPECT_EQ(response.sequence_length() % 8, 0u);
  EXPECT_EQ(response.plan().workload().sequence_length(),
            response.sequence_length());
  EXPECT_GE(response.plan().estimate().memory().margin_bytes(), 0);
  // One step more does not fit, and a search finds at least as much.
  v1::PlanRequest longer = request.request();
  longer.mutable_workload()->set_sequence_length(response.sequence_length() +
                                                 8);
  EXPECT_EQ(MakePlan(longer)->rejected(0).code(),
            v1::REJECTION_CODE_DOES_NOT_FIT);
  v1::Constraints& all = *request.mutable_request()->mutable_constraints();
  all.clear_zero_stage();
  all.clear_recompute();
  all.set_search(v1::SEARCH_ALL);
  v1::MaxSequenceResponse best;
  grpc::ClientContext searched;
  ASSERT_TRUE(stub_->MaxSequence(&searched, request, &best).ok());
  EXPECT_GE(best.sequence_length(), response.sequence_length());
}

TEST_F(PlannerServiceTest, ExplainsAPlan) {
  v1::ExplainRequest request;
  v1::ExplainResponse response;
  EXPECT_EQ(stub_->Explain(&context_, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  *request.mutable_plan() = MakePlan(Request())->plans(0);
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->Explain(&context, request, &response).ok());
  for (const char* part :
       {"8 ranks run Ulysses 8.", "1.143 x the mean query heads",
        "Assumed:", "strategies the planner would take",
        "Not taken:", "A ring sends fewer bytes", "Megatron-LM "}) {
    EXPECT_THAT(response.text(), HasSubstr(part));
  }
}

TEST_F(PlannerServiceTest, StreamsNewPlans) {
  v1::ReplanRequest request;
  {
    grpc::ClientContext context;
    v1::ReplanResponse response;
    auto reader = stub_->Replan(&context, request);
    EXPECT_FALSE(reader->Read(&response));
    EXPECT_EQ(reader->Finish().error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
  v1::PlanRequest plan = Request();
  for (const char* name : {"a", "b"}) {
    plan.mutable_topology()->add_nodes()->set_name(name);
    plan.mutable_topology()->mutable_nodes()->rbegin()->set_slots(4);
  }
  *request.mutable_plan() = MakePlan(plan)->plans(0);
  request.add_lost_nodes("b");
  auto reader = stub_->Replan(&context_, request);
  v1::ReplanResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.plan().ranks_size(), 4);
  EXPECT_TRUE(ValidatePlan(response.plan()).valid());
  while (reader->Read(&response)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
}

}  // namespace
}  // namespace ithaca::planner
