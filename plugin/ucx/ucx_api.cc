#include "plugin/ucx/ucx_api.h"

#include "plugin/ucx/signal_guard.h"
#include "plugin/ucx/ucx_load_guard.h"

namespace ithaca {
namespace {

constexpr char kRemedy[] =
    "install libucx0 1.13 or newer, or set ITHACA_LANES=socket";

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
  void* library = opener.Open(path, Binding::kNow, &error);
  if (library != nullptr) return library;
  return Errorf(Code::kNotFound, "cannot open UCX (%s): %s", error.c_str(),
                kRemedy);
}

}  // namespace

StatusOr<UcxApi> LoadUcx(const UcxLibraries& libraries, LibraryOpener& opener) {
  const bool ours =
      !opener.IsOpen(libraries.ucs) && !opener.IsOpen(libraries.ucm);
  SignalGuard guard;  // puts back what loading changes
  if (!ours) guard.Dismiss();
  if (ours) {
    const Status disarmed = DisarmMemoryHooks(libraries.ucm, opener);
    if (disarmed.code() == Code::kNotFound)
      return Errorf(Code::kNotFound, "%s: %s", disarmed.message().c_str(),
                    kRemedy);
    ITHACA_RETURN_IF_ERROR(disarmed);
  }
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
