#include "daemon/cluster/peer_credentials.h"

#include <grpc/grpc_security_constants.h>

#include <string>
#include <vector>

namespace ithaca::cluster {
namespace {

std::vector<std::string> All(const grpc::AuthContext& context,
                             const char* property) {
  std::vector<std::string> values;
  for (const grpc::string_ref& value : context.FindPropertyValues(property))
    values.emplace_back(value.data(), value.size());
  return values;
}

}  // namespace

std::optional<PeerIdentity> IdentityOf(const grpc::AuthContext& context) {
  const std::vector<std::string> kind =
      All(context, GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  const bool tls =
      kind.size() == 1 && (kind[0] == GRPC_SSL_TRANSPORT_SECURITY_TYPE ||
                           kind[0] == GRPC_TLS_TRANSPORT_SECURITY_TYPE);
  if (!tls || All(context, GRPC_X509_PEM_CERT_PROPERTY_NAME).size() != 1)
    return std::nullopt;
  return PeerIdentity{All(context, GRPC_PEER_DNS_PROPERTY_NAME),
                      All(context, GRPC_PEER_URI_PROPERTY_NAME)};
}

}  // namespace ithaca::cluster
