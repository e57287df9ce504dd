#include "daemon/server/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "daemon/server/daemon_for_test.h"

namespace ithaca::server {
namespace {

// What systemd listens at.
class Manager {
 public:
  explicit Manager(const std::string& name)
      : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    if (name[0] == '@') at.sun_path[0] = '\0';
    const auto size =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&at), size), 0);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Manager() { close(fd_); }
  std::string Next() {
    char buffer[1000];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    return n < 0 ? "" : std::string(buffer, static_cast<size_t>(n));
  }

 private:
  const int fd_;
};

TEST(ServiceManager, TellsWhatSystemdExpects) {
  for (const std::string& name : {MakeShortFolder() + "/notify",
                                  "@ithaca-test-" + std::to_string(getpid())}) {
    Manager manager(name);
    setenv("WATCHDOG_USEC", "3000000", 1);
    setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
    const ServiceManager ours = ServiceManager::FromEnvironment();
    EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
    EXPECT_EQ(std::getenv("WATCHDOG_USEC"), nullptr);
    EXPECT_EQ(ours.alive_every(), std::chrono::milliseconds(1500));
    ours.Ready("serves\nwell");
    EXPECT_EQ(manager.Next(), "READY=1\nSTATUS=serves well");
    ours.Alive();
    EXPECT_EQ(manager.Next(), "WATCHDOG=1");
    ours.Stopping("drains");
    EXPECT_EQ(manager.Next(), "STOPPING=1\nSTATUS=drains");
  }
}

TEST(ServiceManager, WithoutOneNothingHappens) {
  setenv("WATCHDOG_USEC", "3000000", 1);
  setenv("WATCHDOG_PID", "1", 1);
  const ServiceManager ours = ServiceManager::FromEnvironment();
  EXPECT_FALSE(ours.alive_every().has_value()) << "another process' watchdog";
  ours.Ready("x");
  setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
  ServiceManager::FromEnvironment().Ready("x");
  setenv("NOTIFY_SOCKET", std::string(500, 'x').c_str(), 1);
  ServiceManager::FromEnvironment().Ready("x");
}

}  // namespace
}  // namespace ithaca::server
