// ithacad: the per-node daemon.

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/clients/cc/socket_path.h"
#include "daemon/server/daemon.h"
#include "daemon/server/grpc_log.h"
#include "daemon/server/log.h"
#include "daemon/server/rate_limiter.h"
#include "daemon/server/service_manager.h"
#include "daemon/server/version.h"

ABSL_FLAG(std::string, run_dir, "",
          "Folder of the socket and, unless --store says otherwise, of the "
          "store. Empty: "
          "$ITHACA_RUN_DIR; else /run/ithaca for root; else "
          "$XDG_RUNTIME_DIR/ithaca.");
ABSL_FLAG(std::string, store, "",
          "Where groups and epochs are kept: sqlite:PATH for one node, or "
          "etcd:HOST:PORT,HOST:PORT,... for a cluster (then also prefix=NAME/, "
          "ca=FILE, cert=FILE, key=FILE, separated by commas). Empty: "
          "sqlite:<run_dir>/store.db. "
          "A run directory below /run is emptied by a reboot; epochs must "
          "outlive one if "
          "jobs do, so give a path below /var/lib then.");
ABSL_FLAG(
    absl::Duration, store_wait, absl::Seconds(30),
    "With --store=etcd:...: how long this daemon waits at its start until "
    "one of the endpoints answers, before it gives up.");
ABSL_FLAG(std::vector<std::string>, topology, {},
          "Files that describe the cluster, separated by commas, the one that "
          "is believed most first: cluster YAML, Slurm's topology.conf or "
          "topology.yaml, `kubectl get nodes -o json`, NCCL's or hwloc's XML. "
          "They win over what this machine says of itself.");
ABSL_FLAG(absl::Duration, drain, absl::Seconds(1),
          "How long calls in flight may take to end after SIGTERM.");
ABSL_FLAG(absl::Duration, member_grace, absl::Seconds(30),
          "How long members of groups may take to come back after a restart of "
          "the daemon "
          "before they count as lost.");
ABSL_FLAG(
    std::string, listen, "",
    "Where the other daemons of a cluster reach this one: HOST:PORT, over "
    "mutual TLS only. Empty: nowhere, as a daemon that is alone needs no "
    "port.");
ABSL_FLAG(std::string, advertise, "",
          "What the other daemons are told instead of --listen: HOST:PORT. "
          "Needed when that is every interface (0.0.0.0).");
ABSL_FLAG(std::string, node, "",
          "Name of this node, unique in the cluster. Empty: the host's.");
ABSL_FLAG(
    std::string, tls_cert, "",
    "PEM file: this daemon's certificate, for servers and clients, and "
    "what lies between it and the authority. It is watched, and a new one "
    "is taken without a restart; so are the next two.");
ABSL_FLAG(std::string, tls_key, "",
          "PEM file: its private key, mode 0600 or 0640, no passphrase.");
ABSL_FLAG(std::string, tls_ca, "",
          "PEM file: the authorities that sign daemons' certificates.");
ABSL_FLAG(std::vector<std::string>, peer_names, {},
          "Names, one of which a daemon's certificate must have, separated by "
          "commas: DNS names or SPIFFE ids, * standing for anything. Empty: "
          "ithacad,spiffe://*/ithacad.");
ABSL_FLAG(absl::Duration, lease_ttl, absl::Seconds(2),
          "With --store=etcd:...: how long the store keeps what says that this "
          "daemon is there after it was last heard. At least 2s.");
ABSL_FLAG(std::string, metrics, "",
          "Where Prometheus reads the metrics: 127.0.0.1:PORT, [::1]:PORT or "
          "unix:/PATH. Empty: nowhere.");
ABSL_FLAG(std::string, rate_limits, "",
          "Calls per second and user, by what they cost: "
          "cheap=10000,planning=200,stream=2000 are the defaults; ten seconds "
          "of it may come at once; 0: no limit.");
ABSL_FLAG(std::string, log_format, "logfmt",
          "Form of the log on standard error: logfmt or json.");
ABSL_FLAG(std::string, log_level, "info",
          "The least important lines to log: debug, info, warn or error.");

