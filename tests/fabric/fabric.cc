#include "tests/fabric/fabric.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "tests/fabric/plan.h"

namespace ithaca::fabric {
namespace {

constexpr int kReadyTries = 1000;
constexpr useconds_t kReadyPauseUs = 5000;

Status InNamespace(const std::string& path, const std::function<void()>& f) {
  int error = 0;
  std::thread([&] {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) error = errno;
    if (fd >= 0) close(fd);
    if (error == 0) f();
  }).join();
  if (error == 0) return Status();
  return ErrnoError(Code::kUnavailable, error, "cannot enter %s", path.c_str());
}

// Writes below /proc/sys/net of the calling thread's namespace.
int WriteSysctl(const char* name, const std::string& value) {
  const std::string path = std::string("/proc/sys/net/") + name;
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const bool good = write(fd, value.data(), value.size()) ==
                    static_cast<ssize_t>(value.size());
  const int error = good ? 0 : errno;
  close(fd);
  return error;
}

Status Batch(const char* tool, const std::string& netns,
             const std::string& lines) {
  if (lines.empty()) return Status();
  return RunTool({tool, "-batch", "-"}, netns, lines);
}

// Of the calling thread's namespace.
bool IsRunning(int socket, const std::string& device) {
  ifreq request = {};
  strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
  return ioctl(socket, SIOCGIFFLAGS, &request) == 0 &&
         (request.ifr_flags & IFF_RUNNING) != 0;
}

// Of every shaper of a namespace, by device.
StatusOr<std::map<std::string, QueueCounters>> ReadCounters(
    const std::string& netns) {
  auto text = AskTool({"tc", "-s", "-j", "qdisc", "show"}, netns);
  if (!text.ok()) return text.status();
  const auto list = nlohmann::json::parse(*text, nullptr, false);
  if (!list.is_array()) return Status(Code::kInternal, "tc printed no JSON");
  std::map<std::string, QueueCounters> counters;
  for (const auto& q : list) {
    if (!q.is_object() || q.value("kind", "") != "tbf") continue;
    counters[q.value("dev", "")] = {q.value("bytes", uint64_t{0}),
                                    q.value("packets", uint64_t{0}),
                                    q.value("drops", uint64_t{0})};
  }
  return counters;
}

StatusOr<QueueCounters> ReadCounters(const std::string& netns,
                                     const std::string& device) {
  auto all = ReadCounters(netns);
  if (!all.ok()) return all.status();
  const auto found = all->find(device);
  if (found != all->end()) return found->second;
  return Status(Code::kFailedPrecondition, device + " is not shaped");
}

}  // namespace

Status Fabric::Supported() {
  Spec spec;
  spec.hosts = 1;
  spec.pods = {1};
  spec.rate_bps = {{1'000'000}};
  return Up(spec).status();
}

StatusOr<std::unique_ptr<Fabric>> Fabric::Up(const Spec& spec) {
  auto instance = Instance::Claim(spec.ToString());
  if (!instance.ok()) return instance.status();
  std::unique_ptr<Fabric> fabric(new Fabric((*instance)->id(), spec));
  fabric->instance_ = std::move(instance).value();
  ITHACA_RETURN_IF_ERROR(fabric->Build());
  ITHACA_RETURN_IF_ERROR(fabric->WaitUntilRunning());
  return fabric;
}

StatusOr<std::unique_ptr<Fabric>> Fabric::Attach(const std::string& id) {
  for (const InstanceInfo& info : ListInstances()) {
    if (info.id != id) continue;
    auto spec = ParseSpec(info.spec);
    if (!spec.ok()) return spec.status();
    return std::unique_ptr<Fabric>(new Fabric(id, *spec));
  }
  return Errorf(Code::kNotFound, "there is no fabric \"%s\"", id.c_str());
}

Status Fabric::Keep() {
  return instance_ == nullptr ? Status() : instance_->Keep();
}

std::string Fabric::HostNetns(int host) const {
  return NamespacePath(HostNamespace(id_, host));
}

std::string Fabric::SwitchNetns() const {
  return NamespacePath(SwitchNamespace(id_));
}

std::string Fabric::HostAddress(int host, int rail) const {
  return Address(spec_, host, rail);
}

std::string Fabric::HostFolder(int host) const {
  return InstanceFolder(id_) + "/host" + std::to_string(host);
}

std::string Fabric::RailNames() const {
  std::string names;
  for (int r = 0; r < spec_.rails; ++r) {
    names += (r == 0 ? "" : ",") + RailName(r);
  }
  return names;
}

Status Fabric::Build() const {
  std::string namespaces;
  for (const std::string& name : AllNamespaces(id_, spec_)) {
    namespaces += "netns add " + name + "\n";
  }
  ITHACA_RETURN_IF_ERROR(Batch("ip", "", namespaces));
  ITHACA_RETURN_IF_ERROR(Batch("ip", SwitchNetns(), SwitchLinks(id_, spec_)));
  ITHACA_RETURN_IF_ERROR(Batch("tc", SwitchNetns(), SwitchQueues(spec_)));
  for (int h = 0; h < spec_.hosts; ++h) {
    ITHACA_RETURN_IF_ERROR(BuildHost(h));
  }
  return Status();
}

