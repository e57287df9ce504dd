// ithaca.planner.v1.PlannerService over gRPC.
//
// Registered by ithacad. Stateless: one object serves any number of calls at
// once from any threads; it must outlive the server that it is registered with.
#ifndef ITHACA_DAEMON_PLANNER_PLANNER_SERVICE_H_
#define ITHACA_DAEMON_PLANNER_PLANNER_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "ithaca/planner/v1/planner.grpc.pb.h"

namespace ithaca::planner {

// Errors in a request are INVALID_ARGUMENT with an ErrorInfo that names the
// field; an answer beyond gRPC's 4 MiB is RESOURCE_EXHAUSTED.
class PlannerService final : public v1::PlannerService::Service {
 public:
  grpc::Status Plan(grpc::ServerContext* context,
                    const v1::PlanRequest* request,
                    v1::PlanResponse* response) override;
  grpc::Status Validate(grpc::ServerContext* context,
                        const v1::ValidateRequest* request,
                        v1::ValidateResponse* response) override;
  grpc::Status MaxSequence(grpc::ServerContext* context,
                           const v1::MaxSequenceRequest* request,
                           v1::MaxSequenceResponse* response) override;
  grpc::Status Explain(grpc::ServerContext* context,
                       const v1::ExplainRequest* request,
                       v1::ExplainResponse* response) override;
  grpc::Status Replan(grpc::ServerContext* context,
                      const v1::ReplanRequest* request,
                      grpc::ServerWriter<v1::ReplanResponse>* writer) override;
};

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_PLANNER_SERVICE_H_
