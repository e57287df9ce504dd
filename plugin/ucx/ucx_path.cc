#include "plugin/ucx/ucx_path.h"

#include <algorithm>

#include "plugin/ucx/ucx_status.h"

namespace ithaca {

StatusOr<std::unique_ptr<UcxPath>> UcxPath::Connect(
    const UcxApi& api, ucp_worker_h worker, const std::string& address) {
  std::unique_ptr<UcxPath> self(new UcxPath(api));
  ucp_ep_params_t params = {};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS |
                      UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(address.data());
  // Without this mode a dead peer goes unnoticed, and a close cannot be forced.
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.cb = &UcxPath::OnError;
  params.err_handler.arg = self.get();
  const ucs_status_t status =
      api.ucp_ep_create(worker, &params, &self->endpoint_);
  if (status == UCS_OK) return self;
  self->endpoint_ = nullptr;
  return UcxStatus(api, status, "UCX cannot open an endpoint");
}

void UcxPath::OnError(void* self, ucp_ep_h, ucs_status_t status) {
  auto* const path = static_cast<UcxPath*>(self);
  path->failed_ = true;
  for (PathListener* listener : path->listeners_) listener->OnPathError(status);
}

void UcxPath::Leave(PathListener* listener) {
  listeners_.erase(std::remove(listeners_.begin(), listeners_.end(), listener),
                   listeners_.end());
}

bool UcxPath::RequestDone() {
  if (request_ == nullptr) return true;
  if (api_.ucp_request_check_status(request_) == UCS_INPROGRESS) return false;
  api_.ucp_request_free(request_);
  request_ = nullptr;
  return true;
}

ucs_status_t UcxPath::Send(UcxMessageId id, const uint8_t head[kChunkHeadBytes],
                           const void* data, size_t bytes) {
  if (endpoint_ == nullptr) return UCS_ERR_NOT_CONNECTED;
  ucp_request_param_t param = {};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS | UCP_OP_ATTR_FIELD_MEMORY_TYPE |
                       UCP_OP_ATTR_FLAG_FORCE_IMM_CMPL;
  param.flags = UCP_AM_SEND_FLAG_EAGER;
  param.memory_type = UCS_MEMORY_TYPE_HOST;
  return UCS_PTR_RAW_STATUS(api_.ucp_am_send_nbx(
      endpoint_, id, head, kChunkHeadBytes, data, bytes, &param));
}

void UcxPath::SayBye(uint64_t peer_lane) {
  byes_.push_back(peer_lane);
  SendByes();
}

void UcxPath::SendByes() {
  while (!byes_.empty()) {
    uint8_t head[kChunkHeadBytes];
    EncodeNoteHead(byes_.back(), 0, head);
    if (Send(kUcxBye, head, nullptr, 0) == UCS_ERR_NO_RESOURCE) return;
    byes_.pop_back();  // sent, or the path is lost and the peer hears of that
  }
}

void UcxPath::Poll() {
  if (endpoint_ == nullptr) {
    RequestDone();
  } else if (failed_) {
    CloseNow();
  } else {
    SendByes();
    if (given_up_ && listeners_.empty() && byes_.empty()) FlushAndClose();
  }
}

void UcxPath::FlushAndClose() {
  if (!flushing_) {
    flushing_ = true;
    ucp_request_param_t param = {};
    void* const request = api_.ucp_ep_flush_nbx(endpoint_, &param);
    if (UCS_PTR_IS_PTR(request)) request_ = request;
  }
  if (RequestDone()) CloseNow();
}

void UcxPath::CloseNow() {
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

}  // namespace ithaca
