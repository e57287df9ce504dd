#include "daemon/store/etcd/client.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ithaca::store::etcd {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Between two rounds over all endpoints, none of which answered.
constexpr milliseconds kPause(50);

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file || text.str().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "etcd store: cannot read ", path,
        "; it must be a PEM file that the daemon's user can read"));
  }
  return text.str();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(
    const Options& options) {
  if (options.ca.empty()) return grpc::InsecureChannelCredentials();
  const auto ca = ReadPem(options.ca);
  if (!ca.ok()) return ca.status();
  const auto cert = ReadPem(options.cert);
  if (!cert.ok()) return cert.status();
  const auto key = ReadPem(options.key);
  if (!key.ok()) return key.status();
  return grpc::SslCredentials({*ca, *key, *cert});
}

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // etcd closes connections that ping more often than every 5 s.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 6000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 3000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A member that was restarted is found again soon.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // How long a connection may take to be made.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // A proxy between hosts of one cluster is a mistake of the environment.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

}  // namespace

Failure Classify(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::UNIMPLEMENTED:
      return Failure::kRefused;
    default:
      return Failure::kUnknown;
  }
}

absl::StatusOr<std::unique_ptr<Client>> Client::Make(const Options& options) {
  const auto credentials = Credentials(options);
  if (!credentials.ok()) return credentials.status();
  std::unique_ptr<Client> client(new Client());
  client->names_ = absl::StrJoin(options.endpoints, ", ");
  client->call_timeout_ = options.call_timeout;
  client->attempt_timeout_ = options.attempt_timeout;
  client->log_ = options.log;
  for (const std::string& name : options.endpoints) {
    const auto channel =
        grpc::CreateCustomChannel(name, *credentials, Arguments());
    client->endpoints_.push_back({name, etcdserverpb::KV::NewStub(channel),
                                  etcdserverpb::Watch::NewStub(channel),
                                  etcdserverpb::Lease::NewStub(channel),
                                  etcdserverpb::Maintenance::NewStub(channel)});
  }
  return client;
}

void Client::Avoid(size_t index) {
  preferred_.compare_exchange_strong(index, (index + 1) % endpoints_.size());
}

void Client::Prepare(grpc::ClientContext* context, Time deadline) {
  const auto left = deadline - steady_clock::now();
  context->set_deadline(std::chrono::system_clock::now() +
                        std::chrono::duration_cast<milliseconds>(left));
  context->AddMetadata("hasleader", "true");
}

Time Client::Deadline() const { return steady_clock::now() + call_timeout_; }

grpc::Status Client::Once(const Rpc& rpc, Time deadline, milliseconds timeout,
                          bool wait) {
  const size_t index = preferred_;
  grpc::ClientContext context;
  context.set_wait_for_ready(wait);
  Prepare(&context, std::min(deadline, steady_clock::now() + timeout));
  grpc::Status status = rpc(endpoints_[index], &context);
  if (!status.ok() && Classify(status) == Failure::kUnknown) {
    Avoid(index);
    return {status.error_code(),
            absl::StrCat(endpoints_[index].name, ": ", status.error_message())};
  }
  return status;
}

absl::Status Client::Call(const Rpc& rpc, Time deadline) {
  milliseconds timeout = attempt_timeout_;
  for (size_t attempt = 1;; ++attempt) {
    // Every endpoint has a first chance to answer at once. Then calls wait for
    // connections: a connection that is being made again makes progress only
    // while somebody waits for it, and calls that fail at once do not.
    const bool wait = attempt > endpoints_.size();
    const grpc::Status status = Once(rpc, deadline, timeout, wait);
    if (status.ok()) return absl::OkStatus();
    if (Classify(status) == Failure::kRefused ||
        steady_clock::now() + kPause >= deadline) {
      return Explain(status);
    }
    if (attempt % endpoints_.size() == 0) {
      std::this_thread::sleep_for(kPause);
      timeout *= 2;
    }
  }
}

absl::Status Client::Explain(const grpc::Status& status) const {
  const std::string& cause = status.error_message();
  const auto text = [&](const char* remedy) {
    return absl::StrCat("store etcd (", names_, "): ", cause, "; ", remedy);
  };
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return absl::OkStatus();
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return absl::ResourceExhaustedError(
          text("nothing was changed. etcd's quota is used up or it is "
               "overloaded: compact and defragment it, then `etcdctl alarm "
               "disarm`"));
    case grpc::StatusCode::OUT_OF_RANGE:
      return absl::OutOfRangeError(text("read again"));
    case grpc::StatusCode::NOT_FOUND:
      return absl::NotFoundError(text("take a new lease"));
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return absl::PermissionDeniedError(
          text("the name in the daemon's certificate needs a role with "
               "readwrite on the store's prefix"));
    default:
      break;
  }
  if (Classify(status) == Failure::kRefused)
    return absl::InternalError(text("etcd refused it; report this"));
  return absl::UnavailableError(
      text("see that a majority of the members runs, that this host reaches "
           "them, and that TLS is on or off at both ends alike"));
}

void Client::Log(const std::string& text) const {
  if (log_) log_(text);
}

}  // namespace ithaca::store::etcd
