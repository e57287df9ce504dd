#include "plugin/ucx/ucx_sender.h"

#include "plugin/ucx/ucx_status.h"

namespace ithaca {
namespace {

// What one Send() hands over at most, so that a long frame does not keep the
// caller from its other lanes.
constexpr int kChunksPerSend = 8;
// What a close hands over at most of what is queued.
constexpr int kChunksToClose = 64;

}  // namespace

Status UcxSender::Connect() {
  StatusOr<UcxPath*> path = rail_->PathTo(address_);
  if (!path.ok()) return path.status();
  path_ = *path;
  path_->Join(this);
  return Status();
}

void UcxSender::Send(const Frame& frame, const void* payload) {
  if (!error_.ok() || path_ == nullptr) return;
  QueuedFrame queued;
  queued.frame = frame;
  queued.payload = static_cast<const uint8_t*>(payload);
  queued.number = next_number_++;
  queue_.Push(queued);
  queued_bytes_ += kFrameBytes + uint64_t{frame.payload_bytes};
  Pump(kChunksPerSend);
}

bool UcxSender::Pump(int max_chunks) {
  while (error_.ok() && !queue_.empty() && max_chunks-- > 0)
    if (!SendNext()) break;
  return error_.ok() && !queue_.empty();
}

bool UcxSender::SendNext() {
  QueuedFrame& next = queue_.front();
  uint8_t head[kChunkHeadBytes];
  if (next.aborted) {
    EncodeNoteHead(peer_lane_, next.number, head);
    if (!Taken(path_->Send(kUcxAbort, head, nullptr, 0))) return false;
    queue_.Pop();
    return true;
  }
  const uint32_t begin = next.handed_over;
  const uint32_t bytes =
      std::min(chunk_bytes_, next.frame.payload_bytes - begin);
  EncodeChunkHead({peer_lane_, next.number, begin, next.frame}, head);
  const uint8_t* const data = bytes > 0 ? next.payload + begin : nullptr;
  if (!Taken(path_->Send(kUcxChunk, head, data, bytes))) return false;
  const uint64_t counted = bytes + (next.begun ? 0 : kFrameBytes);
  queued_bytes_ -= counted;
  bytes_sent_ += counted;
  next.begun = true;
  next.handed_over += bytes;
  if (next.handed_over == next.frame.payload_bytes) queue_.Pop();
  return true;
}

bool UcxSender::Taken(ucs_status_t status) {
  if (status == UCS_OK) return true;
  if (status != UCS_ERR_NO_RESOURCE) OnPathError(status);
  return false;
}

void UcxSender::OnPathError(ucs_status_t status) {
  if (error_.ok())
    error_ = UcxStatus(api_, status, "lane over " + rail_->label());
}

void UcxSender::Forget(uint32_t seq) { queued_bytes_ -= queue_.Forget(seq); }

void UcxSender::Close(bool say_bye) {
  if (path_ == nullptr) return;
  const bool stuck = Pump(kChunksToClose);
  queue_.Clear();
  queued_bytes_ = 0;
  if (say_bye && error_.ok()) path_->SayBye(peer_lane_);
  // Lanes to come had better try a connection of their own than wait behind
  // what this one could not get through.
  if (stuck) path_->GiveUp();
  path_->Leave(this);
  path_ = nullptr;
}

}  // namespace ithaca
