// The one border between UCX's status codes and ours. Thread-safe.
#ifndef ITHACA_PLUGIN_UCX_UCX_STATUS_H_
#define ITHACA_PLUGIN_UCX_UCX_STATUS_H_

#include <string>

#include "plugin/core/status.h"
#include "plugin/ucx/ucx_api.h"

namespace ithaca {

// What `status` ends, by UCX's own grouping (ucs/type/status.h): anything that
// says "this peer or link" is UNAVAILABLE. REQUIRES: UCS_STATUS_IS_ERR(status).
Code UcxCode(ucs_status_t status);

// OK for UCS_OK, else "<what>: <UCX's words>".
Status UcxStatus(const UcxApi& api, ucs_status_t status,
                 const std::string& what);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_STATUS_H_
