// The run directory and the socket in it: made private, taken by one daemon.
//
// Used by the composition root. Threads: one. Life: the socket accepts until
// the object goes, which removes it from the directory.
#ifndef ITHACA_DAEMON_SERVER_RUN_DIR_H_
#define ITHACA_DAEMON_SERVER_RUN_DIR_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ithaca::server {

// Makes the directory (mode 0750) unless it is there. FAILED_PRECONDITION when
// it belongs to somebody else or others may write it: they could put their
// socket in our place.
absl::Status PrepareRunDir(const std::string& path);

// A listening Unix socket that no other process serves.
class ListeningSocket {
 public:
  // Binds with mode 0660. A socket that is there already is tried first:
  // ALREADY_EXISTS when a daemon answers or holds the lock file, and it is
  // replaced only when nobody does.
  static absl::StatusOr<std::unique_ptr<ListeningSocket>> Bind(
      const std::string& path);
  ~ListeningSocket();
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;

  // Non-blocking.
  int fd() const { return fd_; }

 private:
  ListeningSocket(std::string path, int fd, int lock_fd)
      : path_(std::move(path)), fd_(fd), lock_fd_(lock_fd) {}

  const std::string path_;
  const int fd_;
  const int lock_fd_;
};

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_RUN_DIR_H_
