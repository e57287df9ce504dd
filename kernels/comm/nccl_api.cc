#include "kernels/comm/nccl_api.h"

#include <dlfcn.h>

#include <mutex>
#include <string>

#include "kernels/reference/error.h"

namespace ithaca::ulysses {
namespace {

// Finds all calls; the name of the first that is missing, or nullptr.
const char* FindAll(void* library, NcclApi* api) {
  const auto find = [&](const char* name, auto* function) {
    *reinterpret_cast<void**>(function) = dlsym(library, name);
    return *function != nullptr;
  };
  find("ncclAlltoAll", &api->all_to_all);
  find("ncclCommWindowRegister", &api->register_window);
  find("ncclGetLastError", &api->last_error);
  if (!find("ncclCommCount", &api->count)) return "ncclCommCount";
  if (!find("ncclCommUserRank", &api->user_rank)) return "ncclCommUserRank";
  if (!find("ncclCommGetAsyncError", &api->async_error))
    return "ncclCommGetAsyncError";
  if (!find("ncclGroupStart", &api->group_start)) return "ncclGroupStart";
  if (!find("ncclGroupEnd", &api->group_end)) return "ncclGroupEnd";
  if (!find("ncclSend", &api->send)) return "ncclSend";
  if (!find("ncclRecv", &api->recv)) return "ncclRecv";
  if (!find("ncclAllGather", &api->all_gather)) return "ncclAllGather";
  if (!find("ncclGetErrorString", &api->error_string))
    return "ncclGetErrorString";
  return nullptr;
}

}  // namespace

int32_t NcclApi::Get(const NcclApi** api, ithaca_ulysses_error* error) {
  static std::mutex mutex;
  static const NcclApi* opened = nullptr;
  const std::lock_guard<std::mutex> lock(mutex);
  if (opened == nullptr) {
    // The process's own, when there is one: the communicator is its.
    void* library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_NOLOAD);
    if (library == nullptr) library = dlopen("libnccl.so.2", RTLD_NOW);
    // Frameworks may have it linked in.
    if (library == nullptr) library = RTLD_DEFAULT;
    NcclApi found;
    if (const char* missing = FindAll(library, &found); missing != nullptr) {
      return Fail(error, ITHACA_ULYSSES_CARRIER_FAILED,
                  "%s; load NCCL 2.19 or newer (libnccl.so.2) into the process",
                  library == RTLD_DEFAULT
                      ? "there is no NCCL in this process"
                      : (std::string("this NCCL has no ") + missing).c_str());
    }
    opened = new NcclApi(found);
  }
  *api = opened;
  return ITHACA_ULYSSES_OK;
}

int32_t NcclApi::FailWith(const char* what, int result, void* comm,
                          ithaca_ulysses_error* error) const {
  const char* const last = last_error == nullptr ? "" : last_error(comm);
  return Fail(error, ITHACA_ULYSSES_CARRIER_FAILED, "%s: %s (%d)%s%s", what,
              error_string(result), result,
              last == nullptr || *last == '\0' ? "" : ": ",
              last == nullptr ? "" : last);
}

}  // namespace ithaca::ulysses
