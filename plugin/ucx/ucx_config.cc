#include "plugin/ucx/ucx_config.h"

#include <cstdlib>
#include <cstring>

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
  const std::string name = std::string("UCX_") + setting.name;
  return IsSet(std::string(kUcxEnvPrefix) + "_" + name) || IsSet(name);
}

}  // namespace

std::vector<UcxSetting> RailSettings(const std::string& interface) {
  return {
      {"NET_DEVICES", interface, true},
      {"TLS", "tcp", true},
      // UcxPath needs UCX's older way of choosing how to send, in which TCP
      // takes a message of a whole packet "short": at once or not at all.
      {"PROTO_ENABLE", "n", true},
      {"ZCOPY_THRESH", "auto", true},
      {"RNDV_THRESH", "inf", true},
      // UCX would leave an interface without endpoints of its own, such as the
      // receiving worker's, to its thread: a third of the speed.
      {"ADAPTIVE_PROGRESS", "n", true},
      // A blocking connect() would stall the thread that serves every rail.
      {"TCP_CONN_NB", "y", true},
      // Fixed, because UCX aborts a process that is sent more than it takes.
      {"TCP_TX_SEG_SIZE", kSegmentBytes, true},
      {"TCP_RX_SEG_SIZE", kSegmentBytes, true},
      // No registration cache: it would patch mmap and munmap in the process.
      {"RCACHE_ENABLE", "n", true},
  };
}

std::string ModifyName(const std::string& name, unsigned minor) {
  if (minor >= 17) return name;
  return name.rfind("TCP_", 0) == 0 ? name.substr(strlen("TCP_")) : name;
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
