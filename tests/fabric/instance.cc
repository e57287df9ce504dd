#include "tests/fabric/instance.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

namespace ithaca::fabric {
namespace {

namespace fs = std::filesystem;

constexpr char kFolder[] = "/run/ithaca-fabric";
constexpr char kNamespaces[] = "/run/netns";
constexpr char kPrefix[] = "fab";

std::string StateFile(const std::string& id) {
  return InstanceFolder(id) + "/state.json";
}

// When the process started, in ticks since boot; 0: there is none. Together
// with its number this names a process for good.
uint64_t StartTime(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t name_end = text.rfind(')');
  if (name_end == text.npos) return 0;
  std::stringstream fields(text.substr(name_end + 2));
  std::string field;
  for (int i = 3; i <= 22 && fields >> field; ++i) {
  }
  return strtoull(field.c_str(), nullptr, 10);
}

Status WriteState(const std::string& id, const std::string& spec, bool kept) {
  const nlohmann::json state = {{"spec", spec},
                                {"kept", kept},
                                {"owner", getpid()},
                                {"owner_start", StartTime(getpid())}};
  std::ofstream file(StateFile(id));
  file << state.dump() << "\n";
  file.close();
  if (file) return Status();
  return Status(Code::kResourceExhausted, "cannot write " + StateFile(id));
}

std::vector<std::string> NamespacesOf(const std::string& id) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kNamespaces, error)) {
    const std::string name = entry.path().filename();
    if (name.rfind(id + "-", 0) == 0) names.push_back(name);
  }
  return names;
}

// Ends whatever is in one of the namespaces; how many there were.
int KillInside(const std::set<ino_t>& namespaces) {
  int found = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    struct stat s = {};
    if (name.find_first_not_of("0123456789") != name.npos ||
        stat(("/proc/" + name + "/ns/net").c_str(), &s) != 0 ||
        namespaces.count(s.st_ino) == 0) {
      continue;
    }
    ++found;
    kill(static_cast<pid_t>(atoi(name.c_str())), SIGKILL);
  }
  return found;
}

[[noreturn]] void RunJanitor(const std::string& id, int alive_fd) {
  // Out of reach of Ctrl-C and of whoever ends the owner's process group.
  setsid();
  for (int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) {
    ::signal(signal, SIG_IGN);
  }
  char byte = 0;
  ssize_t n;
  while ((n = read(alive_fd, &byte, 1)) < 0 && errno == EINTR) {
  }
  if (n == 0) TakeDown(id);
  _exit(0);
}

// The owner's files stay out of the janitor: a reader of the owner's output
// must not wait for it.
void CloseAllBut(int fd) {
  const int null = open("/dev/null", O_RDWR);
  for (int i = 0; i < 3; ++i) dup2(null, i);
  const int limit = 4096;
  for (int i = 3; i < limit; ++i) {
    if (i != fd) close(i);
  }
}

}  // namespace

std::string InstanceFolder(const std::string& id) {
  return std::string(kFolder) + "/" + id;
}

std::string NamespacePath(const std::string& name) {
  return std::string(kNamespaces) + "/" + name;
}

StatusOr<std::unique_ptr<Instance>> Instance::Claim(const std::string& spec) {
  if (geteuid() != 0) {
    return Status(Code::kFailedPrecondition,
                  "network namespaces need root; remedy: sudo");
  }
  mkdir(kFolder, 0755);
  const std::string base = kPrefix + std::to_string(getpid());
  for (int i = 0; i < 1000; ++i) {
    const std::string id = i == 0 ? base : base + "." + std::to_string(i);
    if (mkdir(InstanceFolder(id).c_str(), 0755) != 0) {
      if (errno == EEXIST) continue;
      return ErrnoError(Code::kFailedPrecondition, errno, "cannot make %s",
                        InstanceFolder(id).c_str());
    }
    std::unique_ptr<Instance> instance(new Instance(id));
    ITHACA_RETURN_IF_ERROR(instance->StartJanitor());
    ITHACA_RETURN_IF_ERROR(WriteState(id, spec, /*kept=*/false));
    return instance;
  }
  return Status(Code::kResourceExhausted, std::string("no unused name in ") +
                                              kFolder +
                                              "; remedy: fabric down --all");
}

Status Instance::StartJanitor() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    return ErrnoError(Code::kResourceExhausted, errno, "pipe");
  }
  janitor_ = fork();
  if (janitor_ == 0) {
    CloseAllBut(fds[0]);
    RunJanitor(id_, fds[0]);
  }
  const int error = errno;
  close(fds[0]);
  alive_fd_ = fds[1];
  if (janitor_ > 0) return Status();
  return ErrnoError(Code::kResourceExhausted, error, "cannot fork");
}

Status Instance::Keep() {
  std::ifstream file(StateFile(id_));
  const auto state = nlohmann::json::parse(file, nullptr, false);
  ITHACA_RETURN_IF_ERROR(
      WriteState(id_, state.value("spec", ""), /*kept=*/true));
  if (write(alive_fd_, "k", 1) == 1) return Status();
  return ErrnoError(Code::kInternal, errno, "the janitor of %s is gone",
                    id_.c_str());
}

Instance::~Instance() {
  if (alive_fd_ >= 0) close(alive_fd_);
  if (janitor_ <= 0) {
    TakeDown(id_);
    return;
  }
  while (waitpid(janitor_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::vector<InstanceInfo> ListInstances() {
  std::vector<InstanceInfo> list;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kFolder, error)) {
    InstanceInfo info;
    info.id = entry.path().filename();
    std::ifstream file(StateFile(info.id));
    const auto state = nlohmann::json::parse(file, nullptr, false);
    // A claim whose state is not written yet looks dead, but is young.
    if (!state.is_object()) continue;
    info.spec = state.value("spec", "");
    info.kept = state.value("kept", false);
    info.owner = state.value("owner", 0);
    const uint64_t start = state.value("owner_start", uint64_t{0});
    info.owner_alive = info.owner > 0 && StartTime(info.owner) == start;
    list.push_back(info);
  }
  return list;
}

void TakeDown(const std::string& id) {
  const std::vector<std::string> names = NamespacesOf(id);
  std::set<ino_t> inodes;
  for (const std::string& name : names) {
    struct stat s = {};
    if (stat(NamespacePath(name).c_str(), &s) == 0) inodes.insert(s.st_ino);
  }
  // What is being killed may still have children to be found.
  for (int i = 0; i < 100 && !inodes.empty() && KillInside(inodes) > 0; ++i) {
    usleep(10'000);
  }
  for (const std::string& name : names) {
    const std::string path = NamespacePath(name);
    umount2(path.c_str(), MNT_DETACH);
    unlink(path.c_str());
  }
  std::error_code error;
  fs::remove_all(InstanceFolder(id), error);
}

}  // namespace ithaca::fabric
