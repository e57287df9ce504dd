#include "daemon/server/unserved_service.h"

#include "absl/strings/escaping.h"
#include "daemon/groups/refused_call.h"
#include "daemon/server/version.h"

namespace ithaca::server {
namespace {

// A name from outside is cut and escaped before it is repeated.
constexpr size_t kShownBytes = 200;

}  // namespace

grpc::ServerGenericBidiReactor* UnservedService::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  return new groups::RefusedCall(Explain(context->method()));
}

groups::Refusal UnservedService::Explain(const std::string& method) const {
  const auto rule = methods_->find(method);
  if (rule != methods_->end()) {
    return {absl::StatusCode::kUnimplemented,
            "NOT_SERVED",
            method + " is declared, but ithacad " + kVersion +
                " does not serve it yet",
            rule->second.instead,
            {}};
  }
  return {absl::StatusCode::kUnimplemented,
          "UNKNOWN_METHOD",
          absl::CHexEscape(method.substr(0, kShownBytes)) +
              " is not a method that ithacad " + kVersion + " knows",
          "`ithacactl status` lists its services; is the client newer than the "
          "daemon?",
          {}};
}

}  // namespace ithaca::server
