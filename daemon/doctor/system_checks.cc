#include <sys/resource.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "daemon/doctor/checks.h"

namespace ithaca::doctor {
namespace {

constexpr int64_t kBufferBytes = 16 << 20;

// A setting that is a number, and the least that is good.
struct Setting {
  const char* path;
  const char* name;
  int64_t least;
  const char* harm;
};
constexpr Setting kSettings[] = {
    {"/proc/sys/net/core/rmem_max", "net.core.rmem_max", kBufferBytes,
     "a fast rail cannot be filled"},
    {"/proc/sys/net/core/wmem_max", "net.core.wmem_max", kBufferBytes,
     "a fast rail cannot be filled"},
    {"/proc/sys/net/core/somaxconn", "net.core.somaxconn", 1024,
     "ranks that connect at once are turned away"},
};

// "min default max" of net.ipv4.tcp_rmem and _wmem.
void CheckTcpMemory(const Host& host, const char* name, Report* report) {
  const auto text = host.Read(absl::StrCat("/proc/sys/net/ipv4/", name));
  long least = 0, normal = 0, most = 0;
  if (!text.has_value() ||
      std::sscanf(text->c_str(), "%ld %ld %ld", &least, &normal, &most) != 3)
    return;
  if (most < kBufferBytes / 4) {
    report->Warn(absl::StrCat("net.ipv4.", name, " ends at ", most,
                              " bytes: a fast rail cannot be filled"),
                 absl::StrCat("sysctl -w net.ipv4.", name, "='", least, " ",
                              normal, " ", kBufferBytes, "'"));
  }
}

void CheckVersion(const Host& host, Report* report) {
  const auto release = host.Read("/proc/sys/kernel/osrelease");
  int major = 0, minor = 0;
  if (!release.has_value() ||
      std::sscanf(release->c_str(), "%d.%d", &major, &minor) != 2) {
    report->Warn("the kernel does not tell its version", "is /proc mounted?");
  } else if (major < 5 || (major == 5 && minor < 3)) {
    report->Fail(absl::StrCat("Linux ", *release,
                              " has no pidfd_open: ithacad cannot see "
                              "processes end"),
                 "use Linux 5.3 or later");
  } else {
    report->Ok("Linux " + *release);
  }
}

}  // namespace

Findings CheckLimits(const Host& host) {
  Report report("limits");
  constexpr uint64_t kFiles = 65536;
  constexpr uint64_t kLocked = uint64_t{64} << 20;
  const auto files = host.limit(RLIMIT_NOFILE);
  if (files.has_value() && *files < 1024) {
    report.Fail(absl::StrCat("only ", *files, " files may be open"),
                "ulimit -n 65536, or LimitNOFILE=65536 in the unit");
  } else if (files.has_value() && *files < kFiles) {
    report.Warn(absl::StrCat(*files,
                             " files may be open; a thousand members "
                             "on one node need more"),
                "ulimit -n 65536, or LimitNOFILE=65536 in the unit");
  }
  const auto locked = host.limit(RLIMIT_MEMLOCK);
  if (locked.has_value() && *locked < kLocked) {
    report.Warn(absl::StrCat(*locked >> 10,
                             " KiB may be locked; RDMA rails register more"),
                "ulimit -l unlimited, or LimitMEMLOCK=infinity; no matter on "
                "TCP rails");
  }
  if (report.empty()) report.Ok("open files and locked memory suffice");
  return report.Take();
}

Findings CheckClock(const Host& host) {
  Report report("clock");
  if (host.clock_is_kept()) {
    report.Ok("the clock is kept in time");
  } else {
    report.Warn("nothing keeps the clock in time",
                "start chrony or systemd-timesyncd: logs of several nodes are "
                "compared by it, and certificates are judged by it");
  }
  return report.Take();
}

Findings CheckKernel(const Host& host) {
  Report report("kernel");
  for (const Setting& setting : kSettings) {
    const auto number = host.ReadNumber(setting.path);
    if (number.has_value() && *number < setting.least) {
      report.Warn(
          absl::StrCat(setting.name, " is ", *number, ": ", setting.harm),
          absl::StrCat("sysctl -w ", setting.name, "=", setting.least));
    }
  }
  CheckTcpMemory(host, "tcp_rmem", &report);
  CheckTcpMemory(host, "tcp_wmem", &report);
  const auto ptrace = host.ReadNumber("/proc/sys/kernel/yama/ptrace_scope");
  if (ptrace.value_or(0) >= 2) {
    report.Warn(absl::StrCat("kernel.yama.ptrace_scope is ", *ptrace,
                             ": UCX cannot copy between processes"),
                "sysctl -w kernel.yama.ptrace_scope=1, or go without UCX");
  }
  if (host.ReadNumber("/proc/sys/kernel/numa_balancing").value_or(0) != 0) {
    report.Warn("kernel.numa_balancing moves pages under running jobs",
                "sysctl -w kernel.numa_balancing=0 on GPU nodes");
  }
  CheckVersion(host, &report);
  return report.Take();
}

}  // namespace ithaca::doctor
