// Counts every call, whatever service answers it, and tells every client the
// daemon's version (initial metadata "ithaca-version", as HTTP's Server).
//
// A server interceptor: it sees calls begin and end, and decides nothing.
// Used by the composition root. Threads: gRPC's. Life: the factory belongs to
// the server; the metrics outlive both.
#ifndef ITHACA_DAEMON_SERVER_CALL_METER_H_
#define ITHACA_DAEMON_SERVER_CALL_METER_H_

#include <grpcpp/support/server_interceptor.h>

#include <map>
#include <memory>
#include <string>

#include "daemon/metrics/metrics.h"
#include "daemon/server/method_table.h"

namespace ithaca::server {

// The metadata's key; clients read it.
inline constexpr char kVersionKey[] = "ithaca-version";

class CallMeterFactory
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  // Both must outlive the factory.
  CallMeterFactory(metrics::Metrics* metrics, const MethodTable* methods);

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;

 private:
  metrics::Metrics* const metrics_;
  const MethodTable* const methods_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_CALL_METER_H_
