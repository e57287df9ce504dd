#include "daemon/store/etcd/etcd_cluster_for_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/store/etcd/etcd_rpc.grpc.pb.h"

namespace ithaca::store::etcd {
namespace {

using std::chrono::milliseconds;

constexpr char kEtcd[] = "/usr/bin/etcd";
constexpr int kHealthTries = 300;
constexpr milliseconds kBetweenTries(100);
constexpr int kStartTries = 3;

// A port that nobody has now; somebody may take it before etcd does, and then
// the cluster is started again with others.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    address.sin_port = 0;
  }
  close(fd);
  return ntohs(address.sin_port);
}

absl::StatusOr<etcdserverpb::StatusResponse> AskStatus(
    const std::string& endpoint) {
  auto channel =
      grpc::CreateChannel(endpoint, grpc::InsecureChannelCredentials());
  auto stub = etcdserverpb::Maintenance::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(1000));
  etcdserverpb::StatusResponse response;
  const grpc::Status status = stub->Status(&context, {}, &response);
  if (!status.ok()) return absl::UnavailableError(status.error_message());
  return response;
}

}  // namespace

std::string EtcdCluster::WhyNot() {
  if (access(kEtcd, X_OK) == 0) return "";
  return absl::StrCat("SKIPPED: no ", kEtcd,
                      "; install etcd-server (deploy/bootstrap does)");
}

absl::StatusOr<std::unique_ptr<EtcdCluster>> EtcdCluster::Start(
    Options options) {
  absl::Status status;
  for (int i = 0; i < kStartTries; ++i) {
    std::unique_ptr<EtcdCluster> cluster(new EtcdCluster());
    cluster->options_ = options;
    status = cluster->StartAll();
    if (status.ok()) return cluster;
  }
  return status;
}

absl::Status EtcdCluster::StartAll() {
  if (options_.folder.empty()) {
    const char* base = std::getenv("TEST_TMPDIR");
    options_.folder =
        absl::StrCat(base == nullptr ? "/tmp" : base, "/etcd.XXXXXX");
    if (mkdtemp(options_.folder.data()) == nullptr)
      return absl::InternalError(absl::StrCat("cannot make ", options_.folder));
    owns_folder_ = true;
  }
  for (const Member& where : options_.members) {
    const std::string name = absl::StrCat("m", members_.size());
    members_.push_back({name, where, FreePort(), FreePort(), 0, false});
  }
  for (Process& member : members_) {
    if (absl::Status status = Spawn(&member); !status.ok()) return status;
  }
  return WaitUntilHealthy();
}

EtcdCluster::~EtcdCluster() {
  for (size_t i = 0; i < members_.size(); ++i) Kill(i);
  std::error_code ignored;
  if (owns_folder_) std::filesystem::remove_all(options_.folder, ignored);
}

std::string EtcdCluster::endpoint(size_t member) const {
  return absl::StrCat(members_[member].where.host, ":",
                      members_[member].client_port);
}

std::string EtcdCluster::endpoints() const {
  std::vector<std::string> all;
  for (size_t i = 0; i < members_.size(); ++i) all.push_back(endpoint(i));
  return absl::StrJoin(all, ",");
}

pid_t EtcdCluster::pid(size_t member) const { return members_[member].pid; }

std::vector<std::string> EtcdCluster::Command(const Process& member) const {
  const auto url = [](const Process& of, int port) {
    return absl::StrCat("http://", of.where.host, ":", port);
  };
  std::vector<std::string> peers;
  for (const Process& each : members_)
    peers.push_back(absl::StrCat(each.name, "=", url(each, each.peer_port)));
  std::vector<std::string> command = member.where.wrapper;
  for (std::string word :
       {std::string(kEtcd), absl::StrCat("--name=", member.name),
        absl::StrCat("--data-dir=", options_.folder, "/", member.name),
        absl::StrCat("--listen-client-urls=", url(member, member.client_port)),
        absl::StrCat("--advertise-client-urls=",
                     url(member, member.client_port)),
        absl::StrCat("--listen-peer-urls=", url(member, member.peer_port)),
        absl::StrCat("--initial-advertise-peer-urls=",
                     url(member, member.peer_port)),
        absl::StrCat("--initial-cluster=", absl::StrJoin(peers, ",")),
        std::string("--initial-cluster-token=test"),
        absl::StrCat("--heartbeat-interval=", options_.heartbeat_ms),
        absl::StrCat("--election-timeout=", options_.election_ms),
        std::string("--log-level=warn"), std::string("--logger=zap")}) {
    command.push_back(std::move(word));
  }
  command.insert(command.end(), options_.flags.begin(), options_.flags.end());
  return command;
}

