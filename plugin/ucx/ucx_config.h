// How this folder configures UCX for a rail: a list of settings, applied with
// ucp_config_modify so that the environment is not touched.
//
// Who wins, first to last: what a lane's correctness needs (`fixed`); the
// variable ITHACANET_UCX_<NAME>; the variable UCX_<NAME>, except for TLS and
// NET_DEVICES, which users set for MPI; our default; UCX's default. The prefix
// is not ITHACA_UCX_, because an ITHACA_ variable that the plugin does not know
// is an error.
//
// Pure but for reading sysfs and the environment; thread-safe.
#ifndef ITHACA_PLUGIN_UCX_UCX_CONFIG_H_
#define ITHACA_PLUGIN_UCX_UCX_CONFIG_H_

#include <string>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/ucx/ucx_api.h"

namespace ithaca {

inline constexpr char kUcxEnvPrefix[] = "ITHACANET";

struct UcxSetting {
  const char* name;  // without UCX_
  std::string value;
  bool fixed;         // not even ITHACANET_UCX_<NAME> changes it
  bool own_env_only;  // UCX_<NAME> does not change it
};

// The RDMA device and port that belong to interface `name`, "mlx5_0:1", or
// empty. Reads <sysfs>/class/net/<name>; `sysfs` is "/sys" but in tests.
std::string RdmaDevice(const std::string& sysfs, const std::string& name);

// REQUIRES: `rdma` is RdmaDevice()'s answer for `interface`.
std::vector<UcxSetting> RailSettings(const std::string& interface,
                                     const std::string& rdma);

// What ucp_config_modify calls `name` in UCX 1.<minor>: before 1.17 it knows
// transports' settings without their prefix ("CONN_NB" for "TCP_CONN_NB").
std::string ModifyName(const std::string& name, unsigned minor);

// Reads UCX's configuration and applies `settings`. The caller releases it.
StatusOr<ucp_config_t*> ReadUcxConfig(const UcxApi& api,
                                      const std::vector<UcxSetting>& settings);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_CONFIG_H_
