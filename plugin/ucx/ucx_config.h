// How this folder configures UCX for a rail: a list of settings, applied with
// ucp_config_modify so that the environment is not touched.
//
// Who wins, first to last: what the lanes rely on (`fixed`); the variable
// ITHACANET_UCX_<NAME>; the variable UCX_<NAME>; our default; UCX's default.
// The prefix is not ITHACA_UCX_, because an ITHACA_ variable that the plugin
// does not know is an error.
//
// Reads the environment; thread-safe while nobody changes it.
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
  bool fixed;  // no variable changes it
};

std::vector<UcxSetting> RailSettings(const std::string& interface);

// What ucp_config_modify calls `name` in UCX 1.<minor>: before 1.17 it knows
// transports' settings without their prefix ("CONN_NB" for "TCP_CONN_NB").
std::string ModifyName(const std::string& name, unsigned minor);

// Reads UCX's configuration and applies `settings`. The caller releases it.
StatusOr<ucp_config_t*> ReadUcxConfig(const UcxApi& api,
                                      const std::vector<UcxSetting>& settings);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_CONFIG_H_
