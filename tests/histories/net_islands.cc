#include "tests/histories/net_islands.h"

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

namespace ithaca::histories {
namespace {

constexpr char kBridge[] = "isles";

Status Ip(const std::string& netns, std::vector<std::string> words) {
  words.insert(words.begin(), "ip");
  return fabric::RunTool(words, netns, "");
}

std::string Near(int host) { return "near" + std::to_string(host); }

std::string NetnsOf(pid_t pid) {
  return "/proc/" + std::to_string(pid) + "/ns/net";
}

// Until the process has left our namespace.
bool WaitUntilElsewhere(pid_t pid) {
  char ours[64] = {}, its[64] = {};
  if (readlink("/proc/self/ns/net", ours, sizeof ours - 1) < 0) return false;
  for (int i = 0; i < 5000; ++i) {
    if (readlink(NetnsOf(pid).c_str(), its, sizeof its - 1) > 0 &&
        std::string(ours) != its)
      return true;
    usleep(1000);
  }
  return false;
}

}  // namespace

StatusOr<std::unique_ptr<NetIslands>> NetIslands::Make(int hosts) {
  if (unshare(CLONE_NEWNET) != 0)
    return Errorf(Code::kFailedPrecondition,
                  "SKIPPED: cannot make network namespaces (errno %d); run as "
                  "root",
                  errno);
  std::unique_ptr<NetIslands> islands(new NetIslands());
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{
           {"link", "set", "lo", "up"},
           {"link", "add", kBridge, "type", "bridge"},
           {"addr", "add", std::string(kNearAddress) + "/24", "dev", kBridge},
           {"link", "set", kBridge, "up"}}) {
    Status done = Ip("", words);
    if (!done.ok()) return done;
  }
  for (int host = 0; host < hosts; ++host) {
    Status done = islands->AddHost(host);
    if (!done.ok()) return done;
  }
  return islands;
}

Status NetIslands::AddHost(int host) {
  fabric::ProcessOptions options;
  options.argv = {"unshare", "--net", "sleep", "infinity"};
  auto holder = fabric::Process::Start(options);
  if (!holder.ok()) return holder.status();
  const pid_t pid = holder->pid();
  holders_.push_back(std::move(*holder));
  if (!WaitUntilElsewhere(pid))
    return Status(Code::kFailedPrecondition, "SKIPPED: unshare --net fails");
  const std::string near = Near(host);
  Status done = Ip("", {"link", "add", near, "type", "veth", "peer", "name",
                        "far", "netns", std::to_string(pid)});
  if (done.ok()) done = Ip("", {"link", "set", near, "master", kBridge, "up"});
  const std::string there = NetnsOf(pid);
  if (done.ok()) done = Ip(there, {"link", "set", "lo", "up"});
  if (done.ok())
    done = Ip(there, {"addr", "add", address(host) + "/24", "dev", "far"});
  if (done.ok()) done = Ip(there, {"link", "set", "far", "up"});
  return done;
}

std::string NetIslands::address(int host) const {
  return "10.77.0." + std::to_string(host + 1);
}

std::vector<std::string> NetIslands::wrapper(int host) const {
  return {"nsenter",
          "--net=" + NetnsOf(holders_[static_cast<size_t>(host)].pid())};
}

// The bridge no longer forwards: the host's own link stays up, as when a cable
// is pulled at the far end of a switch.
Status NetIslands::Cut(int host, bool cut) const {
  return cut ? Ip("", {"link", "set", Near(host), "nomaster"})
             : Ip("", {"link", "set", Near(host), "master", kBridge});
}

}  // namespace ithaca::histories
