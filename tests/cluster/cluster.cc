#include "tests/cluster/cluster.h"

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <utility>

#include "daemon/server/daemon_for_test.h"
#include "ithaca/cluster/v1/cluster.grpc.pb.h"
#include "tests/histories/net_islands.h"

namespace ithaca::tests {
namespace {

constexpr char kProgram[] = "daemon/ithacad";
constexpr std::chrono::milliseconds kPoll(20);

// A port that is free now.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

// Of this process, made when it has no other threads yet: before its first
// cluster, whether or not that one is to be cut off.
const StatusOr<std::unique_ptr<histories::NetIslands>>& Islands() {
  static const auto* const islands =
      new StatusOr<std::unique_ptr<histories::NetIslands>>(
          histories::NetIslands::Make(2 * Cluster::kMaxHosts));
  return *islands;
}

}  // namespace

std::string Cluster::WhyNot(const Options& options) {
  if (std::string why = store::etcd::EtcdCluster::WhyNot(); !why.empty())
    return why;
  const auto& islands = Islands();
  return islands.ok() || !options.namespaces ? "" : islands.status().ToString();
}

std::unique_ptr<Cluster> Cluster::Start(const Options& options) {
  std::unique_ptr<Cluster> cluster(new Cluster);
  return cluster->Open(options) ? std::move(cluster) : nullptr;
}

bool Cluster::Open(const Options& options) {
  namespaces_ = options.namespaces;
  nodes_.resize(options.daemons);
  store::etcd::EtcdCluster::Options etcd;
  etcd.members.resize(options.etcd_members);
  etcd_apart_ = namespaces_ && options.etcd_apart;
  for (size_t i = 0; namespaces_ && i < etcd.members.size(); ++i) {
    etcd.members[i].host = histories::NetIslands::kNearAddress;
    if (!etcd_apart_) continue;
    const int host = kMaxHosts + static_cast<int>(i);
    etcd.members[i] = {(*Islands())->address(host),
                       (*Islands())->wrapper(host)};
  }
  auto started = store::etcd::EtcdCluster::Start(etcd);
  if (!started.ok()) {
    std::fprintf(stderr, "%s\n", started.status().ToString().c_str());
    return false;
  }
  etcd_ = std::move(*started);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    node.name = "n" + std::to_string(i);
    node.run_dir = server::MakeShortFolder();
    node.host = namespaces_ ? (*Islands())->address(i) : "127.0.0.1";
    node.port = FreePort();
    node.tls = authority_.Issue(node.name);
    StartDaemon(i);
  }
  return true;
}

Cluster::~Cluster() {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].pid > 0) Kill(i);
    if (std::getenv("ITHACA_SHOW_LOGS") != nullptr)
      std::fprintf(stderr, "---- %s\n%s", NameOf(i).c_str(), LogOf(i).c_str());
  }
  // For the next one.
  for (size_t i = 0; namespaces_ && i < nodes_.size(); ++i) SetLink(i, true);
  for (size_t i = 0; etcd_apart_ && etcd_ != nullptr && i < etcd_->size(); ++i)
    SetEtcdLink(i, true);
}

void Cluster::StartDaemon(size_t index) {
  Node& node = nodes_[index];
  const std::string at = node.host + ":" + std::to_string(node.port);
  std::vector<std::string> words;
  if (namespaces_) words = (*Islands())->wrapper(index);
  for (const std::string& word :
       {std::string(kProgram), "--run_dir=" + node.run_dir,
        "--store=etcd:" + etcd_->endpoints(), "--listen=" + at,
        "--node=" + node.name, "--tls_cert=" + node.tls.cert,
        "--tls_key=" + node.tls.key, "--tls_ca=" + node.tls.ca}) {
    words.push_back(word);
  }
  const std::string log = node.run_dir + "/log";
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  node.pid = fork();
  if (node.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDERR_FILENO);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  node.paused = false;
}

void Cluster::Kill(size_t index) {
  Node& node = nodes_[index];
  kill(node.pid, SIGKILL);
  waitpid(node.pid, nullptr, 0);
  node.pid = -1;
  node.client.reset();
}

void Cluster::Pause(size_t node) {
  kill(nodes_[node].pid, SIGSTOP);
  nodes_[node].paused = true;
}

void Cluster::Resume(size_t node) {
  kill(nodes_[node].pid, SIGCONT);
  nodes_[node].paused = false;
}

void Cluster::SetLink(size_t node, bool up) {
  const Status done = (*Islands())->Cut(node, !up);
  if (!done.ok()) Die("cannot change the link: " + done.ToString());
}

void Cluster::SetEtcdLink(size_t member, bool up) {
  const Status done =
      (*Islands())->Cut(kMaxHosts + static_cast<int>(member), !up);
  if (!done.ok()) Die("cannot change the link: " + done.ToString());
}

