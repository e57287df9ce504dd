#include "daemon/planner/planner_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/validate_config.h"
#include "daemon/planner/explain.h"
#include "daemon/planner/max_sequence.h"
#include "daemon/planner/planner.h"
#include "daemon/planner/replan.h"
#include "daemon/planner/rpc_status.h"
#include "daemon/planner/validate.h"

namespace ithaca::planner {
namespace {

// What every gRPC client takes unless it was told to take more.
constexpr size_t kMaxResponseBytes = 4 << 20;

}  // namespace

grpc::Status PlannerService::Plan(grpc::ServerContext*,
                                  const v1::PlanRequest* request,
                                  v1::PlanResponse* response) {
  absl::StatusOr<v1::PlanResponse> made = MakePlan(*request);
  if (!made.ok()) return ToGrpcStatus(made.status());
  if (made->ByteSizeLong() > kMaxResponseBytes) {
    return Refuse(grpc::StatusCode::RESOURCE_EXHAUSTED, kTooLarge,
                  absl::StrCat("the plan takes ", made->ByteSizeLong(),
                               " bytes, more than gRPC's ", kMaxResponseBytes),
                  "ask for DETAIL_SUMMARY, or plan without a daemon");
  }
  *response = *std::move(made);
  return grpc::Status::OK;
}

grpc::Status PlannerService::Validate(grpc::ServerContext*,
                                      const v1::ValidateRequest* request,
                                      v1::ValidateResponse* response) {
  absl::StatusOr<v1::ValidateResponse> made =
      request->has_framework_config() ? ValidateFrameworkConfig(*request)
                                      : ValidateSubject(*request);
  if (!made.ok()) return ToGrpcStatus(made.status());
  *response = *std::move(made);
  return grpc::Status::OK;
}

grpc::Status PlannerService::MaxSequence(grpc::ServerContext*,
                                         const v1::MaxSequenceRequest* request,
                                         v1::MaxSequenceResponse* response) {
  absl::StatusOr<v1::MaxSequenceResponse> made = FindMaxSequence(*request);
  if (!made.ok()) return ToGrpcStatus(made.status());
  *response = *std::move(made);
  return grpc::Status::OK;
}

grpc::Status PlannerService::Explain(grpc::ServerContext*,
                                     const v1::ExplainRequest* request,
                                     v1::ExplainResponse* response) {
  absl::StatusOr<v1::ExplainResponse> made = ExplainPlan(*request);
  if (!made.ok()) return ToGrpcStatus(made.status());
  *response = *std::move(made);
  return grpc::Status::OK;
}

grpc::Status PlannerService::Replan(
    grpc::ServerContext*, const v1::ReplanRequest* request,
    grpc::ServerWriter<v1::ReplanResponse>* writer) {
  const auto made = planner::Replan(*request);
  if (!made.ok()) return ToGrpcStatus(made.status());
  for (const v1::ReplanResponse& answer : *made) {
    if (answer.ByteSizeLong() > kMaxResponseBytes) {
      return Refuse(
          grpc::StatusCode::RESOURCE_EXHAUSTED, kTooLarge,
          absl::StrCat("the plan takes ", answer.ByteSizeLong(),
                       " bytes, more than gRPC's ", kMaxResponseBytes),
          "replan without a daemon");
    }
    if (!writer->Write(answer)) break;  // the caller has gone
  }
  return grpc::Status::OK;
}

}  // namespace ithaca::planner
