// Answers every method that no service of this daemon has: UNIMPLEMENTED, with
// a sentence that says whether it is declared and what to use instead.
//
// Registered by the composition root. Threads: any; immutable.
#ifndef ITHACA_DAEMON_SERVER_UNSERVED_SERVICE_H_
#define ITHACA_DAEMON_SERVER_UNSERVED_SERVICE_H_

#include <grpcpp/generic/async_generic_service.h>

#include <string>

#include "daemon/groups/refusal.h"
#include "daemon/server/method_table.h"

namespace ithaca::server {

class UnservedService : public grpc::CallbackGenericService {
 public:
  explicit UnservedService(const MethodTable* methods) : methods_(methods) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

  // NOT_SERVED or UNKNOWN_METHOD.
  groups::Refusal Explain(const std::string& method) const;

 private:
  const MethodTable* const methods_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_UNSERVED_SERVICE_H_
