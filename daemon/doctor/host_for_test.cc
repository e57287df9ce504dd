#include "daemon/doctor/host_for_test.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ithaca::doctor {
namespace {

constexpr char kWell[][2][64] = {
    {"/proc/sys/kernel/osrelease", "6.1.0-9-amd64"},
    {"/proc/sys/net/core/rmem_max", "67108864"},
    {"/proc/sys/net/core/wmem_max", "67108864"},
    {"/proc/sys/net/core/somaxconn", "4096"},
    {"/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t67108864"},
    {"/proc/sys/net/ipv4/tcp_wmem", "4096\t16384\t67108864"},
    {"/proc/sys/kernel/numa_balancing", "0"},
    {"/proc/sys/kernel/yama/ptrace_scope", "1"},
};

int ListenAt(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  chmod(path.c_str(), 0660);
  return fd;
}

}  // namespace

HostForTest::HostForTest() {
  folder_ = "/tmp/ithaca.XXXXXX";
  EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  host.root = folder_ + "/root";
  for (const auto& [path, text] : kWell) Write(path, text);
  host.uid = geteuid();
  host.version = "1.0.0";
  host.run_dir = folder_ + "/run";
  mkdir(host.run_dir.c_str(), 0750);
  host.socket = host.run_dir + "/ithacad.sock";
  listener_ = ListenAt(host.socket);
  host.store = "sqlite:" + host.run_dir + "/store.db";
  Set("NCCL_NET_PLUGIN", "ithaca");
  host.file_system = [](const std::string&) {
    FileSystem system;
    system.free_bytes = uint64_t{1} << 40;
    return system;
  };
  host.ask_daemon = [](const std::string&) {
    DaemonAnswer answer;
    answer.version = "1.0.0";
    return answer;
  };
  host.load = [](const std::string& name, const std::vector<std::string>&,
                 const std::vector<std::string>& symbols) {
    Library library;
    library.path = "/usr/lib/" + name;
    library.symbols.insert(symbols.begin(), symbols.end());
    if (name == "libnccl.so.2") library.nccl_version = 22809;
    return library;
  };
  host.interfaces = [] {
    Interface loopback{"lo", true, true, false, {"127.0.0.1"}, 0, 65536};
    Interface rail{"eth0", true, false, false, {"10.0.0.1"}, 100'000, 9000};
    return std::vector<Interface>{loopback, rail};
  };
  host.limit = [](int) { return std::nullopt; };
  host.clock_is_kept = [] { return true; };
  host.unix_seconds = [] { return int64_t{1'800'000'000}; };
}

HostForTest::~HostForTest() {
  close(listener_);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void HostForTest::Write(const std::string& path, const std::string& text) {
  const std::filesystem::path whole = host.root + path;
  std::filesystem::create_directories(whole.parent_path());
  std::ofstream(whole) << text << "\n";
}

namespace {

std::string Print(const Findings& findings) {
  return absl::StrJoin(findings, "", [](std::string* out, const Finding& f) {
    absl::StrAppend(out, "\n  ", static_cast<int>(f.level), " ", f.subject,
                    ": ", f.seen, " | ", f.remedy);
  });
}

}  // namespace

testing::AssertionResult Says(const Findings& findings, Level level,
                              const std::string& seen,
                              const std::string& remedy) {
  for (const Finding& finding : findings) {
    if (finding.level == level &&
        finding.seen.find(seen) != std::string::npos &&
        finding.remedy.find(remedy) != std::string::npos) {
      return testing::AssertionSuccess();
    }
  }
  return testing::AssertionFailure()
         << "no finding of level " << static_cast<int>(level) << " with \""
         << seen << "\" and \"" << remedy << "\":" << Print(findings);
}

testing::AssertionResult AllWell(const Findings& findings) {
  for (const Finding& finding : findings) {
    if (finding.level != Level::kOk || finding.seen.empty())
      return testing::AssertionFailure() << Print(findings);
  }
  if (findings.empty()) return testing::AssertionFailure() << "no finding";
  return testing::AssertionSuccess();
}

}  // namespace ithaca::doctor
