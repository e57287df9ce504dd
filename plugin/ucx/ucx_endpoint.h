// One UCX endpoint: a one-way path to a peer's rail.
//
// Owned by a UcxLane while open; handed to its UcxRail to be closed, which UCX
// finishes in the background.
// Threads: confined to the engine's lock, like everything from here to the
// backend.
#ifndef ITHACA_PLUGIN_UCX_UCX_ENDPOINT_H_
#define ITHACA_PLUGIN_UCX_UCX_ENDPOINT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "plugin/core/status.h"
#include "plugin/ucx/ucx_api.h"

namespace ithaca {

// Hears that UCX gave an endpoint up. Called from inside UCX: may only take a
// note.
class EndpointListener {
 public:
  virtual ~EndpointListener() = default;
  virtual void OnEndpointError(ucs_status_t status) = 0;
};

class UcxEndpoint {
 public:
  // Starts to connect `worker` to the worker behind `address` (UCX's form).
  // Never waits; what fails later comes through `listener`, which may be null.
  static StatusOr<std::unique_ptr<UcxEndpoint>> Connect(
      const UcxApi& api, ucp_worker_h worker, const std::string& address,
      EndpointListener* listener);

  // REQUIRES: closed() (else UCX would call back into freed memory).
  ~UcxEndpoint();

  ucp_ep_h handle() const { return endpoint_; }
  bool failed() const { return failed_; }

  // No calls to the listener any more.
  void Detach() { listener_ = nullptr; }

  // Close once everything sent is with the network, at `deadline_ns` at the
  // latest (monotonic).
  void CloseWhenSent(int64_t deadline_ns);

  // Drops what UCX still holds and closes. When it returns, UCX reads no memory
  // of any send on this endpoint (on rails where UCX copies, or hands memory to
  // the kernel's sockets; see UcxRail).
  void CloseNow();

  // Moves a close on. True when UCX knows this object no more.
  bool PollClosed(int64_t now_ns);
  bool closed() const { return endpoint_ == nullptr && request_ == nullptr; }

 private:
  UcxEndpoint(const UcxApi& api, EndpointListener* listener)
      : api_(api), listener_(listener) {}
  static void OnError(void* self, ucp_ep_h, ucs_status_t status);

  const UcxApi& api_;
  EndpointListener* listener_;
  ucp_ep_h endpoint_ = nullptr;
  void* request_ = nullptr;  // of the flush, then of the close
  int64_t deadline_ns_ = 0;
  bool failed_ = false;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_ENDPOINT_H_
