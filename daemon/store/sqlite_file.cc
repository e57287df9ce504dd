#include "daemon/store/sqlite_file.h"

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace ithaca::store {

absl::Status RefuseNetworkFileSystem(const std::string& path) {
  constexpr long kNfs = 0x6969, kSmb = 0x517b, kCifs = 0xff534d42,
                 kSmb2 = 0xfe534d42, kCoda = 0x73757245, kAfs = 0x5346414f;
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos
                                 ? "."
                                 : (slash == 0 ? "/" : path.substr(0, slash));
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
    const int error = errno;
    const std::string text = absl::StrCat(
        "store ", path, ": ", std::strerror(error),
        "; the daemon's user must be able to write the file and its folder");
    return error == ENOENT ? absl::NotFoundError(text)
                           : absl::PermissionDeniedError(text);
  }
  close(fd);
  return absl::OkStatus();
}

}  // namespace ithaca::store
