#include "plugin/driver/net_plugin.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace ithaca::driver {
namespace {

// Newer than any version there is, so that errors can name what a library has.
constexpr int kProbedVersions = 24;

void* FindTable(void* library, const char* kind, int version) {
  const std::string symbol =
      std::string("nccl") + kind + "Plugin_v" + std::to_string(version);
  return dlsym(library, symbol.c_str());
}

std::vector<int> FindVersions(void* library, const char* kind) {
  std::vector<int> found;
  for (int v = kProbedVersions; v > 0; --v) {
    if (FindTable(library, kind, v) != nullptr) found.push_back(v);
  }
  return found;
}

std::string Describe(void* library) {
  std::string text;
  for (const char* kind : {"Net", "CollNet", "Tuner", "Profiler"}) {
    for (int v : FindVersions(library, kind)) {
      text += text.empty() ? "" : ", ";
      text += std::string("nccl") + kind + "Plugin_v" + std::to_string(v);
    }
  }
  return text.empty() ? "no NCCL plugin symbol at all" : text;
}

Status OpenError(const std::string& path) {
  const char* error = dlerror();
  struct stat info;
  if (path.find('/') != path.npos && stat(path.c_str(), &info) != 0) {
    return Errorf(Code::kNotFound, "there is no plugin file %s", path.c_str());
  }
  return Errorf(Code::kFailedPrecondition, "cannot load the plugin: %s",
                error == nullptr ? path.c_str() : error);
}

// The version to use, or 0: `wanted`, or the newest one that we can widen.
int Choose(const std::vector<int>& found, int wanted) {
  for (int known : KnownNetVersions()) {
    if (wanted != 0 && known != wanted) continue;
    if (std::count(found.begin(), found.end(), known) > 0) return known;
  }
  return 0;
}

// What the failure ends, from the plugin's point of view; see plugin/abi.
Code ToCode(abi::Result result) {
  switch (result) {
    case abi::Result::kRemoteError:
      return Code::kUnavailable;
    case abi::Result::kInvalidArgument:
    case abi::Result::kInvalidUsage:
      return Code::kFailedPrecondition;
    default:
      return Code::kInternal;
  }
}

}  // namespace

const char* ResultName(abi::Result result) {
  switch (result) {
    case abi::Result::kSuccess:
      return "ncclSuccess";
    case abi::Result::kUnhandledCudaError:
      return "ncclUnhandledCudaError";
    case abi::Result::kSystemError:
      return "ncclSystemError";
    case abi::Result::kInternalError:
      return "ncclInternalError";
    case abi::Result::kInvalidArgument:
      return "ncclInvalidArgument";
    case abi::Result::kInvalidUsage:
      return "ncclInvalidUsage";
    case abi::Result::kRemoteError:
      return "ncclRemoteError";
    case abi::Result::kInProgress:
      return "ncclInProgress";
  }
  return "no result that NCCL defines";
}

StatusOr<std::shared_ptr<NetPlugin>> NetPlugin::Load(
    const std::string& path, const NetPluginOptions& options) {
  auto log = PluginLog::Create(options.log);
  if (!log.ok()) return log.status();
  std::shared_ptr<NetPlugin> plugin(new NetPlugin);
  plugin->path_ = path;
  plugin->log_ = std::move(*log);
  plugin->library_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (plugin->library_ == nullptr) return OpenError(path);
  plugin->abi_versions_ = FindVersions(plugin->library_, "Net");
  const int version = Choose(plugin->abi_versions_, options.abi_version);
  if (version == 0) {
    const std::string wanted =
        options.abi_version == 0
            ? "a net plugin of version 6 to 12"
            : "ncclNetPlugin_v" + std::to_string(options.abi_version);
    return Errorf(Code::kNotFound, "%s does not export %s; it has %s",
                  path.c_str(), wanted.c_str(),
                  Describe(plugin->library_).c_str());
  }
  plugin->abi_version_ = version;
  plugin->api_ =
      WidenNetApi(version, FindTable(plugin->library_, "Net", version));
  return plugin;
}

NetPlugin::~NetPlugin() {
  api_.reset();
  if (library_ != nullptr) dlclose(library_);
}

Status NetPlugin::Check(abi::Result result, const std::string& what) const {
  if (result == abi::Result::kSuccess) return Status();
  const std::string warning = log_->LastWarning();
  return Errorf(ToCode(result), "%s: %s (%d)%s%s", what.c_str(),
                ResultName(result), static_cast<int>(result),
                warning.empty() ? "; the plugin logged no warning" : ": ",
                warning.c_str());
}

StatusOr<std::unique_ptr<NetContext>> NetContext::Open(
    std::shared_ptr<NetPlugin> plugin, uint64_t comm_id) {
  void* ctx = nullptr;
  abi::NetCommConfigV12 config = {abi::kUndefined};
  NetApi& api = plugin->api();
  const abi::Result result =
      api.Init(&ctx, comm_id, &config, plugin->log().logger());
  if (result != abi::Result::kSuccess) {
    Status status = plugin->Check(result, "init of " + plugin->path());
    if (plugin->abi_version() >= 11) (void)api.Finalize(ctx);
    return status;
  }
  return std::unique_ptr<NetContext>(new NetContext(std::move(plugin), ctx));
}

NetContext::~NetContext() { (void)api().Finalize(ctx_); }

StatusOr<int> NetContext::DeviceCount() const {
  int count = 0;
  ITHACA_RETURN_IF_ERROR(plugin_->Check(api().Devices(&count), "devices"));
  if (count > 0) return count;
  return Errorf(Code::kNotFound,
                "the plugin \"%s\" has no device on this machine: %s",
                plugin_->name().c_str(), plugin_->log().LastWarning().c_str());
}

StatusOr<abi::NetPropertiesV12> NetContext::Properties(int device) const {
  abi::NetPropertiesV12 props = {};
  ITHACA_RETURN_IF_ERROR(
      plugin_->Check(api().GetProperties(device, &props), "getProperties"));
  if (props.name == nullptr) {
    return Errorf(Code::kFailedPrecondition, "device %d has no name", device);
  }
  if (props.maxP2pBytes == 0 || props.maxP2pBytes > abi::kMaxNetBytes) {
    return Errorf(Code::kFailedPrecondition,
                  "device %d (%s) has maxP2pBytes %zu; NCCL takes 1 to %zu",
                  device, props.name, props.maxP2pBytes, abi::kMaxNetBytes);
  }
  return props;
}

}  // namespace ithaca::driver
