#include "daemon/planner/planner_service.h"

#include <utility>

#include "daemon/planner/planner.h"
#include "daemon/planner/rpc_status.h"
#include "daemon/planner/validate.h"

namespace ithaca::planner {
namespace {

grpc::Status Unimplemented(const char* message) {
  return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, message);
}

}  // namespace

grpc::Status PlannerService::Plan(grpc::ServerContext*,
                                  const v1::PlanRequest* request,
                                  v1::PlanResponse* response) {
  absl::StatusOr<v1::PlanResponse> made = MakePlan(*request);
  if (made.ok()) *response = *std::move(made);
  return ToGrpcStatus(made.status());
}

grpc::Status PlannerService::Validate(grpc::ServerContext*,
                                      const v1::ValidateRequest* request,
                                      v1::ValidateResponse* response) {
  absl::StatusOr<v1::ValidateResponse> made = ValidateSubject(*request);
  if (made.ok()) *response = *std::move(made);
  return ToGrpcStatus(made.status());
}

grpc::Status PlannerService::MaxSequence(grpc::ServerContext*,
                                         const v1::MaxSequenceRequest*,
                                         v1::MaxSequenceResponse*) {
  return Unimplemented(
      "This daemon does not predict memory, so it cannot name the longest "
      "sequence; "
      "Plan answers for a given length.");
}

grpc::Status PlannerService::Explain(grpc::ServerContext*,
                                     const v1::ExplainRequest*,
                                     v1::ExplainResponse*) {
  return Unimplemented(
      "This daemon does not explain plans; Plan returns with each plan the "
      "reasons "
      "against every other family.");
}

grpc::Status PlannerService::Replan(grpc::ServerContext*,
                                    const v1::ReplanRequest*,
                                    grpc::ServerWriter<v1::ReplanResponse>*) {
  return Unimplemented(
      "This daemon does not change plans; call Plan with the ranks that are "
      "left.");
}

}  // namespace ithaca::planner
