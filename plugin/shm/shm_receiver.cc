#include "plugin/shm/shm_receiver.h"

#include <cstring>

#include "plugin/shm/copy.h"

namespace ithaca {
namespace {

// What one Turn() moves at most, in bytes and in records: the engine has other
// lanes.
constexpr uint32_t kBytesPerTurn = 512 << 10;
constexpr uint32_t kRecordCost = 4 << 10;
// A payload of this size is given back at once, so that the writer goes on.
constexpr uint32_t kPublishBytes = 4 << 10;
// A frame of this size belongs to a message that no cache holds for long. Those
// of NCCL's staging buffers are smaller, and often read while in the cache.
constexpr uint32_t kLargeBytes = 1 << 20;

}  // namespace

StatusOr<bool> ShmReceiver::Turn() {
  for (uint32_t spent = 0; spent < kBytesPerTurn;) {
    Record record;
    const uint8_t* payload = nullptr;
    const StatusOr<bool> next = ring_.Next(&record, &payload);
    if (!next.ok()) return next;
    if (!*next) {
      Publish();
      return false;
    }
    ITHACA_RETURN_IF_ERROR(OnRecord(record, payload));
    ring_.Pop();
    if (record.bytes >= kPublishBytes) Publish();
    spent += kRecordCost + record.bytes;
  }
  Publish();
  return true;
}

void ShmReceiver::Publish() {
  if (ring_.Publish()) bell_->Ring();
}

Status ShmReceiver::OnRecord(const Record& record, const uint8_t* payload) {
  switch (record.kind) {
    case RecordKind::kFrame:
      return OnFrameRecord(record, payload);
    case RecordKind::kMore:
      if (!half_ || record.bytes == 0 ||
          record.bytes > frame_.payload_bytes - received_)
        return Status(Code::kDataLoss, "a piece of a payload out of place");
      return OnPayload(payload, record.bytes);
    case RecordKind::kAbort:
      if (!half_)
        return Status(Code::kDataLoss, "the end of a frame that is not there");
      half_ = false;
      return Status();
  }
  return Errorf(Code::kDataLoss, "a record of unknown kind %u",
                static_cast<unsigned>(record.kind));
}

Status ShmReceiver::OnFrameRecord(const Record& record,
                                  const uint8_t* payload) {
  if (half_)
    return Status(Code::kDataLoss, "a frame began before the last was whole");
  Frame frame;
  ITHACA_RETURN_IF_ERROR(DecodeFrame(record.frame, &frame));
  if (record.bytes > frame.payload_bytes)
    return Status(Code::kDataLoss, "more payload than its frame says");
  bytes_received_ += kFrameBytes;
  if (frame.payload_bytes == 0) return sink_->OnFrame(lane_, frame);
  void* target = nullptr;
  ITHACA_RETURN_IF_ERROR(sink_->OnFrameHead(lane_, frame, &target));
  frame_ = frame;
  target_ = static_cast<uint8_t*>(target);
  received_ = 0;
  forgotten_ = false;
  half_ = true;
  return OnPayload(payload, record.bytes);
}

Status ShmReceiver::OnPayload(const uint8_t* payload, uint32_t bytes) {
  if (target_ != nullptr && bytes > 0) {
    if (frame_.payload_bytes >= kLargeBytes)
      CopyForLater(target_ + received_, payload, bytes);
    else
      memcpy(target_ + received_, payload, bytes);
  }
  received_ += bytes;
  bytes_received_ += bytes;
  if (received_ < frame_.payload_bytes) return Status();
  half_ = false;
  if (forgotten_) return Status();
  return sink_->OnFrame(lane_, frame_);
}

void ShmReceiver::Forget(uint32_t seq) {
  if (!half_ || frame_.seq != seq) return;
  target_ = nullptr;
  forgotten_ = true;
}

}  // namespace ithaca
