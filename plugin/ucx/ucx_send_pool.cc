#include "plugin/ucx/ucx_send_pool.h"

namespace ithaca {

UcxSend* UcxSendPool::Take() {
  if (free_ == nullptr) {
    records_.emplace_back();
    records_.back().pool = this;
    return &records_.back();
  }
  UcxSend* const send = free_;
  free_ = send->next_free;
  return send;
}

void UcxSendPool::PutBack(UcxSend* send) {
  send->owner = nullptr;
  send->next_free = free_;
  free_ = send;
}

bool UcxSendPool::Post(ucp_ep_h endpoint, UcxMessageId id, UcxSend* send,
                       const void* data, size_t bytes, ucs_status_t* status) {
  ucp_request_param_t param = {};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK |
                       UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_FLAGS |
                       UCP_OP_ATTR_FIELD_MEMORY_TYPE;
  // Eager: the receiver's UCX never writes or reads memory by itself, which is
  // what makes it possible to stop at once.
  param.flags = UCP_AM_SEND_FLAG_EAGER;
  param.memory_type = UCS_MEMORY_TYPE_HOST;
  param.cb.send = &UcxSendPool::OnDone;
  param.user_data = send;
  void* const request = api_.ucp_am_send_nbx(
      endpoint, id, send->head, kChunkHeadBytes, data, bytes, &param);
  if (UCS_PTR_IS_PTR(request)) {
    ++in_flight_;
    return true;
  }
  *status = UCS_PTR_RAW_STATUS(request);
  PutBack(send);
  return false;
}

void UcxSendPool::OnDone(void* request, ucs_status_t status, void* user_data) {
  auto* const record = static_cast<Record*>(static_cast<UcxSend*>(user_data));
  UcxSendPool* const pool = record->pool;
  if (record->owner != nullptr) record->owner->OnSent(record, status);
  --pool->in_flight_;
  pool->PutBack(record);
  pool->api_.ucp_request_free(request);
}

}  // namespace ithaca
