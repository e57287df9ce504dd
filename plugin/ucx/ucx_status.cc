#include "plugin/ucx/ucx_status.h"

namespace ithaca {

Code UcxCode(ucs_status_t status) {
  if (UCS_IS_LINK_ERROR(status) || UCS_IS_ENDPOINT_ERROR(status))
    return Code::kUnavailable;
  switch (status) {
    case UCS_ERR_NO_RESOURCE:
    case UCS_ERR_NO_MEMORY:
    case UCS_ERR_EXCEEDS_LIMIT:
    case UCS_ERR_BUSY:
      return Code::kResourceExhausted;
    case UCS_ERR_INVALID_PARAM:
    case UCS_ERR_INVALID_ADDR:
    case UCS_ERR_OUT_OF_RANGE:
      return Code::kInvalidArgument;
    case UCS_ERR_NO_ELEM:
    case UCS_ERR_NO_DEVICE:
      return Code::kNotFound;
    case UCS_ERR_IO_ERROR:
    case UCS_ERR_UNREACHABLE:
    case UCS_ERR_SOME_CONNECTS_FAILED:
    case UCS_ERR_CANCELED:
    case UCS_ERR_TIMED_OUT:
    case UCS_ERR_REJECTED:
    case UCS_ERR_NOT_CONNECTED:
    case UCS_ERR_CONNECTION_RESET:
      return Code::kUnavailable;
    case UCS_ERR_MESSAGE_TRUNCATED:
      return Code::kDataLoss;
    default:
      return Code::kInternal;
  }
}

Status UcxStatus(const UcxApi& api, ucs_status_t status,
                 const std::string& what) {
  if (!UCS_STATUS_IS_ERR(status)) return Status();
  return Errorf(UcxCode(status), "%s: %s", what.c_str(),
                api.ucs_status_string(status));
}

}  // namespace ithaca
