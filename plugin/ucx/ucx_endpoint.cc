#include "plugin/ucx/ucx_endpoint.h"

#include "plugin/ucx/ucx_status.h"

namespace ithaca {

StatusOr<std::unique_ptr<UcxEndpoint>> UcxEndpoint::Connect(
    const UcxApi& api, ucp_worker_h worker, const std::string& address,
    EndpointListener* listener) {
  std::unique_ptr<UcxEndpoint> self(new UcxEndpoint(api, listener));
  ucp_ep_params_t params = {};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS |
                      UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(address.data());
  // Without this mode a dead peer goes unnoticed, and a close cannot be forced.
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.cb = &UcxEndpoint::OnError;
  params.err_handler.arg = self.get();
  const ucs_status_t status =
      api.ucp_ep_create(worker, &params, &self->endpoint_);
  if (status != UCS_OK) {
    self->endpoint_ = nullptr;
    return UcxStatus(api, status, "UCX cannot open an endpoint");
  }
  return self;
}

UcxEndpoint::~UcxEndpoint() = default;

void UcxEndpoint::OnError(void* self, ucp_ep_h, ucs_status_t status) {
  auto* const endpoint = static_cast<UcxEndpoint*>(self);
  endpoint->failed_ = true;
  if (endpoint->listener_ != nullptr)
    endpoint->listener_->OnEndpointError(status);
}

void UcxEndpoint::CloseWhenSent(int64_t deadline_ns) {
  Detach();
  deadline_ns_ = deadline_ns;
  if (endpoint_ == nullptr || request_ != nullptr) return;
  ucp_request_param_t param = {};
  void* const request = api_.ucp_ep_flush_nbx(endpoint_, &param);
  if (UCS_PTR_IS_PTR(request)) {
    request_ = request;
  } else {
    CloseNow();
  }
}

void UcxEndpoint::CloseNow() {
  Detach();
  if (endpoint_ == nullptr) return;
  if (request_ != nullptr) {  // the close below cancels the flush
    api_.ucp_request_free(request_);
    request_ = nullptr;
  }
  ucp_request_param_t param = {};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  param.flags = UCP_EP_CLOSE_FLAG_FORCE;
  void* const request = api_.ucp_ep_close_nbx(endpoint_, &param);
  endpoint_ = nullptr;
  if (UCS_PTR_IS_PTR(request)) request_ = request;
}

bool UcxEndpoint::PollClosed(int64_t now_ns) {
  if (request_ != nullptr) {
    const bool busy = api_.ucp_request_check_status(request_) == UCS_INPROGRESS;
    if (endpoint_ == nullptr) {
      if (busy) return false;
      api_.ucp_request_free(request_);
      request_ = nullptr;
    } else if (!busy || failed_ || now_ns >= deadline_ns_) {
      CloseNow();
    }
  }
  return closed();
}

}  // namespace ithaca
