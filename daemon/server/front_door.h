// Accepts the daemon's connections, finds out who they are and lets in those
// that speak.
//
// A connection that does not begin, within a few seconds, as every client of
// its protocol does (preface.h) is closed and logged once; gRPC never sees it.
// Bytes are looked at without being taken. Nothing a peer sends or leaves out
// here can hold a thread or more than one descriptor.
//
// Used by Daemon for the Unix socket and by PeerServer for TCP. Threads: one of
// its own; Stop from any other. Life: Start to Stop; `admit` may be called
// until Stop has returned.
#ifndef ITHACA_DAEMON_SERVER_FRONT_DOOR_H_
#define ITHACA_DAEMON_SERVER_FRONT_DOOR_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/statusor.h"
#include "daemon/server/guests.h"
#include "daemon/server/log.h"
#include "daemon/server/preface.h"

namespace ithaca::server {

class FrontDoor {
 public:
  // Why a connection was not let in.
  static constexpr char kTooMany[] = "TOO_MANY";
  static constexpr char kTooManyOfOne[] = "TOO_MANY_OF_ONE";
  static constexpr char kNoDescriptor[] = "NO_DESCRIPTOR";
  static constexpr char kOtherProtocol[] = "OTHER_PROTOCOL";
  static constexpr char kLate[] = "LATE";

  struct Options {
    // Listening and non-blocking; must outlive the door.
    int listener = -1;
    // Must outlive the door.
    Log* log = nullptr;
    // Who it is.
    std::function<std::optional<Guest>(int fd)> greet;
    // Whether it begins as it should, and the protocol's name for logs.
    std::function<Preface(std::string_view)> judge;
    std::string language;
    // Takes over a connection that may come in. False: no descriptor is left
    // (it is closed).
    std::function<bool(int fd, const Guest&)> admit;
    // Told of each connection that was refused, why, and of how many are inside
    // each time that changes. On the door's thread; may be null.
    std::function<void(const char* cause)> refused;
    std::function<void(size_t count)> inside;
    // How long a peer may take to begin, ms.
    int64_t patience_ms = 5000;
    // Open connections, of all and of those with one key.
    size_t max_connections = 8192;
    size_t max_connections_per_guest = 4096;
    // The last of them that only root and the daemon's own user get.
    size_t reserved = 0;
  };

  static absl::StatusOr<std::unique_ptr<FrontDoor>> Start(Options options);
  ~FrontDoor();

  // Accepts nothing more, and closes who has not been let in. Those who have
  // stay.
  void Stop();

 private:
  // A connection that has not begun to speak.
  struct Waiting {
    Guest guest;
    int64_t deadline_ms = 0;
  };

  explicit FrontDoor(Options options) : options_(std::move(options)) {}
  absl::Status Open();
  void Loop();
  int NextTimeoutMs() const;
  void AcceptAll();
  // Makes room by dropping one connection when there is no descriptor left.
  void ShedOne();
  void Welcome(int fd, Guest guest);
  void Look(int fd);
  void LetIn(int fd);
  // `cause` null: it went by itself.
  void TurnAway(int fd, const char* cause, const std::string& why);
  void Refused(const char* cause, const std::string& text);
  void TellInside() const;
  void ExpireLate();
  void Gone(int watched_fd);
  void Forget(const std::string& key);
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
  std::map<int, std::string> inside_;
  // Connections of each key, waiting and inside.
  std::map<std::string, size_t> by_key_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_FRONT_DOOR_H_
