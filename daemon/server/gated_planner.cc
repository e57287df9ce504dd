#include "daemon/server/gated_planner.h"

#include <string>

#include "daemon/groups/rpc_status.h"

namespace ithaca::server {

grpc::Status GatedPlanner::Admit(const grpc::ServerContext& context,
                                 const char* method) {
  const auto caller = gate_->Admit(
      context, std::string("/ithaca.planner.v1.PlannerService/") + method);
  return caller.ok() ? grpc::Status::OK : groups::ToRpcStatus(caller.refusal());
}

template <typename Work>
grpc::Status GatedPlanner::InPlace(grpc::ServerContext* context,
                                   const char* method, const Work& work) {
  if (grpc::Status no = Admit(*context, method); !no.ok()) return no;
  const auto place = slots_->Enter(
      context->deadline(), [context] { return context->IsCancelled(); });
  return place.ok() ? work() : groups::ToRpcStatus(place.refusal());
}

grpc::Status GatedPlanner::Plan(grpc::ServerContext* context,
                                const planner::v1::PlanRequest* request,
                                planner::v1::PlanResponse* response) {
  return InPlace(context, "Plan", [&] {
    const grpc::Status status = planner_.Plan(context, request, response);
    if (status.ok()) {
      for (const auto& plan : response->plans()) shelf_->Put(plan);
    }
    return status;
  });
}

grpc::Status GatedPlanner::Validate(grpc::ServerContext* context,
                                    const planner::v1::ValidateRequest* request,
                                    planner::v1::ValidateResponse* response) {
  if (grpc::Status no = Admit(*context, "Validate"); !no.ok()) return no;
  return planner_.Validate(context, request, response);
}

grpc::Status GatedPlanner::MaxSequence(
    grpc::ServerContext* context,
    const planner::v1::MaxSequenceRequest* request,
    planner::v1::MaxSequenceResponse* response) {
  return InPlace(context, "MaxSequence", [&] {
    return planner_.MaxSequence(context, request, response);
  });
}

grpc::Status GatedPlanner::Explain(grpc::ServerContext* context,
                                   const planner::v1::ExplainRequest* request,
                                   planner::v1::ExplainResponse* response) {
  return InPlace(context, "Explain",
                 [&] { return planner_.Explain(context, request, response); });
}

grpc::Status GatedPlanner::Replan(
    grpc::ServerContext* context, const planner::v1::ReplanRequest* request,
    grpc::ServerWriter<planner::v1::ReplanResponse>* writer) {
  return InPlace(context, "Replan",
                 [&] { return planner_.Replan(context, request, writer); });
}

}  // namespace ithaca::server
