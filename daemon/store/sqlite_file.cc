#include "daemon/store/sqlite_file.h"

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace ithaca::store {
namespace {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status Failed(const std::string& path, int error,
                    const std::string& remedy) {
  const std::string text =
      absl::StrCat("store ", path, ": ", std::strerror(error), "; ", remedy);
  if (error == ENOENT) return absl::NotFoundError(text);
  if (error == EIO) return absl::UnavailableError(text);
  if (error == ENOSPC || error == EDQUOT)
    return absl::ResourceExhaustedError(text);
  return absl::PermissionDeniedError(text);
}

absl::Status Sync(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  int error = fd < 0 ? errno : 0;
  if (fd >= 0 && fsync(fd) != 0) error = errno;
  if (fd >= 0) close(fd);
  return error == 0 ? absl::OkStatus()
                    : Failed(path, error, "check the disk and the kernel log");
}

}  // namespace

absl::Status RefuseNetworkFileSystem(const std::string& path) {
  constexpr long kNfs = 0x6969, kSmb = 0x517b, kCifs = 0xff534d42,
                 kSmb2 = 0xfe534d42, kCoda = 0x73757245, kAfs = 0x5346414f;
  const std::string folder = FolderOf(path);
  struct statfs info {};
  if (statfs(folder.c_str(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat("store ", path, ": folder ", folder,
                                            ": ", std::strerror(errno),
                                            "; make it first"));
  }
  const long type = static_cast<long>(static_cast<unsigned int>(info.f_type));
  for (long network : {kNfs, kSmb, kCifs, kSmb2, kCoda, kAfs}) {
    if (type != network) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("store ", path,
                     ": is on a network file system, whose locks do not keep "
                     "a second daemon out; use a local folder"));
  }
  return absl::OkStatus();
}

absl::Status MakePrivateFile(const std::string& path) {
  const int fd =
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return Failed(
        path, errno,
        "the daemon's user must be able to write the file and its folder");
  }
  close(fd);
  return absl::OkStatus();
}

absl::Status MoveDurably(const std::string& from, const std::string& to) {
  if (absl::Status status = Sync(from); !status.ok()) return status;
  if (rename(from.c_str(), to.c_str()) != 0) {
    return Failed(to, errno, "the folder must be writable for this user");
  }
  return Sync(FolderOf(to));
}

}  // namespace ithaca::store
