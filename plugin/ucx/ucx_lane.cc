#include "plugin/ucx/ucx_lane.h"

namespace ithaca {
namespace {

constexpr int kChunksPerTurn = 8;

}  // namespace

UcxLane::UcxLane(const UcxApi& api, UcxRail* rail, UcxLaneOwner* owner,
                 uint64_t id, uint64_t peer_id, const RailAddress& peer,
                 LaneSink* sink)
    : owner_(owner),
      sink_(sink),
      id_(id),
      description_("UCX " + rail->label() + " -> " + peer.label),
      sender_(this, api, rail, peer_id, peer),
      assembler_(this, sink) {}

UcxLane::~UcxLane() {
  sender_.Close(tell_peer_);
  owner_->OnGone(this);
}

Status UcxLane::Connect() { return sender_.Connect(); }

void UcxLane::Send(const Frame& frame, const void* payload) {
  if (!down_.ok()) return;
  sender_.Send(frame, payload);
  AfterSending();
}

void UcxLane::AfterSending() {
  if (sender_.queued_bytes() > 0 || !sender_.error().ok())
    owner_->NeedsService(this);
}

void UcxLane::Forget(uint32_t seq) {
  assembler_.Forget(seq);
  sender_.Forget(seq);
  AfterSending();
}

LaneCounters UcxLane::counters() const {
  LaneCounters counters;
  counters.bytes_sent = sender_.bytes_sent();
  counters.bytes_received = assembler_.bytes_received();
  return counters;
}

void UcxLane::OnMessage(UcxMessageId id, const void* head, size_t head_bytes,
                        const void* data, size_t data_bytes) {
  if (!down_.ok() || !sender_.error().ok()) return;
  if (id == kUcxBye) {
    Fail(Errorf(Code::kUnavailable, "%s: the peer closed the lane",
                description_.c_str()),
         /*tell_peer=*/false);
    return;
  }
  if (id == kUcxAbort) {
    assembler_.OnAbort(DecodeNumber(head));
    return;
  }
  ChunkHead chunk;
  Status status = DecodeChunkHead(head, head_bytes, data_bytes, &chunk);
  if (status.ok()) status = assembler_.OnChunk(chunk, data, data_bytes);
  if (!status.ok()) Fail(status, /*tell_peer=*/true);
}

void UcxLane::Fail(const Status& why, bool tell_peer) {
  if (!down_.ok()) return;
  down_ = why;
  tell_peer_ = tell_peer;
  owner_->NeedsService(this);
}

bool UcxLane::Service() {
  if (down_.ok() && sender_.error().ok() && sender_.Pump(kChunksPerTurn))
    return true;
  if (down_.ok() && !sender_.error().ok()) Fail(sender_.error(), false);
  if (down_.ok() || reported_) return false;
  reported_ = true;
  sender_.Close(tell_peer_);
  sink_->OnLaneDown(this, down_);
  return false;
}

}  // namespace ithaca
