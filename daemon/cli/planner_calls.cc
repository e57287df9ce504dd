#include "daemon/cli/planner_calls.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>

#include "daemon/clients/cc/client.h"
#include "daemon/clients/cc/rpc_error.h"
#include "daemon/planner/planner.h"
#include "daemon/planner/planner_service.h"
#include "ithaca/planner/v1/planner.grpc.pb.h"

namespace ithaca::cli {
namespace {

namespace v1 = planner::v1;

bool UsesDaemon(const Context& context) {
  return context.args.Has("daemon") || context.args.Has("socket");
}

// `remote` is the stub's call, `local` that of the service as it runs within
// the daemon.
template <typename Response, typename Request>
absl::StatusOr<Response> Call(
    const Context& context, const Request& request,
    grpc::Status (v1::PlannerService::Stub::*remote)(grpc::ClientContext*,
                                                     const Request&, Response*),
    grpc::Status (planner::PlannerService::*local)(grpc::ServerContext*,
                                                   const Request*, Response*)) {
  Response response;
  grpc::Status status;
  if (UsesDaemon(context)) {
    const auto client = context.Connect();
    if (!client.ok()) return client.status();
    const auto stub = v1::PlannerService::NewStub((*client)->channel());
    grpc::ClientContext call;
    constexpr auto kPatience = std::chrono::seconds(60);
    call.set_deadline(std::chrono::system_clock::now() + kPatience);
    status = ((*stub).*remote)(&call, request, &response);
  } else {
    planner::PlannerService service;
    status = (service.*local)(nullptr, &request, &response);
  }
  if (!status.ok()) return client::FromRpc(status);
  return response;
}

}  // namespace

absl::StatusOr<v1::PlanResponse> CallPlan(const Context& context,
                                          const v1::PlanRequest& request) {
  // Not the service: what it answers is bounded by what gRPC carries.
  if (!UsesDaemon(context)) return planner::MakePlan(request);
  const auto client = context.Connect();
  if (!client.ok()) return client.status();
  return (*client)->Plan(request);
}

absl::StatusOr<v1::ValidateResponse> CallValidate(
    const Context& context, const v1::ValidateRequest& request) {
  return Call(context, request, &v1::PlannerService::Stub::Validate,
              &planner::PlannerService::Validate);
}

absl::StatusOr<v1::MaxSequenceResponse> CallMaxSequence(
    const Context& context, const v1::MaxSequenceRequest& request) {
  return Call(context, request, &v1::PlannerService::Stub::MaxSequence,
              &planner::PlannerService::MaxSequence);
}

absl::StatusOr<v1::ExplainResponse> CallExplain(
    const Context& context, const v1::ExplainRequest& request) {
  return Call(context, request, &v1::PlannerService::Stub::Explain,
              &planner::PlannerService::Explain);
}

}  // namespace ithaca::cli
