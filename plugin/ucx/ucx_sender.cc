#include "plugin/ucx/ucx_sender.h"

#include <algorithm>
#include <utility>

#include "plugin/core/clock.h"
#include "plugin/ucx/ucx_status.h"

namespace ithaca {
namespace {

// How long a closed lane's last frames and its bye may take.
constexpr int64_t kLingerNs = kNsPerSecond;
// Polls before an endpoint is closed to get memory back.
constexpr int kPollsToRelease = 16;
// What one Send() hands over at most, so that a long frame does not keep the
// caller from its other lanes.
constexpr int kChunksPerSend = 8;

}  // namespace

Status UcxSender::Connect() {
  StatusOr<std::unique_ptr<UcxEndpoint>> endpoint =
      UcxEndpoint::Connect(api_, rail_->sender(), address_, this);
  if (!endpoint.ok()) return endpoint.status();
  endpoint_ = std::move(*endpoint);
  return Status();
}

void UcxSender::Send(const Frame& frame, const void* payload) {
  if (!error_.ok() || endpoint_ == nullptr) return;
  QueuedFrame queued;
  queued.frame = frame;
  queued.payload = static_cast<const uint8_t*>(payload);
  queued.number = next_number_++;
  queue_.Push(queued);
  queued_bytes_ += kFrameBytes + uint64_t{frame.payload_bytes};
  Pump(kChunksPerSend);
}

bool UcxSender::Pump(int max_chunks) {
  while (error_.ok() && !queue_.empty() && num_posted_ < kWindow &&
         max_chunks-- > 0)
    PostNext();
  return error_.ok() && !queue_.empty();
}

void UcxSender::PostNext() {
  QueuedFrame& next = queue_.front();
  UcxSend* const send = pool_->Take();
  send->seq = next.frame.seq;
  if (next.aborted) {
    EncodeNoteHead(peer_lane_, next.number, send->head);
    send->bytes = 0;
    send->user_memory = false;
    queue_.Pop();
    Post(kUcxAbort, send, nullptr, 0);
    return;
  }
  const uint32_t begin = next.handed_over;
  const uint32_t bytes =
      std::min(chunk_bytes_, next.frame.payload_bytes - begin);
  EncodeChunkHead({peer_lane_, next.number, begin, next.frame}, send->head);
  send->bytes = bytes + (next.begun ? 0 : kFrameBytes);
  send->user_memory = bytes > 0;
  const uint8_t* const data = bytes > 0 ? next.payload + begin : nullptr;
  next.begun = true;
  next.handed_over += bytes;
  if (next.handed_over == next.frame.payload_bytes) queue_.Pop();
  Post(kUcxChunk, send, data, bytes);
}

void UcxSender::Post(UcxMessageId id, UcxSend* send, const void* data,
                     size_t bytes) {
  const uint32_t counted = send->bytes;
  send->owner = this;
  ucs_status_t status = UCS_OK;
  if (pool_->Post(endpoint_->handle(), id, send, data, bytes, &status)) {
    posted_[num_posted_++] = send;
    return;
  }
  Account(counted, status);
}

void UcxSender::Account(uint32_t bytes, ucs_status_t status) {
  queued_bytes_ -= bytes;
  if (status == UCS_OK) {
    bytes_sent_ += bytes;
  } else {
    OnEndpointError(status);
  }
}

void UcxSender::OnSent(UcxSend* send, ucs_status_t status) {
  const auto end = posted_.begin() + num_posted_;
  const auto it = std::find(posted_.begin(), end, send);
  if (it != end) {
    std::move(it + 1, end, it);
    --num_posted_;
  }
  Account(send->bytes, status);
}

void UcxSender::OnEndpointError(ucs_status_t status) {
  if (error_.ok())
    error_ = UcxStatus(api_, status, "lane over " + rail_->label());
}

bool UcxSender::Holds(uint32_t seq) const {
  for (size_t i = 0; i < num_posted_; ++i)
    if (posted_[i]->user_memory && posted_[i]->seq == seq) return true;
  return false;
}

bool UcxSender::HoldsUserMemory() const {
  for (size_t i = 0; i < num_posted_; ++i)
    if (posted_[i]->user_memory) return true;
  return false;
}

void UcxSender::Forget(uint32_t seq) {
  queued_bytes_ -= queue_.Forget(seq);
  for (int i = 0; i < kPollsToRelease && Holds(seq); ++i)
    rail_->ProgressSends();
  if (!Holds(seq)) return;
  // UCX has no call that takes a send back, but to close what it goes through.
  if (error_.ok())
    error_ = Errorf(Code::kUnavailable,
                    "lane over %s closed to get message %u's memory back",
                    rail_->label().c_str(), seq);
  CloseNow(/*say_bye=*/true);
}

void UcxSender::SayBye(ucp_ep_h endpoint) {
  UcxSend* const send = pool_->Take();
  send->owner = nullptr;
  EncodeNoteHead(peer_lane_, 0, send->head);
  ucs_status_t status;
  pool_->Post(endpoint, kUcxBye, send, nullptr, 0, &status);
}

void UcxSender::Release() {
  for (size_t i = 0; i < num_posted_; ++i) posted_[i]->owner = nullptr;
  num_posted_ = 0;
  queue_.Clear();
  queued_bytes_ = 0;
}

void UcxSender::CloseGently() {
  if (endpoint_ == nullptr) return;
  for (int i = 0; i < kPollsToRelease && Pump(kChunksPerSend); ++i)
    rail_->ProgressSends();
  for (int i = 0; i < kPollsToRelease && HoldsUserMemory(); ++i)
    rail_->ProgressSends();
  if (!error_.ok() || HoldsUserMemory()) {
    CloseNow(/*say_bye=*/error_.ok());
    return;
  }
  SayBye(endpoint_->handle());
  Release();
  endpoint_->CloseWhenSent(MonotonicClock().NowNs() + kLingerNs);
  rail_->Retire(std::move(endpoint_));
}

void UcxSender::CloseNow(bool say_bye) {
  if (endpoint_ == nullptr) return;
  Release();  // the close below ends what is posted
  endpoint_->CloseNow();
  rail_->Retire(std::move(endpoint_));
  if (!say_bye) return;
  StatusOr<std::unique_ptr<UcxEndpoint>> other =
      UcxEndpoint::Connect(api_, rail_->sender(), address_, nullptr);
  if (!other.ok()) return;  // the peer will hear it from its own time limits
  SayBye((*other)->handle());
  (*other)->CloseWhenSent(MonotonicClock().NowNs() + kLingerNs);
  rail_->Retire(std::move(*other));
}

}  // namespace ithaca
