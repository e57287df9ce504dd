#include "daemon/cli/ask_etcd.h"

#include <chrono>

#include "daemon/store/etcd/client.h"
#include "daemon/store/etcd/options.h"

namespace ithaca::cli {

doctor::EtcdAnswer AskEtcd(const std::string& store,
                           const std::string& endpoint) {
  constexpr std::chrono::seconds kPatience(3);
  doctor::EtcdAnswer answer;
  auto options = store::etcd::ParseOptions(store.substr(store.find(':') + 1));
  if (!options.ok()) {
    answer.error = std::string(options.status().message());
    return answer;
  }
  options->endpoints = {endpoint};
  const auto client = store::etcd::Client::Make(*options);
  if (!client.ok()) {
    answer.error = std::string(client.status().message());
    return answer;
  }
  etcdserverpb::StatusResponse response;
  const grpc::Status status = (*client)->Once(
      [&response](const store::etcd::Endpoint& member,
                  grpc::ClientContext* context) {
        return member.maintenance->Status(context, {}, &response);
      },
      std::chrono::steady_clock::now() + kPatience, kPatience);
  answer.error = status.error_message();
  if (!status.ok() && answer.error.empty()) answer.error = "does not answer";
  answer.version = response.version();
  return answer;
}

}  // namespace ithaca::cli
