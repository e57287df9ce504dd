#include "plugin/ucx/ucx_load_guard.h"

#include <ucs/config/types.h>
#include <ucs/type/status.h>

#include <cstdlib>

namespace ithaca {
namespace {

// How ucm_global_opts begins; the rest differs between versions.
struct UcmOptions {
  ucs_log_level_t log_level;
  int enable_events;
};

bool LooksFamiliar(const UcmOptions& options) {
  return options.log_level == UCS_LOG_LEVEL_WARN &&
         (options.enable_events == 1 || options.enable_events == 0);
}

Status CannotDisarm(const std::string& why) {
  return Errorf(
      Code::kFailedPrecondition,
      "UCX would patch this process's memory calls and cannot be kept "
      "from it (%s): set UCX_MEM_EVENTS=n or ITHACA_LANES=socket",
      why.c_str());
}

using InitialiseUcm = void (*)();
using DisableSignals = void (*)();
using SetGlobalOption = ucs_status_t (*)(const char* name, const char* value);

}  // namespace

Status DisarmMemoryHooks(const std::string& libucm, LibraryOpener& opener) {
  if (getenv("UCX_MEM_EVENTS") != nullptr) return Status();
  std::string error;
  // Late, because libucm needs functions of libucs, which is not here yet.
  void* const ucm = opener.Open(libucm, Binding::kLate, &error);
  if (ucm == nullptr)
    return error.find("undefined symbol") == std::string::npos
               ? Errorf(Code::kNotFound, "cannot open UCX (%s)", error.c_str())
               : CannotDisarm(error);
  auto* const options =
      static_cast<UcmOptions*>(opener.Find(ucm, "ucm_global_opts"));
  const auto initialise =
      reinterpret_cast<InitialiseUcm>(opener.Find(ucm, "ucm_library_init"));
  if (options == nullptr || initialise == nullptr || !LooksFamiliar(*options))
    return CannotDisarm(libucm + " is laid out in an unknown way");
  options->enable_events = 0;
  initialise();
  return Status();
}

void Quieten(void* ucs, LibraryOpener& opener) {
  const auto disable = reinterpret_cast<DisableSignals>(
      opener.Find(ucs, "ucs_debug_disable_signals"));
  if (disable != nullptr) disable();
  const auto set = reinterpret_cast<SetGlobalOption>(
      opener.Find(ucs, "ucs_global_opts_set_value"));
  if (set == nullptr) return;
  if (getenv("UCX_LOG_LEVEL") == nullptr) (void)set("LOG_LEVEL", "fatal");
  // It would switch the memory hooks on again where UCX knows CUDA; lanes say
  // of all memory that it is the host's.
  if (getenv("UCX_MEMTYPE_CACHE") == nullptr) (void)set("MEMTYPE_CACHE", "n");
}

}  // namespace ithaca
