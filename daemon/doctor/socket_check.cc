#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "daemon/doctor/checks.h"

namespace ithaca::doctor {

Findings CheckSocket(const Host& host) {
  Report report("socket");
  struct stat found {};
  if (host.socket.empty() || lstat(host.socket.c_str(), &found) != 0) {
    report.Warn(absl::StrCat("no ithacad: ",
                             host.socket.empty() ? "its socket" : host.socket,
                             " does not exist"),
                "start ithacad; plans need none, groups do");
    return report.Take();
  }
  if (!S_ISSOCK(found.st_mode)) {
    report.Fail(host.socket + " is not a socket", "remove it, start ithacad");
    return report.Take();
  }
  const unsigned mode = found.st_mode & 0777;
  if ((mode & 007) != 0) {
    report.Fail(absl::StrFormat("%s is open to every user (mode %04o)",
                                host.socket, mode),
                "chmod o= " + host.socket);
  }
  const DaemonAnswer answer = host.ask_daemon(host.socket);
  if (!answer.error.empty()) {
    report.Fail(answer.error,
                "is ithacad running, and are you in its group? `systemctl "
                "status ithacad`, `id`");
    return report.Take();
  }
  if (!answer.not_serving.empty()) {
    report.Fail(absl::StrJoin(answer.not_serving, ", ") + " does not serve",
                "see ithacad's log; a daemon that drains ends soon");
  }
  if (answer.version != host.version) {
    report.Warn(
        absl::StrCat("ithacad is ",
                     answer.version.empty() ? "too old to tell its version"
                                            : answer.version,
                     ", this ithacactl is ", host.version),
        "restart ithacad after an upgrade; running jobs do not notice");
  }
  report.Ok(absl::StrFormat("%s answers (group %d, mode %04o)", host.socket,
                            found.st_gid, mode));
  return report.Take();
}

}  // namespace ithaca::doctor