absl::Status EtcdCluster::Spawn(Process* member) {
  const std::vector<std::string> command = Command(*member);
  std::vector<char*> words;
  for (const std::string& word : command)
    words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const std::string log =
      absl::StrCat(options_.folder, "/", member->name, ".log");
  const int fd =
      open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    // Nothing outlives the test, however it ends.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(fd, 1);
    dup2(fd, 2);
    execvp(words[0], words.data());
    _exit(127);
  }
  close(fd);
  if (child < 0) return absl::InternalError("cannot fork");
  member->pid = child;
  member->paused = false;
  return absl::OkStatus();
}

void EtcdCluster::Kill(size_t member) {
  Process& process = members_[member];
  if (process.pid == 0) return;
  kill(process.pid, SIGKILL);
  while (waitpid(process.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  process.pid = 0;
}

void EtcdCluster::Pause(size_t member) {
  kill(members_[member].pid, SIGSTOP);
  // Stopped, not only told to.
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(members_[member].pid), &info,
         WSTOPPED | WNOWAIT);
  members_[member].paused = true;
}

void EtcdCluster::Resume(size_t member) {
  kill(members_[member].pid, SIGCONT);
  members_[member].paused = false;
}

absl::Status EtcdCluster::Restart(size_t member) {
  if (members_[member].pid != 0)
    return absl::FailedPreconditionError("the member runs");
  return Spawn(&members_[member]);
}

std::string EtcdCluster::LogTail(const Process& member) const {
  std::ifstream file(absl::StrCat(options_.folder, "/", member.name, ".log"));
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  return all.size() > 2000 ? all.substr(all.size() - 2000) : all;
}

absl::Status EtcdCluster::WaitUntilHealthy() {
  for (size_t i = 0; i < members_.size(); ++i) {
    const Process& member = members_[i];
    if (member.pid == 0 || member.paused) continue;
    bool healthy = false;
    for (int n = 0; n < kHealthTries && !healthy; ++n) {
      if (n > 0) std::this_thread::sleep_for(kBetweenTries);
      if (waitpid(member.pid, nullptr, WNOHANG) == member.pid) {
        members_[i].pid = 0;
        break;
      }
      const auto status = AskStatus(endpoint(i));
      healthy = status.ok() && status->leader() != 0;
    }
    if (!healthy)
      return absl::UnavailableError(absl::StrCat(
          "etcd ", member.name, " does not serve: ", LogTail(member)));
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> EtcdCluster::Leader() {
  for (int n = 0; n < kHealthTries; ++n) {
    if (n > 0) std::this_thread::sleep_for(kBetweenTries);
    for (size_t i = 0; i < members_.size(); ++i) {
      if (members_[i].pid == 0 || members_[i].paused) continue;
      const auto status = AskStatus(endpoint(i));
      if (status.ok() && status->leader() == status->header().member_id())
        return i;
    }
  }
  return absl::UnavailableError("no member says that it leads");
}

absl::Status EtcdCluster::Compact(int64_t revision) {
  const auto leader = Leader();
  if (!leader.ok()) return leader.status();
  auto channel = grpc::CreateChannel(endpoint(*leader),
                                     grpc::InsecureChannelCredentials());
  auto kv = etcdserverpb::KV::NewStub(channel);
  if (revision == 0) {
    grpc::ClientContext context;
    etcdserverpb::RangeRequest range;
    etcdserverpb::RangeResponse now;
    range.set_key("x");
    if (!kv->Range(&context, range, &now).ok())
      return absl::UnavailableError("cannot read the revision");
    revision = now.header().revision();
  }
  grpc::ClientContext context;
  etcdserverpb::CompactionRequest request;
  request.set_revision(revision);
  request.set_physical(true);
  etcdserverpb::CompactionResponse response;
  const grpc::Status status = kv->Compact(&context, request, &response);
  return status.ok() ? absl::OkStatus()
                     : absl::UnavailableError(status.error_message());
}

}  // namespace ithaca::store::etcd
