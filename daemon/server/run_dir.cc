#include "daemon/server/run_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ithaca::server {
namespace {

constexpr int kBacklog = 4096;

sockaddr_un Address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // SocketIn has checked that it fits.
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

absl::Status Errno(const std::string& path, const char* what,
                   const char* remedy) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": ", what, ": ", std::strerror(errno), "; ", remedy));
}

absl::Status Taken(const std::string& path) {
  return absl::AlreadyExistsError(absl::StrCat(
      path,
      ": an ithacad serves this socket already; stop it, or start this "
      "one with another --run_dir"));
}

// Whether somebody accepts connections there.
bool Answers(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return true;
  const sockaddr_un address = Address(path);
  const int result =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool refused =
      result != 0 && (errno == ECONNREFUSED || errno == ENOENT);
  close(fd);
  return !refused;
}

// Held for as long as the descriptor is open; two daemons that start at once
// must not both find the other's socket stale.
absl::StatusOr<int> TakeLock(const std::string& socket_path) {
  const std::string path = socket_path + ".lock";
  const int fd =
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return Errno(path, "cannot open",
                 "the daemon's user must be able to write it");
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const bool taken = errno == EWOULDBLOCK;
  const absl::Status status =
      taken ? Taken(socket_path)
            : Errno(path, "cannot lock", "use a local file system");
  close(fd);
  return status;
}

absl::Status RemoveStale(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": is there and is not a socket; move it away"));
  }
  if (Answers(path)) return Taken(path);
  if (unlink(path.c_str()) == 0) return absl::OkStatus();
  return Errno(path, "cannot remove the stale socket", "remove it by hand");
}

absl::StatusOr<int> BindAndListen(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return Errno(path, "cannot make a socket", "raise the limit of open files");
  const sockaddr_un address = Address(path);
  // The mode must be right from the first moment. No other thread runs yet.
  const mode_t before = umask(0117);
  const int bound =
      bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  umask(before);
  if (bound == 0 && listen(fd, kBacklog) == 0) return fd;
  const absl::Status status =
      Errno(path, "cannot listen",
            "the daemon's user must be able to write its folder");
  close(fd);
  return status;
}

}  // namespace

absl::Status PrepareRunDir(const std::string& path) {
  constexpr char kRemedy[] =
      "make a folder that only the daemon's user can write";
  if (mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) {
    return Errno(path, "cannot make the run directory", kRemedy);
  }
  struct stat info {};
  if (stat(path.c_str(), &info) != 0)
    return Errno(path, "cannot read", kRemedy);
  if (!S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("run directory ", path, ": is not a folder; ", kRemedy));
  }
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("run directory ", path, ": belongs to user ", info.st_uid,
                     "; ", kRemedy));
  }
  if ((info.st_mode & S_IWOTH) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "run directory ", path, ": everybody can write it; chmod o-w ", path));
}

absl::StatusOr<std::unique_ptr<ListeningSocket>> ListeningSocket::Bind(
    const std::string& path) {
  const absl::StatusOr<int> lock = TakeLock(path);
  if (!lock.ok()) return lock.status();
  const absl::Status stale = RemoveStale(path);
  const absl::StatusOr<int> fd =
      stale.ok() ? BindAndListen(path) : absl::StatusOr<int>(stale);
  if (!fd.ok()) {
    close(*lock);
    return fd.status();
  }
  return std::unique_ptr<ListeningSocket>(
      new ListeningSocket(path, *fd, *lock));
}

ListeningSocket::~ListeningSocket() {
  unlink(path_.c_str());
  close(fd_);
  close(lock_fd_);
}

}  // namespace ithaca::server
