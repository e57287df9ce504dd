// PlannerService behind the gate. What it plans goes on the shelf, so that a
// group can be created from the hash alone.
//
// Registered by the composition root. Threads: gRPC's, bounded by the server's
// options.
#ifndef ITHACA_DAEMON_SERVER_GATED_PLANNER_H_
#define ITHACA_DAEMON_SERVER_GATED_PLANNER_H_

#include "daemon/groups/gate.h"
#include "daemon/groups/plan_shelf.h"
#include "daemon/planner/planner_service.h"

namespace ithaca::server {

class GatedPlanner final : public planner::v1::PlannerService::Service {
 public:
  // Both must outlive the service.
  GatedPlanner(groups::Gate* gate, groups::PlanShelf* shelf)
      : gate_(gate), shelf_(shelf) {}

  grpc::Status Plan(grpc::ServerContext* context,
                    const planner::v1::PlanRequest* request,
                    planner::v1::PlanResponse* response) override;
  grpc::Status Validate(grpc::ServerContext* context,
                        const planner::v1::ValidateRequest* request,
                        planner::v1::ValidateResponse* response) override;
  grpc::Status MaxSequence(grpc::ServerContext* context,
                           const planner::v1::MaxSequenceRequest* request,
                           planner::v1::MaxSequenceResponse* response) override;
  grpc::Status Explain(grpc::ServerContext* context,
                       const planner::v1::ExplainRequest* request,
                       planner::v1::ExplainResponse* response) override;
  grpc::Status Replan(
      grpc::ServerContext* context, const planner::v1::ReplanRequest* request,
      grpc::ServerWriter<planner::v1::ReplanResponse>* writer) override;

 private:
  grpc::Status Admit(const grpc::ServerContext& context, const char* method);

  groups::Gate* const gate_;
  groups::PlanShelf* const shelf_;
  planner::PlannerService planner_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_GATED_PLANNER_H_
