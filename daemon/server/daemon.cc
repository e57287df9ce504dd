#include "daemon/server/daemon.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_posix.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/clients/cc/socket_path.h"
#include "daemon/cluster/cluster_service.h"
#include "daemon/cluster/handover.h"
#include "daemon/groups/groups_service.h"
#include "daemon/groups/plan_shelf.h"
#include "daemon/groups/process_watch.h"
#include "daemon/metrics/metrics.h"
#include "daemon/metrics/process_figures.h"
#include "daemon/metrics/scrape_door.h"
#include "daemon/server/access_gate.h"
#include "daemon/server/admin_service.h"
#include "daemon/server/call_meter.h"
#include "daemon/server/cluster_member.h"
#include "daemon/server/fd_owners.h"
#include "daemon/server/front_door.h"
#include "daemon/server/gated_planner.h"
#include "daemon/server/gated_topology.h"
#include "daemon/server/group_census.h"
#include "daemon/server/group_observer.h"
#include "daemon/server/limited_gate.h"
#include "daemon/server/planner_slots.h"
#include "daemon/server/rate_limiter.h"
#include "daemon/server/run_dir.h"
#include "daemon/server/server_limits.h"
#include "daemon/server/timed_store.h"
#include "daemon/server/unserved_service.h"
#include "daemon/server/version.h"
#include "daemon/store/open_store.h"
#include "daemon/topology/known_topology.h"

