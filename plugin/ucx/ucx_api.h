// UCX's C functions, found at run time.
//
// The plugin is dropped into containers that may lack UCX, so nothing links it:
// LoadUcx() opens libucp and fills this table, whose fields are named like the
// functions. Used by everything in this folder; tests fill a table with fakes.
//
// Threads: LoadUcx() may be called from any thread; a table is immutable then.
// Life cycle: the library is never closed (it starts a thread of its own), so a
// table is valid until the process ends.
#ifndef ITHACA_PLUGIN_UCX_UCX_API_H_
#define ITHACA_PLUGIN_UCX_UCX_API_H_

#include <ucp/api/ucp.h>

#include <string>

#include "plugin/core/status.h"
#include "plugin/ucx/library_opener.h"

namespace ithaca {

// What this folder was written against; older ones lack calls that it makes.
inline constexpr unsigned kUcxMajor = 1;
inline constexpr unsigned kMinUcxMinor = 13;

// Every function that this folder calls. X(name).
// clang-format off
#define ITHACA_UCP_FUNCTIONS(X) \
  X(ucp_get_version) \
  X(ucp_config_read) \
  X(ucp_config_modify) \
  X(ucp_config_release) \
  X(ucp_init_version) \
  X(ucp_cleanup) \
  X(ucp_worker_create) \
  X(ucp_worker_destroy) \
  X(ucp_worker_query) \
  X(ucp_worker_get_address) \
  X(ucp_worker_release_address) \
  X(ucp_worker_progress) \
  X(ucp_worker_flush_nbx) \
  X(ucp_worker_set_am_recv_handler) \
  X(ucp_ep_create) \
  X(ucp_ep_close_nbx) \
  X(ucp_ep_flush_nbx) \
  X(ucp_am_send_nbx) \
  X(ucp_request_check_status) \
  X(ucp_request_free)
// clang-format on

#define ITHACA_UCS_FUNCTIONS(X) X(ucs_status_string)

struct UcxApi {
#define ITHACA_UCX_FIELD(name) decltype(&::name) name = nullptr;
  ITHACA_UCP_FUNCTIONS(ITHACA_UCX_FIELD)
  ITHACA_UCS_FUNCTIONS(ITHACA_UCX_FIELD)
#undef ITHACA_UCX_FIELD
  // "1.13.1", for logs.
  std::string version;
};

struct UcxLibraries {
  std::string ucp = "libucp.so.0";
  std::string ucs = "libucs.so.0";
  std::string ucm = "libucm.so.0";
};

// NOT_FOUND with the remedy when UCX is absent, too old, or lacks a function.
//
// A UCX that this call brings into the process is kept from changing it: UCX
// would patch the code of mmap and its like under running threads, install
// handlers for crashes and SIGHUP, and print. Here its memory hooks stay off
// (ucx_load_guard.h), the handlers are taken out again, and it prints fatal
// errors only, unless UCX_LOG_LEVEL is set; other errors come back as a Status.
// A UCX that somebody else loaded keeps the settings of its owner.
StatusOr<UcxApi> LoadUcx(const UcxLibraries& libraries = {});
StatusOr<UcxApi> LoadUcx(const UcxLibraries& libraries, LibraryOpener& opener);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_API_H_
