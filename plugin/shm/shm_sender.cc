#include "plugin/shm/shm_sender.h"

#include <algorithm>

namespace ithaca {
namespace {

// What is copied before the reader hears of it: long enough to be worth a
// bell, short enough that both ends copy at once.
constexpr uint32_t kPieceBytes = 32 << 10;
// Records per Pump(): the engine has other lanes.
constexpr int kRecordsPerTurn = 32;

}  // namespace

void ShmSender::Send(const Frame& frame, const void* payload) {
  if (closed_) return;
  QueuedFrame queued;
  queued.frame = frame;
  queued.payload = static_cast<const uint8_t*>(payload);
  queue_.Push(queued);
  queued_bytes_ += kFrameBytes + uint64_t{frame.payload_bytes};
}

bool ShmSender::Pump() {
  if (closed_) return false;
  const bool more = MoveSome();
  if (bell_due_) bell_->Ring();
  bell_due_ = false;
  return more;
}

bool ShmSender::MoveSome() {
  for (int i = 0; i < kRecordsPerTurn && !queue_.empty(); ++i) {
    int64_t room = ring_.Room(Wanted());
    if (room < 0) room = ring_.WaitForRoom(Wanted());
    if (room < 0) return false;
    MoveNext(room);
  }
  return !queue_.empty();
}

uint32_t ShmSender::Wanted() {
  const QueuedFrame& next = queue_.front();
  if (next.aborted) return 0;
  return std::min(next.frame.payload_bytes - next.handed_over, kPieceBytes);
}

void ShmSender::MoveNext(uint32_t room) {
  QueuedFrame& next = queue_.front();
  Record record = {};
  record.kind = next.aborted ? RecordKind::kAbort
                : next.begun ? RecordKind::kMore
                             : RecordKind::kFrame;
  record.bytes = room;
  if (!next.begun) EncodeFrame(next.frame, record.frame);
  ring_.Write(record, room > 0 ? next.payload + next.handed_over : nullptr);
  bell_due_ = true;
  // To copy while we do: once, as who has half a frame looks for the rest.
  if (!next.begun && room >= kPieceBytes / 2) bell_->Ring();
  if (next.aborted) return queue_.Pop();
  const uint64_t moved = room + (next.begun ? 0 : kFrameBytes);
  queued_bytes_ -= moved;
  bytes_sent_ += moved;
  next.begun = true;
  next.handed_over += room;
  if (next.handed_over == next.frame.payload_bytes) queue_.Pop();
}

void ShmSender::Forget(uint32_t seq) { queued_bytes_ -= queue_.Forget(seq); }

void ShmSender::Close() {
  if (closed_) return;
  Pump();
  closed_ = true;
  queue_.Clear();
  queued_bytes_ = 0;
  head_->closed.store(1, std::memory_order_seq_cst);
  bell_->Ring();
}

}  // namespace ithaca
