// The border between our statuses and NCCL's results.
#ifndef ITHACA_PLUGIN_NET_RESULT_H_
#define ITHACA_PLUGIN_NET_RESULT_H_

#include "plugin/abi/common.h"
#include "plugin/core/status.h"

namespace ithaca::net {

// Any result but kSuccess makes NCCL abort the communicator; which one decides
// what its user is told: to look at the machine, at his call, or at the peer.
inline abi::Result ToResult(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return abi::Result::kSuccess;
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
      return abi::Result::kInvalidUsage;
    case Code::kNotFound:
    case Code::kResourceExhausted:
      return abi::Result::kSystemError;
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
    case Code::kDataLoss:
      return abi::Result::kRemoteError;
    case Code::kInternal:
      return abi::Result::kInternalError;
  }
  return abi::Result::kInternalError;
}

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_RESULT_H_