std::string Cluster::LogOf(size_t node) const {
  std::ifstream in(nodes_[node].run_dir + "/log");
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

std::unique_ptr<client::Client> Cluster::Connect(size_t node,
                                                 int64_t timeout_ms) {
  client::ConnectOptions options;
  options.socket = nodes_[node].run_dir + "/ithacad.sock";
  options.timeout_ms = timeout_ms;
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (;;) {
    auto client = client::Client::Connect(options);
    if (client.ok()) return std::move(*client);
    if (waitpid(nodes_[node].pid, nullptr, WNOHANG) == nodes_[node].pid) {
      nodes_[node].pid = -1;
      Die(NameOf(node) + " has ended:\n" + LogOf(node));
    }
    if (std::chrono::steady_clock::now() > give_up)
      Die(client.status().ToString() + "\n" + LogOf(node));
    std::this_thread::sleep_for(kPoll);
  }
}

cluster::v1::GetClusterResponse Cluster::Ask(size_t index) {
  Node& node = nodes_[index];
  if (node.client == nullptr) node.client = Connect(index);
  const auto stub =
      cluster::v1::ClusterService::NewStub(node.client->channel());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(1));
  cluster::v1::GetClusterResponse response;
  if (!stub->GetCluster(&context, {}, &response).ok()) return {};
  return response;
}

bool Cluster::IsWell(size_t* coordinator) {
  std::string name;
  size_t running = 0;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].pid < 0 || nodes_[i].paused) continue;
    ++running;
    const cluster::v1::GetClusterResponse said = Ask(i);
    if (said.coordinator().empty() || !said.complete()) return false;
    if (!name.empty() && said.coordinator() != name) return false;
    name = said.coordinator();
    size_t alive = 0;
    for (const auto& node : said.nodes())
      alive += node.state() == cluster::v1::NODE_STATE_ALIVE ? 1 : 0;
    if (alive < running) return false;
    if (name == nodes_[i].name) *coordinator = i;
  }
  const cluster::v1::GetClusterResponse said = Ask(*coordinator);
  size_t alive = 0;
  for (const auto& node : said.nodes())
    alive += node.state() == cluster::v1::NODE_STATE_ALIVE ? 1 : 0;
  return said.role() == cluster::v1::ROLE_COORDINATOR && alive == running;
}

size_t Cluster::WaitUntilWell() {
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::seconds(60);
  size_t coordinator = 0;
  while (!IsWell(&coordinator)) {
    if (std::chrono::steady_clock::now() > give_up) {
      std::string all = "the cluster does not become well\n";
      for (size_t i = 0; i < size(); ++i) all += LogOf(i);
      Die(all);
    }
    std::this_thread::sleep_for(kPoll);
  }
  return coordinator;
}

// ---- members

Members::Members(Cluster* cluster, const std::string& group,
                 std::vector<size_t> through)
    : cluster_(cluster), group_(group), through_(std::move(through)) {
  if (through_.empty()) {
    for (size_t i = 0; i < cluster->size(); ++i) through_.push_back(i);
  }
  const auto ranks = static_cast<uint32_t>(through_.size());
  groups::v1::CreateGroupRequest create;
  create.set_group_id(group);
  auto* plan = create.mutable_plan_request();
  plan->mutable_model()->set_hidden_size(ranks * 8 * 128);
  plan->mutable_model()->set_query_heads(ranks * 8);
  plan->mutable_workload()->set_sequence_length(ranks * 4096);
  plan->mutable_constraints()->set_ranks(ranks);
  clients_.resize(ranks);
  members_.resize(ranks);
  const auto created = cluster->Connect(through_[0])->CreateGroup(create);
  if (!created.ok()) Die(created.status().ToString());
  for (size_t i = 0; i < ranks; ++i) Rejoin(i);
}

void Members::Rejoin(size_t slot) {
  members_[slot].reset();
  clients_[slot] = cluster_->Connect(through_[slot]);
  groups::v1::JoinGroupRequest join;
  join.set_group_id(group_);
  join.set_member_id("m" + std::to_string(slot));
  auto member = clients_[slot]->JoinGroup(join);
  if (!member.ok())
    Die(member.status().ToString() + "\n" + cluster_->LogOf(through_[slot]));
  members_[slot] = std::move(*member);
}

void Members::RejoinAll(size_t node) {
  for (size_t slot = 0; slot < members_.size(); ++slot) {
    through_[slot] = node;
    Rejoin(slot);
  }
}

uint64_t Members::WaitComplete() {
  uint64_t epoch = 0;
  for (auto& member : members_) {
    const auto view = member->WaitComplete(60'000);
    if (!view.ok()) Die(view.status().ToString());
    epoch = std::max<uint64_t>(epoch, view->epoch());
  }
  return epoch;
}

}  // namespace ithaca::tests
