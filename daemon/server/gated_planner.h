// PlannerService behind the gate. What it plans goes on the shelf, so that a
// group can be created from the hash alone.
//
// Registered by the composition root. Threads: gRPC's; those that plan and
// those that wait for it are bounded by the slots.
#ifndef ITHACA_DAEMON_SERVER_GATED_PLANNER_H_
#define ITHACA_DAEMON_SERVER_GATED_PLANNER_H_

#include "daemon/groups/gate.h"
#include "daemon/groups/plan_shelf.h"
#include "daemon/planner/planner_service.h"
#include "daemon/server/planner_slots.h"

namespace ithaca::server {

class GatedPlanner final : public planner::v1::PlannerService::Service {
 public:
  // All must outlive the service.
  GatedPlanner(groups::Gate* gate, groups::PlanShelf* shelf,
               PlannerSlots* slots)
      : gate_(gate), shelf_(shelf), slots_(slots) {}

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
  // Runs `work` when the caller may call and has a place at the planner.
  template <typename Work>
  grpc::Status InPlace(grpc::ServerContext* context, const char* method,
                       const Work& work);

  groups::Gate* const gate_;
  groups::PlanShelf* const shelf_;
  PlannerSlots* const slots_;
  planner::PlannerService planner_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_GATED_PLANNER_H_
