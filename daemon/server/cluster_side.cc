#include "daemon/server/cluster_side.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <unistd.h>

#include <climits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/cluster/caller_header.h"
#include "daemon/server/server_limits.h"

namespace ithaca::server {
namespace {

// A daemon that comes back is to be found at once.
constexpr int kMinReconnectMs = 100;
constexpr int kMaxReconnectMs = 1000;
constexpr int kConnectMs = 2000;
// Between daemons; well above what the other side's limit on pings asks for.
constexpr int kKeepaliveMs = 15'000;
constexpr int kKeepaliveTimeoutMs = 5000;

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

// Whether others cannot use it to reach this machine.
bool IsWildcard(const std::string& address) {
  return absl::StartsWith(address, "0.0.0.0:") ||
         absl::StartsWith(address, "[::]:");
}

}  // namespace

absl::Status CheckClusterOptions(ClusterOptions* options) {
  const std::pair<const char*, const std::string&> tls[] = {
      {"--tls_cert", options->tls.cert},
      {"--tls_key", options->tls.key},
      {"--tls_ca", options->tls.ca}};
  for (const auto& [flag, value] : tls) {
    if (options->enabled() && value.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--listen=", options->listen, ": needs ", flag,
          " too: daemons speak to each other over mutual TLS only. Give the "
          "three files --tls_cert, --tls_key and --tls_ca"));
    }
    if (!options->enabled() && !value.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(flag, "=", value,
                       ": is of no use without --listen=HOST:PORT; give that "
                       "too, or leave it out"));
    }
  }
  if (!options->enabled()) return absl::OkStatus();
  if (options->node.empty()) options->node = HostName();
  if (!cluster::IsNodeName(options->node)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--node=", absl::CHexEscape(options->node),
                     ": is not 1 to 253 of A-Z a-z 0-9 . _ -; give a name "
                     "that is unique in the cluster"));
  }
  if (options->advertise.empty() && IsWildcard(options->listen)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--listen=", options->listen,
                     ": is every interface, and others must know one; add "
                     "--advertise=HOST:PORT, where they reach this daemon"));
  }
  return absl::OkStatus();
}

ClusterSide::ClusterSide(Options options)
    : options_(std::move(options)),
      inner_gate_(&fates_, options_.admin_uid),
      forwarder_(ForwarderOptions()),
      local_door_(options_.local_gate, &forwarder_, options_.unserved, false),
      peer_door_(options_.peer_gate, &forwarder_, options_.unserved, true) {}

absl::StatusOr<std::unique_ptr<ClusterSide>> ClusterSide::Start(
    Options options) {
  std::unique_ptr<ClusterSide> side(new ClusterSide(std::move(options)));
  if (absl::Status status = side->Open(); !status.ok()) return status;
  return side;
}

ClusterSide::~ClusterSide() {
  Drain();
  StopPeers(0);
}

std::shared_ptr<GroupsHost> ClusterSide::host() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return host_;
}

cluster::Forwarder::Options ClusterSide::ForwarderOptions() {
  cluster::Forwarder::Options forwarder;
  forwarder.node = options_.cluster.node;
  forwarder.fates = &fates_;
  if (options_.processes != nullptr) {
    forwarder.watch_process = [this](const groups::Caller& caller,
                                     std::function<void()> on_exit) {
      return WatchProcess(caller, std::move(on_exit));
    };
  }
  forwarder.connect = [this](const cluster::Place& place) {
    return place.kind == cluster::Place::Kind::kHere ? host()->channel()
                                                     : ChannelTo(place.address);
  };
  return forwarder;
}

std::shared_ptr<void> ClusterSide::WatchProcess(const groups::Caller& caller,
                                                std::function<void()> on_exit) {
  groups::ProcessWatch* const processes = options_.processes;
  const auto watch =
      processes->Watch(static_cast<pid_t>(caller.pid), caller.process_started,
                       std::move(on_exit));
  // Such a process is known by its connection only.
  if (!watch.ok()) return nullptr;
  return std::shared_ptr<void>(
      nullptr, [processes, id = *watch](void*) { processes->Cancel(id); });
}

absl::Status ClusterSide::Open() {
  cluster::TlsIdentity::Options identity;
  identity.paths = options_.cluster.tls;
  identity.names = options_.names;
  identity.log = [log = options_.log](bool bad, const std::string& text) {
    bad ? log->Warn(text) : log->Info(text);
  };
  auto started = cluster::TlsIdentity::Start(std::move(identity));
  if (!started.ok()) return started.status();
  identity_ = std::move(*started);
  PeerServer::Options peers;
  peers.listen = options_.cluster.listen;
  peers.credentials = identity_->ServerCredentials();
  peers.generic = &peer_door_;
  peers.services = options_.peer_services;
  peers.log = options_.log;
  peers.patience_ms = options_.patience_ms;
  auto opened = PeerServer::Start(std::move(peers));
  if (!opened.ok()) return opened.status();
  peers_ = std::move(*opened);
  address_ = options_.cluster.advertise.empty() ? peers_->address()
                                                : options_.cluster.advertise;
  return absl::OkStatus();
}

absl::Status ClusterSide::Coordinate(groups::GroupsService::Options options,
                                     const cluster::Place& here) {
  options.gate = &inner_gate_;
  // The forwarder watches them, here as on every node.
  options.processes = nullptr;
  auto host = GroupsHost::Start(std::move(options));
  if (!host.ok()) return host.status();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    host_ = std::move(*host);
  }
  forwarder_.SetPlace(here);
  return absl::OkStatus();
}

void ClusterSide::StandDown(const cluster::Place& next) {
  const std::shared_ptr<GroupsHost> host = this->host();
  // First, so that what is cut off now counts as nobody's loss.
  if (host != nullptr) host->service()->Drain();
  forwarder_.SetPlace(next);
  std::lock_guard<std::mutex> lock(mutex_);
  host_.reset();
}

std::shared_ptr<grpc::Channel> ClusterSide::ChannelTo(
    const std::string& address) const {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMinReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // For the server's log only: whom it reached is the verifier's to judge.
  arguments.SetSslTargetNameOverride("ithacad");
  // No proxy of the environment comes between two daemons.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, identity_->ChannelCredentials(),
                                   arguments);
}

void ClusterSide::Drain() {
  if (const auto here = host()) here->service()->Drain();
  forwarder_.Drain();
}

void ClusterSide::StopPeers(int64_t drain_ms) {
  if (peers_ != nullptr) peers_->Stop(drain_ms);
}

}  // namespace ithaca::server
