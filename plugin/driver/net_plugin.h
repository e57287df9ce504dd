// A net plugin library, loaded the way NCCL loads it, and contexts of it.
//
//   auto plugin = NetPlugin::Load("/usr/lib/libnccl-net-x.so", {});
//   if (!plugin.ok()) ...  // says whether the file, a library it needs, or the
//                          // ABI version is missing, and what there is instead
//   auto context = NetContext::Open(*plugin, comm_id);
//
// Environment defaults (NCCL_NET and the like) are the caller's to set, before
// Load. Threads: NetPlugin is immutable once loaded; a NetContext may be used
// by several threads at once, as NCCL does. Life cycle: a context keeps its
// plugin alive; the library is closed with the last of them.
#ifndef ITHACA_PLUGIN_DRIVER_NET_PLUGIN_H_
#define ITHACA_PLUGIN_DRIVER_NET_PLUGIN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/log.h"
#include "plugin/core/status.h"
#include "plugin/driver/net_api.h"
#include "plugin/driver/plugin_log.h"

namespace ithaca::driver {

struct NetPluginOptions {
  // 6 to 12; 0 takes the newest that the library has, as NCCL does.
  int abi_version = 0;
  // Gets every line that the plugin logs. May be null; else outlives all.
  LogSink* log = nullptr;
};

class NetPlugin {
 public:
  // `path` goes to dlopen as it is: with a slash it is a file, without one the
  // loader searches. Errors: kNotFound (no file, no symbol),
  // kFailedPrecondition (a file that is no loadable library).
  static StatusOr<std::shared_ptr<NetPlugin>> Load(
      const std::string& path, const NetPluginOptions& options);
  ~NetPlugin();

  NetPlugin(const NetPlugin&) = delete;
  NetPlugin& operator=(const NetPlugin&) = delete;

  std::string name() const { return api_->Name(); }
  const std::string& path() const { return path_; }
  int abi_version() const { return abi_version_; }
  // Every net ABI version that the library exports, newest first.
  const std::vector<int>& abi_versions() const { return abi_versions_; }

  NetApi& api() const { return *api_; }
  PluginLog& log() const { return *log_; }

  // kSuccess: OK. Else "<what>: ncclSystemError (2): <the plugin's last WARN>".
  Status Check(abi::Result result, const std::string& what) const;

 private:
  NetPlugin() = default;

  std::string path_;
  std::vector<int> abi_versions_;
  int abi_version_ = 0;
  std::unique_ptr<PluginLog> log_;
  void* library_ = nullptr;
  std::unique_ptr<NetApi> api_;
};

// One initialisation of the plugin: NCCL makes one per communicator.
class NetContext {
 public:
  // `comm_id` is equal on all ranks of a communicator. On failure finalize is
  // called too, as NCCL 2.28 does.
  static StatusOr<std::unique_ptr<NetContext>> Open(
      std::shared_ptr<NetPlugin> plugin, uint64_t comm_id);
  ~NetContext();

  NetContext(const NetContext&) = delete;
  NetContext& operator=(const NetContext&) = delete;

  // Error: kNotFound when the plugin has no device at all.
  StatusOr<int> DeviceCount() const;
  // Checks what NCCL checks: a name, and maxP2pBytes in its legal range.
  StatusOr<abi::NetPropertiesV12> Properties(int device) const;

  NetPlugin& plugin() const { return *plugin_; }
  NetApi& api() const { return plugin_->api(); }
  void* ctx() const { return ctx_; }

 private:
  NetContext(std::shared_ptr<NetPlugin> plugin, void* ctx)
      : plugin_(std::move(plugin)), ctx_(ctx) {}

  // Shared by the contexts: the library closes with the last one.
  const std::shared_ptr<NetPlugin> plugin_;
  void* const ctx_;
};

// "ncclSystemError".
const char* ResultName(abi::Result result);

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_NET_PLUGIN_H_
