#include <algorithm>
#include <cstdint>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/doctor/checks.h"

namespace ithaca::doctor {
namespace {

#include "daemon/doctor/known_nccl_variables.inc"

using Variables = std::map<std::string, std::string>;

// What the profiler's and the inspector's plugins read is theirs.
constexpr const char* kForeignPrefixes[] = {
    "NCCL_PROFILE", "NCCL_INSPECTOR_", "NCCL_TESTS_", "NCCL_OFI_",
    "NCCL_IB_",     "NCCL_UCX_",       "NCCL_SHARP_", "NCCL_GPUDIRECTTCPX_",
    "NCCL_FASTRAK_"};

// NAME=VALUE lines; what is set already wins.
void AddFile(const Host& host, const std::string& path, Variables* variables) {
  const auto text = host.Read(path);
  if (!text.has_value()) return;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (absl::StartsWith(line, "#")) continue;
    const std::pair<std::string, std::string> pair =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    if (absl::StartsWith(pair.first, "NCCL_")) variables->insert(pair);
  }
}

// In NCCL's order: the environment, the user's file, the system's.
Variables Collect(const Host& host) {
  Variables variables;
  for (const auto& [name, value] : host.environment) {
    if (absl::StartsWith(name, "NCCL_")) variables[name] = value;
  }
  const std::string file = host.Env("NCCL_CONF_FILE");
  AddFile(host, file.empty() ? host.Env("HOME") + "/.nccl.conf" : file,
          &variables);
  AddFile(host, "/etc/nccl.conf", &variables);
  return variables;
}

size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t corner = row[0]++;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
      corner = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

void CheckNames(const Variables& variables, Report* report) {
  const std::set<std::string> known(std::begin(kKnown), std::end(kKnown));
  for (const auto& [name, value] : variables) {
    const bool foreign = std::any_of(
        std::begin(kForeignPrefixes), std::end(kForeignPrefixes),
        [&n = name](const char* p) { return absl::StartsWith(n, p); });
    if (foreign || known.count(name) != 0) continue;
    const std::string& nearest = *std::min_element(
        known.begin(), known.end(),
        [&n = name](const std::string& a, const std::string& b) {
          return Distance(n, a) < Distance(n, b);
        });
    report->Warn(name + " is not known: NCCL ignores it without a word",
                 Distance(name, nearest) <= 4
                     ? absl::StrCat("did you mean ", nearest, "?")
                     : "unset it");
  }
}

int64_t Number(const Variables& variables, const char* name, int64_t unset) {
  const auto found = variables.find(name);
  int64_t number = 0;
  if (found == variables.end() || !absl::SimpleAtoi(found->second, &number))
    return unset;
  return number;
}

// A number that is wanted within bounds, for all-to-all.
struct Bound {
  const char* name;
  int64_t low, high;
  const char* harm;
  bool fatal;
};

constexpr int64_t kAny = INT64_MAX;
constexpr Bound kBounds[] = {
    {"NCCL_P2P_NET_CHUNKSIZE", 131072, kAny,
     "small pieces cost all-to-all its bandwidth", false},
    {"NCCL_BUFFSIZE", 1048576, kAny,
     "a small buffer leaves too little in flight for all-to-all", false},
    {"NCCL_MAX_P2P_NCHANNELS", 2, kAny, "one channel carries all of all-to-all",
     false},
    {"NCCL_P2P_DISABLE", 0, 0, "GPUs of one node talk over the network", false},
    {"NCCL_SHM_DISABLE", 0, 0, "ranks of one node talk over the network",
     false},
    {"NCCL_COMM_BLOCKING", -1, 1, "is 0 or 1", true},
};

void CheckHarm(const Variables& variables, Report* report) {
  for (const Bound& bound : kBounds) {
    const auto found = variables.find(bound.name);
    if (found == variables.end()) continue;
    int64_t number = 0;
    const std::string seen = absl::StrCat(bound.name, "=", found->second);
    if (!absl::SimpleAtoi(found->second, &number)) {
      report->Warn(seen + " is not a number", "correct or unset it");
    } else if (number < bound.low || number > bound.high) {
      const std::string text = absl::StrCat(seen, ": ", bound.harm);
      if (bound.fatal) {
        report->Fail(text, "correct or unset it");
      } else {
        report->Warn(text, "unset it unless it was measured to help");
      }
    }
  }
}

void CheckNet(const Variables& variables, Report* report) {
  const auto net = variables.find("NCCL_NET");
  const auto plugin = variables.find("NCCL_NET_PLUGIN");
  const bool ours =
      plugin != variables.end() && absl::StrContains(plugin->second, "ithaca");
  if (ours && net != variables.end() &&
      !absl::EqualsIgnoreCase(net->second, "ithaca")) {
    report->Fail(absl::StrCat("NCCL_NET=", net->second,
                              " forbids the network that "
                              "NCCL_NET_PLUGIN=",
                              plugin->second, " brings"),
                 "unset NCCL_NET");
  }
  if (ours && plugin->second.find("none") != std::string::npos) {
    report->Fail("NCCL_NET_PLUGIN has both none and ithaca",
                 "export NCCL_NET_PLUGIN=ithaca");
  }
}

}  // namespace

Findings CheckNcclVariables(const Host& host) {
  Report report("nccl variables");
  const Variables variables = Collect(host);
  CheckNames(variables, &report);
  CheckHarm(variables, &report);
  CheckNet(variables, &report);
  for (const auto& [low, high] :
       {std::pair{"NCCL_MIN_P2P_NCHANNELS", "NCCL_MAX_P2P_NCHANNELS"},
        std::pair{"NCCL_MIN_NCHANNELS", "NCCL_MAX_NCHANNELS"},
        std::pair{"NCCL_MIN_CTAS", "NCCL_MAX_CTAS"}}) {
    if (Number(variables, low, 0) > Number(variables, high, kAny)) {
      report.Fail(absl::StrCat(low, " is larger than ", high),
                  "unset one of them");
    }
  }
  const auto ifname = variables.find("NCCL_SOCKET_IFNAME");
  if (ifname != variables.end() &&
      (ifname->second == "lo" || ifname->second == "=lo")) {
    report.Warn("NCCL_SOCKET_IFNAME=" + ifname->second +
                    ": other hosts cannot be reached",
                "unset it, but for tests on one host");
  }
  if (report.empty())
    report.Ok(variables.empty() ? "none is set"
                                : absl::StrCat(variables.size(),
                                               " set, nothing against them"));
  return report.Take();
}

}  // namespace ithaca::doctor