namespace {

using ithaca::server::Log;
using ithaca::server::ServiceManager;

constexpr char kUsage[] =
    "The per-node daemon of Ithaca: plans sequence parallelism and coordinates "
    "the groups "
    "of ranks that run a plan.\n\n"
    "It serves gRPC on <run_dir>/ithacad.sock (mode 0660; put users in the "
    "daemon's group) "
    "and stays in the foreground.\n"
    "SIGTERM and SIGINT drain it: streams end with UNAVAILABLE, groups and "
    "epochs are kept, "
    "and members resume when it is back.\n\n"
    "Examples:\n"
    "  ITHACA_RUN_DIR=/tmp/ithaca-$USER ithacad &\n"
    "  ithacad --store=sqlite:/var/lib/ithaca/store.db\n"
    "  ithacactl status        # asks it how it is";

// Waits for a signal to stop. The mask was set before any thread was made. The
// manager hears that the daemon is alive as long as it really answers.
int WaitForSignal(const sigset_t& signals, const ServiceManager& manager,
                  ithaca::server::Daemon* daemon) {
  const auto every =
      manager.alive_every().value_or(std::chrono::milliseconds(3'600'000));
  const timespec wait = absl::ToTimespec(absl::FromChrono(every));
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &wait);
    if (signal > 0) return signal;
    if (manager.alive_every().has_value() && daemon->Responds(every.count()))
      manager.Alive();
  }
}

int Run(Log* log, const sigset_t& signals) {
  const ServiceManager manager = ServiceManager::FromEnvironment();
  ithaca::server::DaemonOptions options;
  options.log = log;
  options.run_dir = absl::GetFlag(FLAGS_run_dir);
  options.store = absl::GetFlag(FLAGS_store);
  options.store_wait_ms =
      absl::ToInt64Milliseconds(absl::GetFlag(FLAGS_store_wait));
  options.topology_files = absl::GetFlag(FLAGS_topology);
  options.drain_ms = absl::ToInt64Milliseconds(absl::GetFlag(FLAGS_drain));
  options.limits.detach_grace_ms =
      absl::ToInt64Milliseconds(absl::GetFlag(FLAGS_member_grace));
  options.metrics = absl::GetFlag(FLAGS_metrics);
  options.cluster.listen = absl::GetFlag(FLAGS_listen);
  options.cluster.advertise = absl::GetFlag(FLAGS_advertise);
  options.cluster.node = absl::GetFlag(FLAGS_node);
  options.cluster.tls = {absl::GetFlag(FLAGS_tls_cert),
                         absl::GetFlag(FLAGS_tls_key),
                         absl::GetFlag(FLAGS_tls_ca)};
  options.cluster.peer_names = absl::GetFlag(FLAGS_peer_names);
  options.cluster.lease_ttl_ms =
      absl::ToInt64Milliseconds(absl::GetFlag(FLAGS_lease_ttl));
  const auto rates =
      ithaca::server::ParseRateLimits(absl::GetFlag(FLAGS_rate_limits));
  if (!rates.ok()) {
    log->Error(std::string(rates.status().message()));
    return 1;
  }
  options.rate_limits = *rates;
  if (options.run_dir.empty()) {
    const auto run_dir = ithaca::client::RunDirectory();
    if (!run_dir.ok()) {
      log->Error(std::string(run_dir.status().message()));
      return 1;
    }
    options.run_dir = *run_dir;
  }
  auto daemon = ithaca::server::Daemon::Start(options);
  if (!daemon.ok()) {
    log->Error(std::string(daemon.status().message()));
    return 1;
  }
  log->Info(absl::StrCat("ithacad ", ithaca::server::kVersion, " serves ",
                         (*daemon)->socket_path()));
  if ((*daemon)->cluster() != nullptr) {
    log->Info(absl::StrCat("node ", (*daemon)->cluster()->node(),
                           " takes other daemons at ",
                           (*daemon)->cluster()->address()));
  }
  manager.Ready("serves " + (*daemon)->socket_path());
  const int signal = WaitForSignal(signals, manager, daemon->get());
  log->Info(absl::StrCat("draining after signal ", signal));
  manager.Stopping("draining");
  (*daemon)->Stop();
  log->Info("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  absl::SetProgramUsageMessage(kUsage);
  absl::FlagsUsageConfig config;
  config.version_string = [] {
    return absl::StrCat("ithacad ", ithaca::server::kVersion, "\n");
  };
  absl::SetFlagsUsageConfig(config);
  const auto rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    std::fprintf(stderr,
                 "ithacad: unexpected argument '%s'; see ithacad --help\n",
                 rest[1]);
    return 2;
  }
  // Lives for ever: gRPC's threads may log until the very end.
  const auto format =
      ithaca::server::ParseLogFormat(absl::GetFlag(FLAGS_log_format));
  const auto level = ithaca::server::ParseLevel(absl::GetFlag(FLAGS_log_level));
  for (const absl::Status& status : {format.status(), level.status()}) {
    if (status.ok()) continue;
    std::fprintf(stderr, "ithacad: %s\n",
                 std::string(status.message()).c_str());
    return 2;
  }
  static auto* const log = new Log(*format, *level);
  ithaca::server::RouteGrpcLog(log);
  return Run(log, signals);
}
