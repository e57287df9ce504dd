// Tells the service manager (systemd) how the daemon is: the datagrams of
// sd_notify(3). Without NOTIFY_SOCKET every call does nothing.
//
// Used by ithacad's main. Threads: one. Life: until the process ends.
#ifndef ITHACA_DAEMON_SERVER_SERVICE_MANAGER_H_
#define ITHACA_DAEMON_SERVER_SERVICE_MANAGER_H_

#include <chrono>
#include <optional>
#include <string>

namespace ithaca::server {

class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of
  // the environment: children must not answer for the daemon.
  static ServiceManager FromEnvironment();

  // The daemon serves; `status` is the line that `systemctl status` shows.
  void Ready(const std::string& status) const;
  void Stopping(const std::string& status) const;
  // It is alive.
  void Alive() const;

  // How often Alive is wanted (half of the time after which the manager gives
  // up); nothing: never.
  std::optional<std::chrono::milliseconds> alive_every() const {
    return alive_every_;
  }

 private:
  void Send(const std::string& state) const;

  std::string socket_;
  std::optional<std::chrono::milliseconds> alive_every_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_SERVICE_MANAGER_H_
