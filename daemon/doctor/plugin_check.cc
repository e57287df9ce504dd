#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "daemon/doctor/checks.h"

namespace ithaca::doctor {
namespace {

constexpr char kFile[] = "libnccl-net-ithaca.so";
// What ithaca's plugin has; tests/conformance compares the library with its
// one list.
constexpr int kFirstNet = 6, kLastNet = 12, kFirstTuner = 2, kLastTuner = 6;

std::vector<std::string> Tables(const char* name, int first, int last) {
  std::vector<std::string> symbols;
  for (int v = first; v <= last; ++v) symbols.push_back(absl::StrCat(name, v));
  return symbols;
}

// The file or name that NCCL opens for NCCL_NET_PLUGIN's first entry: a path or
// a file as it is, else a name to put into "libnccl-net-NAME.so".
std::string FileOf(const std::string& plugin) {
  if (plugin.empty()) return "libnccl-net.so";
  if (absl::StrContains(plugin, '/') || absl::StrContains(plugin, ".so"))
    return plugin;
  return absl::StrCat("libnccl-net-", plugin, ".so");
}

void CheckTables(const Library& library, Report* report) {
  std::vector<std::string> missing;
  for (const auto& list :
       {Tables("ncclNetPlugin_v", kFirstNet, kLastNet),
        Tables("ncclTunerPlugin_v", kFirstTuner, kLastTuner)}) {
    for (const std::string& symbol : list) {
      if (library.symbols.count(symbol) == 0) missing.push_back(symbol);
    }
  }
  if (missing.empty()) {
    report->Ok(absl::StrCat(library.path, ": net v", kFirstNet, " to v",
                            kLastNet, ", tuner v", kFirstTuner, " to v",
                            kLastTuner));
    return;
  }
  report->Fail(
      absl::StrCat(library.path, " lacks ", absl::StrJoin(missing, ", ")),
      "it is of another version or another plugin: install this one's");
}

// Files of the same name on the way: the first one wins.
void CheckShadows(const std::vector<std::string>& folders, Report* report) {
  std::vector<std::string> copies;
  struct stat found {};
  for (const std::string& folder : folders) {
    const std::string path = absl::StrCat(folder, "/", kFile);
    if (stat(path.c_str(), &found) == 0 &&
        std::find(copies.begin(), copies.end(), path) == copies.end()) {
      copies.push_back(path);
    }
  }
  if (copies.size() > 1) {
    report->Warn(absl::StrCat("LD_LIBRARY_PATH has ", copies.size(),
                              " copies; NCCL takes ", copies[0],
                              " and never sees ", copies[1]),
                 "remove what is old, or set NCCL_NET_PLUGIN to the path");
  }
}

}  // namespace

Findings CheckPlugin(const Host& host) {
  Report report("plugin");
  const std::string setting = host.Env("NCCL_NET_PLUGIN");
  const std::string first =
      std::vector<std::string>(absl::StrSplit(setting, ','))[0];
  const std::vector<std::string> folders =
      SplitFolders(host.Env("LD_LIBRARY_PATH"));
  const bool ours = absl::StrContains(first, "ithaca");
  if (setting.empty()) {
    report.Warn("NCCL_NET_PLUGIN is not set, so NCCL does not load ithaca",
                "export NCCL_NET_PLUGIN=ithaca for jobs that should use it");
  } else if (!ours) {
    report.Warn(absl::StrCat("NCCL_NET_PLUGIN=", setting,
                             ": another plugin carries the traffic"),
                "export NCCL_NET_PLUGIN=ithaca");
  }
  std::vector<std::string> symbols =
      Tables("ncclNetPlugin_v", kFirstNet, kLastNet);
  for (auto& symbol : Tables("ncclTunerPlugin_v", kFirstTuner, kLastTuner))
    symbols.push_back(std::move(symbol));
  const std::string file = ours ? FileOf(first) : kFile;
  const Library library = host.load(file, folders, symbols);
  if (!library.error.empty()) {
    const std::string seen = absl::StrCat(file, ": ", library.error);
    const std::string remedy =
        "put its folder into LD_LIBRARY_PATH, or give the whole path in "
        "NCCL_NET_PLUGIN; NCCL itself only says so at NCCL_DEBUG=INFO";
    if (ours) {
      report.Fail(seen, remedy);
    } else {
      report.Warn(seen, remedy);
    }
    return report.Take();
  }
  CheckTables(library, &report);
  CheckShadows(folders, &report);
  return report.Take();
}

}  // namespace ithaca::doctor