Status Fabric::BuildHost(int host) const {
  if (mkdir(HostFolder(host).c_str(), 0755) != 0) {
    return ErrnoError(Code::kFailedPrecondition, errno, "cannot make %s",
                      HostFolder(host).c_str());
  }
  int error = 0;
  ITHACA_RETURN_IF_ERROR(InHost(host, [&] {
    // Absent when the kernel has no IPv6.
    (void)WriteSysctl("ipv6/conf/all/disable_ipv6", "1");
    error = WriteSysctl("ipv4/tcp_congestion_control", spec_.congestion);
  }));
  if (error != 0) {
    return ErrnoError(Code::kFailedPrecondition, error,
                      "cc=%s cannot be set; `sysctl "
                      "net.ipv4.tcp_available_congestion_control` lists what "
                      "can",
                      spec_.congestion.c_str());
  }
  ITHACA_RETURN_IF_ERROR(Batch("ip", HostNetns(host), HostLinks(spec_, host)));
  return Batch("tc", HostNetns(host), HostQueues(spec_, host));
}

Status Fabric::WaitUntilRunning() const {
  for (int h = 0; h < spec_.hosts; ++h) {
    int socket = -1;
    ITHACA_RETURN_IF_ERROR(InHost(
        h, [&] { socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); }));
    bool running = false;
    for (int i = 0; i < kReadyTries && !running; ++i) {
      running = true;
      for (int r = 0; r < spec_.rails; ++r) {
        running = running && IsRunning(socket, RailName(r));
      }
      if (!running) usleep(kReadyPauseUs);
    }
    close(socket);
    if (running) continue;
    return Errorf(Code::kDeadlineExceeded,
                  "a rail of host %d has no carrier after 5 s", h);
  }
  return Status();
}

StatusOr<Process> Fabric::Start(int host, ProcessOptions options) const {
  options.netns = HostNetns(host);
  return Process::Start(options);
}

Status Fabric::InHost(int host, const std::function<void()>& f) const {
  return InNamespace(HostNetns(host), f);
}

Status Fabric::CheckRail(int host, int rail) const {
  if (host >= 0 && host < spec_.hosts && rail >= 0 && rail < spec_.rails) {
    return Status();
  }
  return Errorf(Code::kInvalidArgument,
                "host %d rail %d: there are hosts 0 to %d with rails 0 to %d",
                host, rail, spec_.hosts - 1, spec_.rails - 1);
}

Status Fabric::SetLink(int host, int rail, bool up) const {
  ITHACA_RETURN_IF_ERROR(CheckRail(host, rail));
  return RunTool({"ip", "link", "set", RailName(rail), up ? "up" : "down"},
                 HostNetns(host), "");
}

Status Fabric::SetCarrier(int host, int rail, bool on) const {
  ITHACA_RETURN_IF_ERROR(CheckRail(host, rail));
  return RunTool(
      {"ip", "link", "set", PortName(host, rail), on ? "up" : "down"},
      SwitchNetns(), "");
}

Status Fabric::SetBlackHole(int host, int rail, bool on) const {
  ITHACA_RETURN_IF_ERROR(CheckRail(host, rail));
  // A disabled port of a bridge neither forwards nor receives.
  return RunTool({"bridge", "link", "set", "dev", PortName(host, rail), "state",
                  on ? "disabled" : "forwarding"},
                 SwitchNetns(), "");
}

Status Fabric::SetRate(int host, int rail, uint64_t bps) const {
  ITHACA_RETURN_IF_ERROR(CheckRail(host, rail));
  ITHACA_RETURN_IF_ERROR(
      Batch("tc", HostNetns(host),
            Shape("change", RailName(rail), bps, spec_.burst_bytes,
                  spec_.nic_queue_bytes)));
  return Batch("tc", SwitchNetns(),
               Shape("change", PortName(host, rail), bps, spec_.burst_bytes,
                     spec_.queue_bytes));
}

Status Fabric::ResetConnections(int host, int rail) const {
  ITHACA_RETURN_IF_ERROR(CheckRail(host, rail));
  return RunTool({"ss", "-t", "-K", "src", HostAddress(host, rail)},
                 HostNetns(host), "");
}

StatusOr<QueueCounters> Fabric::EgressCounters(int host, int rail) const {
  ITHACA_RETURN_IF_ERROR(CheckRail(host, rail));
  return ReadCounters(HostNetns(host), RailName(rail));
}

StatusOr<QueueCounters> Fabric::IngressCounters(int host, int rail) const {
  ITHACA_RETURN_IF_ERROR(CheckRail(host, rail));
  return ReadCounters(SwitchNetns(), PortName(host, rail));
}

StatusOr<uint64_t> Fabric::SwitchDrops() const {
  auto all = ReadCounters(SwitchNetns());
  if (!all.ok()) return all.status();
  uint64_t drops = 0;
  for (const auto& [device, counters] : *all) drops += counters.drops;
  return drops;
}

}  // namespace ithaca::fabric
