#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/doctor/checks.h"

namespace ithaca::doctor {

Findings CheckRunDir(const Host& host) {
  Report report("run directory");
  if (host.run_dir.empty()) {
    report.Fail(
        "there is none: neither ITHACA_RUN_DIR nor XDG_RUNTIME_DIR is "
        "set",
        "export ITHACA_RUN_DIR=/run/user/$(id -u)/ithaca");
    return report.Take();
  }
  struct stat found {};
  if (lstat(host.run_dir.c_str(), &found) != 0) {
    if (errno == ENOENT) {
      report.Warn(host.run_dir + " does not exist",
                  "start ithacad, which makes it");
    } else {
      report.Fail(absl::StrCat(host.run_dir, ": ", std::strerror(errno)),
                  "give another one in ITHACA_RUN_DIR");
    }
    return report.Take();
  }
  const unsigned mode = found.st_mode & 07777;
  if (!S_ISDIR(found.st_mode)) {
    report.Fail(host.run_dir + " is not a folder", "remove it");
    return report.Take();
  }
  if (found.st_uid != host.uid && found.st_uid != 0) {
    report.Warn(absl::StrCat(host.run_dir, " belongs to uid ", found.st_uid,
                             ", you are ", host.uid),
                "fine if that is ithacad's user; else set ITHACA_RUN_DIR");
  }
  if ((mode & 022) != 0) {
    report.Fail(absl::StrFormat("%s can be written by others (mode %04o)",
                                host.run_dir, mode),
                "chmod go-w " + host.run_dir);
  }
  const auto files = host.file_system(host.run_dir);
  if (files.has_value() && files->network) {
    report.Fail(host.run_dir + " is on a network file system",
                "set ITHACA_RUN_DIR to a folder below /run or /tmp");
  }
  if (report.empty())
    report.Ok(absl::StrFormat("%s, mode %04o", host.run_dir, mode));
  return report.Take();
}

}  // namespace ithaca::doctor
