#include "daemon/server/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace ithaca::server {
namespace {

std::string Take(const char* name) {
  const char* value = std::getenv(name);
  const std::string taken = value == nullptr ? "" : value;
  unsetenv(name);
  return taken;
}

// A line of its own is a state of its own.
std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

ServiceManager ServiceManager::FromEnvironment() {
  ServiceManager manager;
  manager.socket_ = Take("NOTIFY_SOCKET");
  const std::string usec = Take("WATCHDOG_USEC");
  const std::string pid = Take("WATCHDOG_PID");
  int64_t wanted = 0;
  const bool ours = pid.empty() || pid == absl::StrCat(getpid());
  if (ours && absl::SimpleAtoi(usec, &wanted) && wanted > 0) {
    manager.alive_every_ =
        std::chrono::milliseconds(std::max<int64_t>(1, wanted / 2000));
  }
  return manager;
}

void ServiceManager::Ready(const std::string& status) const {
  Send("READY=1\nSTATUS=" + OneLine(status));
}

void ServiceManager::Stopping(const std::string& status) const {
  Send("STOPPING=1\nSTATUS=" + OneLine(status));
}

void ServiceManager::Alive() const { Send("WATCHDOG=1"); }

// A manager that does not listen is no reason to fail.
void ServiceManager::Send(const std::string& state) const {
  sockaddr_un to{};
  if (socket_.empty() || socket_.size() >= sizeof to.sun_path) return;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, socket_.data(), socket_.size());
  // "@name" is in the abstract namespace, where the first byte is zero.
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
         reinterpret_cast<const sockaddr*>(&to), size);
  close(fd);
}

}  // namespace ithaca::server
