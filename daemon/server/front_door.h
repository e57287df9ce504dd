// Accepts the daemon's connections, finds out who they are and lets in those
// that speak.
//
// A connection that does not begin, within a few seconds, with the HTTP/2
// preface and the head of a SETTINGS frame (which is how every HTTP/2 client
// begins) is closed and logged once; gRPC never sees it. Bytes are looked at
// without being taken. Nothing a peer sends or leaves out here can hold a
// thread or more than one descriptor.
//
// Used by the composition root. Threads: one of its own; Stop from any other.
// Life: Start to Stop; `admit` may be called until Stop has returned.
#ifndef ITHACA_DAEMON_SERVER_FRONT_DOOR_H_
#define ITHACA_DAEMON_SERVER_FRONT_DOOR_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "daemon/server/fd_owners.h"
#include "daemon/server/log.h"

namespace ithaca::server {

class FrontDoor {
 public:
  // Why a connection was not let in.
  static constexpr char kTooMany[] = "TOO_MANY";
  static constexpr char kTooManyOfUser[] = "TOO_MANY_OF_USER";
  static constexpr char kNoDescriptor[] = "NO_DESCRIPTOR";
  static constexpr char kNotHttp2[] = "NOT_HTTP2";
  static constexpr char kLate[] = "LATE";

  struct Options {
    // Listening and non-blocking; must outlive the door.
    int listener = -1;
    // Must outlive the door.
    FdOwners* owners = nullptr;
    Log* log = nullptr;
    // Takes over a connection that may come in.
    std::function<void(int fd)> admit;
    // Told of each connection that was refused, why, and of how many are inside
    // each time that changes. On the door's thread; may be null.
    std::function<void(const char* cause)> refused;
    std::function<void(size_t count)> inside;
    // How long a peer may take to begin, ms.
    int64_t patience_ms = 5000;
    // Open connections, of all users and of one.
    size_t max_connections = 8192;
    size_t max_connections_per_user = 4096;
  };

  static absl::StatusOr<std::unique_ptr<FrontDoor>> Start(Options options);
  ~FrontDoor();

  // Accepts nothing more, and closes who has not been let in. Those who have
  // stay.
  void Stop();

 private:
  // A connection that has not begun to speak.
  struct Waiting {
    Peer peer;
    int64_t deadline_ms = 0;
  };

  explicit FrontDoor(Options options) : options_(std::move(options)) {}
  absl::Status Open();
  void Loop();
  int NextTimeoutMs() const;
  void AcceptAll();
  // Makes room by dropping one connection when there is no descriptor left.
  void ShedOne();
  void Welcome(int fd, const Peer& peer);
  void Look(int fd);
  void LetIn(int fd);
  // `cause` null: it went by itself.
  void TurnAway(int fd, const char* cause, const std::string& why);
  void Refused(const char* cause, const std::string& text);
  void TellInside() const;
  void ExpireLate();
  void Gone(int watched_fd);
  void Forget(uid_t uid);
  bool Watch(int fd, uint32_t events);

  const Options options_;
  int epoll_ = -1;
  int wake_ = -1;
  std::atomic<bool> stopping_{false};
  std::thread thread_;

  // Below: the door's thread only.
  int spare_ = -1;
  std::map<int, Waiting> waiting_;
  // In the order of their deadlines; may name some that are no longer waiting.
  std::deque<std::pair<int64_t, int>> deadlines_;
  // Duplicates of connections inside, kept to see them go.
  std::map<int, uid_t> inside_;
  // Connections of each user, waiting and inside.
  std::map<uid_t, size_t> by_user_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_FRONT_DOOR_H_
