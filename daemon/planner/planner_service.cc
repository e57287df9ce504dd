#include "daemon/planner/planner_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/validate_config.h"
#include "daemon/planner/planner.h"
#include "daemon/planner/rpc_status.h"
#include "daemon/planner/validate.h"

namespace ithaca::planner {
namespace {

// What every gRPC client takes unless it was told to take more.
constexpr size_t kMaxResponseBytes = 4 << 20;

grpc::Status NotServed(const char* what, const char* next_step) {
  return Refuse(grpc::StatusCode::UNIMPLEMENTED, kNotServed, what, next_step);
}

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
                                         const v1::MaxSequenceRequest*,
                                         v1::MaxSequenceResponse*) {
  return NotServed(
      "this daemon does not predict memory, so it knows no longest sequence",
      "call Plan for a length of your choice");
}

grpc::Status PlannerService::Explain(grpc::ServerContext*,
                                     const v1::ExplainRequest*,
                                     v1::ExplainResponse*) {
  return NotServed("this daemon does not explain plans",
                   "Plan returns the reasons against every other family");
}

grpc::Status PlannerService::Replan(grpc::ServerContext*,
                                    const v1::ReplanRequest*,
                                    grpc::ServerWriter<v1::ReplanResponse>*) {
  return NotServed("this daemon does not change plans",
                   "call Plan with the ranks that are left");
}

}  // namespace ithaca::planner
