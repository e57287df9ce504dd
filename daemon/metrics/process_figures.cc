#include "daemon/metrics/process_figures.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "daemon/metrics/metrics.h"

namespace ithaca::metrics {
namespace {

using Families = std::vector<prometheus::MetricFamily>;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Seconds since 1970 at which the machine started; 0: unknown.
double BootTime(const std::string& proc) {
  std::istringstream text(ReadAll(proc + "/stat"));
  std::string word;
  double seconds = 0;
  while (text >> word) {
    if (word == "btime" && text >> seconds) return seconds;
  }
  return 0;
}

// /proc/self/stat, proc(5): the fields from the third on, after the name, which
// stands in brackets and may hold anything.
std::vector<double> StatFields(const std::string& proc) {
  const std::string text = ReadAll(proc + "/self/stat");
  const size_t name_end = text.rfind(')');
  std::vector<double> fields;
  if (name_end == std::string::npos) return fields;
  std::istringstream rest(text.substr(name_end + 1));
  std::string state;
  rest >> state;
  fields.push_back(0);
  for (double field; rest >> field;) fields.push_back(field);
  return fields;
}

void AddStat(const std::string& proc, Families* families) {
  constexpr size_t kUserTicks = 14 - 3, kSystemTicks = 15 - 3;
  constexpr size_t kThreads = 20 - 3, kStartTicks = 22 - 3;
  constexpr size_t kVirtualBytes = 23 - 3, kResidentPages = 24 - 3;
  const std::vector<double> stat = StatFields(proc);
  if (stat.size() <= kResidentPages) return;
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  families->push_back(
      CounterOf("process_cpu_seconds_total", "Time on processors.",
                {{{}, (stat[kUserTicks] + stat[kSystemTicks]) / ticks}}));
  families->push_back(
      GaugeOf("process_threads", "Threads.", {{{}, stat[kThreads]}}));
  families->push_back(GaugeOf("process_resident_memory_bytes", "Memory in use.",
                              {{{}, stat[kResidentPages] * page}}));
  families->push_back(GaugeOf("process_virtual_memory_bytes",
                              "Memory that is mapped.",
                              {{{}, stat[kVirtualBytes]}}));
  families->push_back(
      GaugeOf("process_start_time_seconds", "When it was started, since 1970.",
              {{{}, BootTime(proc) + stat[kStartTicks] / ticks}}));
}

}  // namespace

Families ProcessFigures(const std::string& proc) {
  Families families;
  AddStat(proc, &families);
  std::error_code error;
  double open = 0;
  for (std::filesystem::directory_iterator it(proc + "/self/fd", error), end;
       !error && it != end; it.increment(error)) {
    ++open;
  }
  if (!error) {
    families.push_back(
        GaugeOf("process_open_fds", "Open descriptors.", {{{}, open}}));
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families.push_back(GaugeOf("process_max_fds",
                               "Descriptors that may be open.",
                               {{{}, static_cast<double>(limit.rlim_cur)}}));
  }
  return families;
}

}  // namespace ithaca::metrics
