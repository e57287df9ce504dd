#include "plugin/ucx/ucx_config.h"

#include <dirent.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "plugin/ucx/ucx_status.h"

namespace ithaca {
namespace {

// One packet of UCX: a chunk of 256 KiB with its heads (kMaxChunkBytes in
// ucx_rail.cc). Measured over loopback, 64 KiB costs a third of the throughput
// and 512 KiB gains nothing; UCX's own 8 KiB would cut every frame many times.
constexpr char kSegmentBytes[] = "257K";

bool IsSet(const std::string& name) { return getenv(name.c_str()) != nullptr; }

bool UserDecides(const UcxSetting& setting) {
  if (setting.fixed) return false;
  const std::string name = setting.name;
  if (IsSet(std::string(kUcxEnvPrefix) + "_UCX_" + name)) return true;
  return !setting.own_env_only && IsSet("UCX_" + name);
}

}  // namespace

std::string RdmaDevice(const std::string& sysfs, const std::string& name) {
  const std::string base = sysfs + "/class/net/" + name;
  DIR* const dir = opendir((base + "/device/infiniband").c_str());
  if (dir == nullptr) return "";
  std::vector<std::string> devices;
  while (const dirent* entry = readdir(dir))
    if (entry->d_name[0] != '.') devices.push_back(entry->d_name);
  closedir(dir);
  if (devices.empty()) return "";
  std::sort(devices.begin(), devices.end());
  int port = 0;  // sysfs counts from 0 here, verbs from 1
  std::ifstream(base + "/dev_port") >> port;
  return devices[0] + ":" + std::to_string(port + 1);
}

std::vector<UcxSetting> RailSettings(const std::string& interface,
                                     const std::string& rdma) {
  std::vector<UcxSetting> settings = {
      {"NET_DEVICES", rdma.empty() ? interface : rdma + "," + interface, true,
       false},
      {"TLS", rdma.empty() ? "tcp" : "rc,tcp", false, true},
      // A blocking connect() would stall the thread that serves every rail.
      {"TCP_CONN_NB", "y", true, false},
      // Fixed, because UCX aborts a process that is sent more than it takes.
      {"TCP_TX_SEG_SIZE", kSegmentBytes, true, false},
      {"TCP_RX_SEG_SIZE", kSegmentBytes, true, false},
      // No registration cache: it would patch mmap and munmap in the process.
      {"RCACHE_ENABLE", "n", true, false},
  };
  if (!rdma.empty()) {
    settings.push_back({"IB_REG_METHODS", "direct", true, false});
    // An adapter that reads user memory by itself cannot be stopped at once,
    // as Lane::Forget requires; so UCX copies into memory of its own there.
    settings.push_back({"ZCOPY_THRESH", "inf", true, false});
  }
  return settings;
}

std::string ModifyName(const std::string& name, unsigned minor) {
  if (minor >= 17) return name;
  for (const char* prefix : {"TCP_", "IB_"})
    if (name.rfind(prefix, 0) == 0) return name.substr(strlen(prefix));
  return name;
}

StatusOr<ucp_config_t*> ReadUcxConfig(const UcxApi& api,
                                      const std::vector<UcxSetting>& settings) {
  ucp_config_t* config = nullptr;
  const ucs_status_t read =
      api.ucp_config_read(kUcxEnvPrefix, nullptr, &config);
  if (read != UCS_OK)
    return UcxStatus(api, read, "UCX cannot read its configuration");
  unsigned major = 0, minor = 0, release = 0;
  api.ucp_get_version(&major, &minor, &release);
  for (const UcxSetting& setting : settings) {
    if (UserDecides(setting)) continue;
    const ucs_status_t status = api.ucp_config_modify(
        config, ModifyName(setting.name, minor).c_str(), setting.value.c_str());
    if (status == UCS_OK) continue;
    api.ucp_config_release(config);
    return UcxStatus(
        api, status,
        std::string("UCX refuses ") + setting.name + "=" + setting.value);
  }
  return config;
}

}  // namespace ithaca