namespace ithaca::server {
namespace {

constexpr size_t kMemoryBytes = size_t{1} << 30;
constexpr int kSyncThreads = 8;
// Blocking calls: those that plan, those that wait for a place, and room for
// the others.
constexpr int kMaxSyncThreads = 128;
constexpr int64_t kScrapeWaitMs = 500;

constexpr const char* kServed[] = {
    "ithaca.admin.v1.AdminService", "ithaca.cluster.v1.ClusterService",
    "ithaca.groups.v1.GroupsService", "ithaca.planner.v1.PlannerService",
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

bool StoreIsShared(const DaemonOptions& options) {
  const auto spec = store::ParseStoreSpec(StoreName(options));
  return spec.ok() && spec->kind == store::StoreSpec::Kind::kEtcd;
}

class DaemonImpl : public Daemon {
 public:
  // `daemons`: who is one, by the names in its certificate.
  DaemonImpl(const DaemonOptions& options, const cluster::PeerNames& daemons)
      : options_(options),
        daemons_(daemons),
        methods_(options.methods_for_test != nullptr ? options.methods_for_test
                                                     : &AllMethods()),
        metrics_(kVersion),
        access_(&owners_, methods_, geteuid(), daemons),
        limiter_(options.rate_limits),
        gate_(&access_, methods_, &limiter_, MonotonicMs),
        slots_(PlannerPlaces()),
        planner_(&gate_, &shelf_, &slots_),
        observer_(&metrics_, options.log),
        cluster_service_(&gate_),
        peer_cluster_service_(&access_),
        unserved_(methods_) {}
  ~DaemonImpl() override { Stop(); }

  absl::Status Open();
  void Stop() override;
  bool Responds(int64_t timeout_ms) override {
    return Census(timeout_ms).has_value();
  }
  const std::string& socket_path() const override { return socket_path_; }
  ClusterSide* cluster() override { return cluster_.get(); }

 private:
  absl::Status StartGroups();
  groups::GroupsService::Options GroupsOptions();
  absl::Status StartCluster();
  void JoinCluster();
  absl::Status StartTopology();
  absl::Status StartServer();
  absl::Status OpenDoor();
  absl::Status StartMetrics();
  void SetHealth(bool serving);
  PlannerSlots::Options PlannerPlaces();
  // Nothing: no answer in time.
  std::optional<groups::GroupsService::Census> Census(int64_t timeout_ms);

  const DaemonOptions options_;
  const cluster::PeerNames daemons_;
  const MethodTable* const methods_;
  std::string socket_path_;
  FdOwners owners_;
  metrics::Metrics metrics_;
  AccessGate access_;
  RateLimiter limiter_;
  LimitedGate gate_;
  groups::PlanShelf shelf_;
  PlannerSlots slots_;
  GatedPlanner planner_;
  GroupObserver observer_;
  cluster::ClusterService cluster_service_;
  // The same, for peers.
  cluster::ClusterService peer_cluster_service_;
  // Outlives the servers.
  std::unique_ptr<ClusterMember> member_;
  UnservedService unserved_;
  // In the order in which they are built; Stop takes them down in the other
  // one.
  std::unique_ptr<ListeningSocket> socket_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<groups::ProcessWatch> processes_;
  // One of these two.
  std::unique_ptr<groups::GroupsService> groups_;
  std::unique_ptr<ClusterSide> cluster_;
  std::unique_ptr<topology::KnownTopology> known_topology_;
  std::unique_ptr<GatedTopology> topology_;
  std::unique_ptr<AdminService> admin_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<FrontDoor> door_;
  std::unique_ptr<metrics::ScrapeDoor> scrape_door_;
};

PlannerSlots::Options DaemonImpl::PlannerPlaces() {
  PlannerSlots::Options places;
  places.held = [this](double seconds) {
    metrics_.planner_seconds.Child({}).Observe(seconds);
  };
  places.refused = [this](const char* reason) {
    metrics_.planner_refusals.Count({reason});
  };
  return places;
}

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
  if (status.ok()) status = StartMetrics();
  return status;
}

absl::Status DaemonImpl::StartGroups() {
  auto store = store::OpenStore(
      StoreName(options_),
      [log = options_.log](const std::string& text) { log->Warn(text); },
      std::chrono::milliseconds(options_.store_wait_ms));
  if (!store.ok()) return store.status();
  auto processes = groups::ProcessWatch::Start({});
  if (!processes.ok()) return processes.status();
  processes_ = std::move(*processes);
  store_ = TimeWrites(std::move(*store), &metrics_);
  if (options_.cluster.enabled()) return StartCluster();
  auto service = groups::GroupsService::Start(GroupsOptions());
  if (!service.ok()) return service.status();
  groups_ = std::move(*service);
  return absl::OkStatus();
}

groups::GroupsService::Options DaemonImpl::GroupsOptions() {
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
  groups.observer = [this](const groups::Effects& effects) {
    observer_.Told(effects);
  };
  return groups;
}

absl::Status DaemonImpl::StartCluster() {
  ClusterSide::Options side;
  side.cluster = options_.cluster;
  side.names = daemons_;
  side.local_gate = &gate_;
  side.peer_gate = &access_;
  side.unserved = &unserved_;
  side.peer_services = {&peer_cluster_service_};
  side.processes = processes_.get();
  side.log = options_.log;
  side.admin_uid = geteuid();
  side.patience_ms = options_.patience_ms;
  auto started = ClusterSide::Start(std::move(side));
  if (!started.ok()) return started.status();
  cluster_ = std::move(*started);
  if (options_.place_for_test.has_value()) {
    cluster_->SetPlace(*options_.place_for_test);
    return absl::OkStatus();
  }
  if (StoreIsShared(options_)) {
    JoinCluster();
    return absl::OkStatus();
  }
  // A cluster of one.
  return cluster_->Coordinate(GroupsOptions(),
                              {cluster::Place::Kind::kHere, cluster_->node(),
                               cluster_->address(), 1, "its store is its own"});
}

void DaemonImpl::JoinCluster() {
  ClusterMember::Options member;
  member.side = cluster_.get();
  member.store = store_.get();
  member.log = options_.log;
  member.lease_ttl = std::chrono::milliseconds(options_.cluster.lease_ttl_ms);
  member.groups = [this] { return GroupsOptions(); };
  member.clock = MonotonicMs;
  member.wall_clock = WallMs;
  member_ = ClusterMember::Start(std::move(member));
  cluster_service_.SetDesk(member_->desk());
  peer_cluster_service_.SetDesk(member_->desk());
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
  quota.SetMaxThreads(kMaxSyncThreads);
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  SetServerLimits(&builder);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kSyncThreads);
  if (groups_ != nullptr) builder.RegisterService(groups_.get());
  builder.RegisterService(&planner_);
  builder.RegisterService(topology_.get());
  admin_ =
      std::make_unique<AdminService>(&gate_, store_.get(), options_.run_dir);
  builder.RegisterService(admin_.get());
  builder.RegisterService(&cluster_service_);
  builder.RegisterCallbackGenericService(cluster_ != nullptr ? cluster_->door()
                                                             : &unserved_);
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      interceptors;
  interceptors.push_back(
      std::make_unique<CallMeterFactory>(&metrics_, methods_));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
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
  door.log = options_.log;
  door.greet = GreetLocal;
  door.judge = JudgePreface;
  door.language = "HTTP/2";
  door.admit = [this](int fd, const Guest& guest) {
    const auto own = owners_.Assign(fd, WithStart(guest.peer));
    if (!own.has_value()) return false;
    grpc::AddInsecureChannelFromFd(server_.get(), *own);
    return true;
  };
  door.refused = [this](const char* cause) {
    metrics_.refused_connections.Count({cause});
  };
  door.inside = [this](size_t count) {
    metrics_.connections.Child({}).Set(static_cast<double>(count));
  };
  door.patience_ms = options_.patience_ms;
  door.max_connections = std::min<size_t>(files / 4, 16384);
  door.max_connections_per_guest =
      std::max<size_t>(door.max_connections * 3 / 4, 1);
  // Whatever other users do, an operator can look.
  door.reserved = door.max_connections / 16;
  auto opened = FrontDoor::Start(std::move(door));
  if (!opened.ok()) return opened.status();
  door_ = std::move(*opened);
  return absl::OkStatus();
}

std::optional<groups::GroupsService::Census> DaemonImpl::Census(
    int64_t timeout_ms) {
  const auto here = cluster_ != nullptr ? cluster_->host() : nullptr;
  groups::GroupsService* const groups =
      here != nullptr ? here->service() : groups_.get();
  // Groups that are elsewhere are counted there.
  if (groups == nullptr) return groups::GroupsService::Census{};
  return TakeCensus(groups, timeout_ms);
}

absl::Status DaemonImpl::StartMetrics() {
  metrics_.AddSource([] { return metrics::ProcessFigures("/proc"); });
  metrics_.AddSource([this] { return GroupFigures(Census(kScrapeWaitMs)); });
  if (options_.metrics.empty()) return absl::OkStatus();
  const auto address = metrics::ParseScrapeAddress(options_.metrics);
  if (!address.ok()) return address.status();
  auto door =
      metrics::ScrapeDoor::Start(*address, [this] { return metrics_.Text(); });
  if (!door.ok()) return door.status();
  scrape_door_ = std::move(*door);
  options_.log->Info("metrics at " + scrape_door_->address());
  if (address->unix_path.empty() && !address->loopback) {
    options_.log->Warn(absl::StrCat(
        "metrics can be read by whoever reaches ", scrape_door_->address(),
        "; prefer 127.0.0.1 or unix:PATH, with a proxy that asks for a "
        "certificate before it"));
  }
  return absl::OkStatus();
}

void DaemonImpl::Stop() {
  if (server_ != nullptr) SetHealth(false);
  if (door_ != nullptr) door_->Stop();
  if (groups_ != nullptr) groups_->Drain();
  if (cluster_ != nullptr) cluster_->Drain();
  // Another daemon takes over while the rest goes down.
  cluster_service_.Drain();
  peer_cluster_service_.Drain();
  if (member_ != nullptr) member_->Stop();
  if (server_ != nullptr) {
    server_->Shutdown(std::chrono::system_clock::now() +
                      std::chrono::milliseconds(options_.drain_ms));
    server_->Wait();
  }
  // Scrapes ask the services.
  scrape_door_.reset();
  door_.reset();
  server_.reset();
  // From the last call that was counted (CallMeter).
  cluster::TakeBack(&metrics_);
  admin_.reset();
  topology_.reset();
  known_topology_.reset();
  if (processes_ != nullptr) processes_->Stop();
  cluster_.reset();
  member_.reset();
  groups_.reset();
  processes_.reset();
  store_.reset();
  socket_.reset();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(
    const DaemonOptions& given) {
  DaemonOptions options = given;
  absl::Status status = CheckClusterOptions(&options.cluster);
  if (status.ok() && StoreIsShared(options) && !options.cluster.enabled()) {
    status = absl::InvalidArgumentError(absl::StrCat(
        "--store=", options.store,
        ": is shared by the daemons of a cluster, which must reach each other; "
        "add --listen=HOST:PORT with --tls-cert, --tls-key and --tls-ca"));
  }
  if (!status.ok()) return status;
  absl::StatusOr<cluster::PeerNames> daemons = cluster::PeerNames();
  if (!options.cluster.peer_names.empty())
    daemons = cluster::PeerNames::Parse(options.cluster.peer_names);
  if (!daemons.ok()) return daemons.status();
  auto daemon = std::make_unique<DaemonImpl>(options, *daemons);
  if (status = daemon->Open(); !status.ok()) return status;
  return std::unique_ptr<Daemon>(std::move(daemon));
}

}  // namespace ithaca::server
