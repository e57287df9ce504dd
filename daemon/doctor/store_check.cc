#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "daemon/doctor/checks.h"

namespace ithaca::doctor {
namespace {

constexpr uint64_t kFailBelowBytes = uint64_t{16} << 20;
constexpr uint64_t kWarnBelowBytes = uint64_t{256} << 20;

// "ok", or what is wrong, or "busy".
std::string QuickCheck(const std::string& path) {
  sqlite3* raw = nullptr;
  const int opened =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READONLY, nullptr);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> db(raw, sqlite3_close);
  if (opened != SQLITE_OK) return sqlite3_errstr(opened);
  std::string answer;
  const auto keep = [](void* out, int count, char** values, char**) {
    if (count > 0 && values[0] != nullptr)
      *static_cast<std::string*>(out) = values[0];
    return 0;
  };
  const int result =
      sqlite3_exec(raw, "PRAGMA quick_check(1)", keep, &answer, nullptr);
  if (result == SQLITE_BUSY || result == SQLITE_LOCKED) return "busy";
  return result == SQLITE_OK ? answer : sqlite3_errmsg(raw);
}

void CheckSpace(const Host& host, const std::string& path, Report* report) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos
                                 ? "."
                                 : path.substr(0, std::max<size_t>(slash, 1));
  const auto files = host.file_system(folder);
  if (!files.has_value()) {
    report->Warn(folder + " cannot be looked at", "does it exist? mkdir -p it");
    return;
  }
  if (files->network) {
    report->Fail(folder +
                     " is on a network file system, whose locks cannot be "
                     "trusted",
                 "give ithacad a local --store, or etcd for a cluster");
  }
  if (files->memory) {
    report->Warn(folder + " is emptied by a reboot, and epochs with it",
                 "if jobs outlive reboots: "
                 "--store=sqlite:/var/lib/ithaca/store.db");
  }
  const std::string free =
      absl::StrCat(files->free_bytes >> 20, " MiB are free in ", folder);
  if (files->free_bytes < kFailBelowBytes) {
    report->Fail(free, "make room: without any, no group can change");
  } else if (files->free_bytes < kWarnBelowBytes) {
    report->Warn(free, "make room");
  }
}

void CheckSqlite(const Host& host, const std::string& path, Report* report) {
  CheckSpace(host, path, report);
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) {
    report->Ok(path + " is not there yet; ithacad makes it");
    return;
  }
  const std::string result = QuickCheck(path);
  if (result == "busy") {
    report->Ok(path +
               " is in use by ithacad, which checked it when it started");
  } else if (result == "ok") {
    report->Ok(path + " is intact");
  } else {
    report->Fail(absl::StrCat(path, ": ", result),
                 "stop ithacad and restore a backup of the file; without one, "
                 "move it away: groups form anew");
  }
}

// Whether a version is older than 3.5.28, or a 3.6 older than 3.6.9: leases of
// live members can be revoked, and watches lose events.
bool IsOldEtcd(const std::string& version) {
  std::vector<int> parts;
  for (absl::string_view part : absl::StrSplit(version, '.')) {
    int number = 0;
    if (!absl::SimpleAtoi(part.substr(0, part.find('-')), &number))
      return false;
    parts.push_back(number);
  }
  parts.resize(3);
  return parts < std::vector<int>{3, 5, 28} ||
         (parts >= std::vector<int>{3, 6, 0} &&
          parts < std::vector<int>{3, 6, 9});
}

void CheckEtcd(const Host& host, absl::string_view endpoints, Report* report) {
  size_t count = 0, bad = 0;
  for (absl::string_view part : absl::StrSplit(endpoints, ',')) {
    const std::string endpoint(part);
    // Options stand among the endpoints: prefix=, ca= and the like.
    if (absl::StrContains(part, '=')) continue;
    ++count;
    const EtcdAnswer answer = host.ask_etcd(endpoint);
    if (!answer.error.empty()) {
      ++bad;
      report->Warn(absl::StrCat("etcd at ", endpoint, ": ", answer.error),
                   "is it running, and does a firewall let this node pass?");
    } else if (IsOldEtcd(answer.version)) {
      report->Warn(absl::StrCat("etcd at ", endpoint, " is ", answer.version,
                                ", which can revoke leases of live members"),
                   "upgrade it to 3.5.28 or 3.6.9");
    } else {
      report->Ok(absl::StrCat("etcd ", answer.version, " at ", endpoint));
    }
  }
  if (bad * 2 >= count) {
    report->Fail(
        absl::StrCat(bad, " of ", count, " etcd endpoints do not answer"),
        "a majority must; groups cannot change until then");
  }
}

}  // namespace

Findings CheckStore(const Host& host) {
  Report report("store");
  absl::string_view spec = host.store;
  if (absl::ConsumePrefix(&spec, "sqlite:") && !spec.empty()) {
    CheckSqlite(host, std::string(spec), &report);
  } else if (absl::ConsumePrefix(&spec, "etcd:") && !spec.empty()) {
    CheckEtcd(host, spec, &report);
  } else {
    report.Fail(absl::StrCat("--store=", host.store, " is no store"),
                "use sqlite:PATH or etcd:HOST:PORT,...");
  }
  return report.Take();
}

}  // namespace ithaca::doctor
