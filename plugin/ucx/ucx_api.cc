#include "plugin/ucx/ucx_api.h"

#include <dlfcn.h>

#include <cstdlib>

#include "plugin/ucx/signal_guard.h"

namespace ithaca {
namespace {

constexpr char kRemedy[] =
    "install libucx0 1.13 or newer, or set ITHACA_LANES=socket";

// Optional: both exist since UCX 1.4, and UCX works without our calling them.
using DisableSignals = void (*)();
using SetGlobalOption = ucs_status_t (*)(const char* name, const char* value);

// A UCX that only we use must not change how the process dies or what it
// prints. REQUIRES: this process's UCX was loaded by the caller.
void Quieten(void* ucs, LibraryOpener& opener) {
  const auto disable = reinterpret_cast<DisableSignals>(
      opener.Find(ucs, "ucs_debug_disable_signals"));
  if (disable != nullptr) disable();
  const auto set = reinterpret_cast<SetGlobalOption>(
      opener.Find(ucs, "ucs_global_opts_set_value"));
  if (set != nullptr && getenv("UCX_LOG_LEVEL") == nullptr)
    (void)set("LOG_LEVEL", "fatal");
}

Status CheckVersion(UcxApi* api, const std::string& path) {
  unsigned major = 0, minor = 0, release = 0;
  api->ucp_get_version(&major, &minor, &release);
  api->version = std::to_string(major) + "." + std::to_string(minor) + "." +
                 std::to_string(release);
  if (major == kUcxMajor && minor >= kMinUcxMinor) return Status();
  return Errorf(Code::kNotFound, "UCX %s in %s is not usable: %s",
                api->version.c_str(), path.c_str(), kRemedy);
}

template <typename Function>
Status Bind(LibraryOpener& opener, void* library, const char* name,
            Function* function) {
  *function = reinterpret_cast<Function>(opener.Find(library, name));
  if (*function != nullptr) return Status();
  return Errorf(Code::kNotFound, "UCX has no function %s: %s", name, kRemedy);
}

StatusOr<void*> OpenOne(LibraryOpener& opener, const std::string& path) {
  std::string error;
  void* library = opener.Open(path.c_str(), &error);
  if (library != nullptr) return library;
  return Errorf(Code::kNotFound, "cannot open UCX (%s): %s", error.c_str(),
                kRemedy);
}

}  // namespace

bool LibraryOpener::IsOpen(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  if (library != nullptr) dlclose(library);  // gives back the reference only
  return library != nullptr;
}

void* LibraryOpener::Open(const char* path, std::string* error) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    *error = why != nullptr ? why : path;
  }
  return library;
}

void* LibraryOpener::Find(void* library, const char* symbol) {
  return dlsym(library, symbol);
}

StatusOr<UcxApi> LoadUcx(const UcxLibraries& libraries, LibraryOpener& opener) {
  const bool ours = !opener.IsOpen(libraries.ucs.c_str());
  SignalGuard guard;  // puts back what loading changes
  if (!ours) guard.Dismiss();
  StatusOr<void*> ucs = OpenOne(opener, libraries.ucs);
  if (!ucs.ok()) return ucs.status();
  StatusOr<void*> ucp = OpenOne(opener, libraries.ucp);
  if (!ucp.ok()) return ucp.status();
  if (ours) Quieten(*ucs, opener);

  UcxApi api;
  ITHACA_RETURN_IF_ERROR(
      Bind(opener, *ucp, "ucp_get_version", &api.ucp_get_version));
  ITHACA_RETURN_IF_ERROR(CheckVersion(&api, libraries.ucp));
#define ITHACA_UCX_BIND_UCP(name) \
  ITHACA_RETURN_IF_ERROR(Bind(opener, *ucp, #name, &api.name));
#define ITHACA_UCX_BIND_UCS(name) \
  ITHACA_RETURN_IF_ERROR(Bind(opener, *ucs, #name, &api.name));
  ITHACA_UCP_FUNCTIONS(ITHACA_UCX_BIND_UCP)
  ITHACA_UCS_FUNCTIONS(ITHACA_UCX_BIND_UCS)
#undef ITHACA_UCX_BIND_UCP
#undef ITHACA_UCX_BIND_UCS
  return api;
}

StatusOr<UcxApi> LoadUcx(const UcxLibraries& libraries) {
  LibraryOpener opener;
  return LoadUcx(libraries, opener);
}

}  // namespace ithaca
