#include "daemon/server/daemon.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_posix.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/clients/cc/socket_path.h"
#include "daemon/groups/groups_service.h"
#include "daemon/groups/plan_shelf.h"
#include "daemon/groups/process_watch.h"
#include "daemon/server/access_gate.h"
#include "daemon/server/fd_owners.h"
#include "daemon/server/front_door.h"
#include "daemon/server/gated_planner.h"
#include "daemon/server/gated_topology.h"
#include "daemon/server/run_dir.h"
#include "daemon/server/unserved_service.h"
#include "daemon/server/version.h"
#include "daemon/store/open_store.h"
#include "daemon/topology/known_topology.h"

namespace ithaca::server {
namespace {

constexpr int kMaxMessageBytes = 4 << 20;
constexpr int kMaxMetadataBytes = 8 << 10;
constexpr int kMaxStreamsPerConnection = 16384;
constexpr size_t kMemoryBytes = size_t{1} << 30;
constexpr int kSyncThreads = 8;

constexpr const char* kServed[] = {"ithaca.groups.v1.GroupsService",
                                   "ithaca.planner.v1.PlannerService",
                                   "ithaca.topology.v1.TopologyService"};
constexpr const char* kNotServed[] = {"ithaca.tuning.v1.TuningService"};

int64_t MonotonicMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t WallMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Each connection costs two descriptors. Returns how many there can be.
size_t RaiseOpenFiles() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur == RLIM_INFINITY ? size_t{1} << 20
                                         : static_cast<size_t>(limit.rlim_cur);
}

std::string StoreName(const DaemonOptions& options) {
  return options.store.empty()
             ? absl::StrCat("sqlite:", options.run_dir, "/store.db")
             : options.store;
}

class DaemonImpl : public Daemon {
 public:
  explicit DaemonImpl(const DaemonOptions& options)
      : options_(options),
        methods_(options.methods_for_test != nullptr ? options.methods_for_test
                                                     : &AllMethods()),
        gate_(&owners_, methods_, geteuid()),
        planner_(&gate_, &shelf_),
        unserved_(methods_) {}
  ~DaemonImpl() override { Stop(); }

  absl::Status Open();
  void Stop() override;
  const std::string& socket_path() const override { return socket_path_; }

 private:
  absl::Status StartGroups();
  absl::Status StartTopology();
  absl::Status StartServer();
  absl::Status OpenDoor();
  void SetHealth(bool serving);

  const DaemonOptions options_;
  const MethodTable* const methods_;
  std::string socket_path_;
  FdOwners owners_;
  AccessGate gate_;
  groups::PlanShelf shelf_;
  GatedPlanner planner_;
  UnservedService unserved_;
  // In the order in which they are built; Stop takes them down in the other
  // one.
  std::unique_ptr<ListeningSocket> socket_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<groups::ProcessWatch> processes_;
  std::unique_ptr<groups::GroupsService> groups_;
  std::unique_ptr<topology::KnownTopology> known_topology_;
  std::unique_ptr<GatedTopology> topology_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<FrontDoor> door_;
};

absl::Status DaemonImpl::Open() {
  absl::Status status = PrepareRunDir(options_.run_dir);
  if (!status.ok()) return status;
  auto path = client::SocketIn(options_.run_dir);
  if (!path.ok()) return path.status();
  socket_path_ = *path;
  auto socket = ListeningSocket::Bind(socket_path_);
  if (!socket.ok()) return socket.status();
  socket_ = std::move(*socket);
  status = StartGroups();
  if (status.ok()) status = StartTopology();
  if (status.ok()) status = StartServer();
  if (status.ok()) status = OpenDoor();
  return status;
}

absl::Status DaemonImpl::StartGroups() {
  auto store = store::OpenStore(
      StoreName(options_),
      [log = options_.log](const std::string& text) { log->Warn(text); });
  if (!store.ok()) return store.status();
  store_ = std::move(*store);
  auto processes = groups::ProcessWatch::Start({});
  if (!processes.ok()) return processes.status();
  processes_ = std::move(*processes);
  groups::GroupsService::Options groups;
  groups.limits = options_.limits;
  groups.store = store_.get();
  groups.gate = &gate_;
  groups.plans = &shelf_;
  groups.processes = processes_.get();
  groups.clock = MonotonicMs;
  groups.wall_clock = WallMs;
  groups.log = [log = options_.log](const std::string& text) {
    log->Warn(text);
  };
  auto service = groups::GroupsService::Start(std::move(groups));
  if (!service.ok()) return service.status();
  groups_ = std::move(*service);
  return absl::OkStatus();
}

absl::Status DaemonImpl::StartTopology() {
  topology::KnownTopology::Options known;
  known.files = options_.topology_files;
  auto started = topology::KnownTopology::Start(std::move(known));
  if (!started.ok()) return started.status();
  known_topology_ = std::move(*started);
  topology_ = std::make_unique<GatedTopology>(&gate_, known_topology_.get());
  return absl::OkStatus();
}

absl::Status DaemonImpl::StartServer() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ResourceQuota quota("ithacad");
  quota.Resize(kMemoryBytes);
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             kMaxStreamsPerConnection);
  // A peer that is half gone, or that only pretends to speak, is found by
  // pings.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kSyncThreads);
  builder.RegisterService(groups_.get());
  builder.RegisterService(&planner_);
  builder.RegisterService(topology_.get());
  builder.RegisterCallbackGenericService(&unserved_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr)
    return absl::InternalError("gRPC did not start; see its log above");
  SetHealth(true);
  return absl::OkStatus();
}

void DaemonImpl::SetHealth(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  if (!serving) {
    health->SetServingStatus(false);
    return;
  }
  for (const char* name : kServed) health->SetServingStatus(name, true);
  for (const char* name : kNotServed) health->SetServingStatus(name, false);
}

absl::Status DaemonImpl::OpenDoor() {
  const size_t files = RaiseOpenFiles();
  FrontDoor::Options door;
  door.listener = socket_->fd();
  door.owners = &owners_;
  door.log = options_.log;
  door.admit = [this](int fd) {
    grpc::AddInsecureChannelFromFd(server_.get(), fd);
  };
  door.patience_ms = options_.patience_ms;
  door.max_connections = std::min<size_t>(files / 4, 16384);
  door.max_connections_per_user =
      std::max<size_t>(door.max_connections * 3 / 4, 1);
  auto opened = FrontDoor::Start(std::move(door));
  if (!opened.ok()) return opened.status();
  door_ = std::move(*opened);
  return absl::OkStatus();
}

void DaemonImpl::Stop() {
  if (server_ != nullptr) SetHealth(false);
  if (door_ != nullptr) door_->Stop();
  if (groups_ != nullptr) groups_->Drain();
  if (server_ != nullptr) {
    server_->Shutdown(std::chrono::system_clock::now() +
                      std::chrono::milliseconds(options_.drain_ms));
    server_->Wait();
  }
  door_.reset();
  server_.reset();
  topology_.reset();
  known_topology_.reset();
  if (processes_ != nullptr) processes_->Stop();
  groups_.reset();
  processes_.reset();
  store_.reset();
  socket_.reset();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(
    const DaemonOptions& options) {
  auto daemon = std::make_unique<DaemonImpl>(options);
  if (absl::Status status = daemon->Open(); !status.ok()) return status;
  return std::unique_ptr<Daemon>(std::move(daemon));
}

}  // namespace ithaca::server
