#include "plugin/shm/shm_lane.h"

#include <utility>

namespace ithaca {

ShmLane::ShmLane(Side side, Segment segment, std::shared_ptr<PeerInbox> peer,
                 int slot, std::string description, ShmLaneOwner* owner,
                 LaneSink* sink)
    : segment_(std::move(segment)),
      bell_(std::move(peer), side == Side::kInviter ? &segment_.joiner_slot()
                                                    : &segment_.inviter_slot()),
      slot_(slot),
      description_(std::move(description)),
      owner_(owner),
      sink_(sink),
      sender_(
          side == Side::kInviter ? segment_.to_joiner() : segment_.to_inviter(),
          &bell_),
      receiver_(
          side == Side::kInviter ? segment_.to_inviter() : segment_.to_joiner(),
          &bell_, this, sink) {
  std::atomic<uint32_t>& own =
      side == Side::kInviter ? segment_.inviter_slot() : segment_.joiner_slot();
  own.store(1 + slot, std::memory_order_seq_cst);
  bell_.Ring();
  // What the peer wrote before it knew the slot.
  owner_->NeedsService(this);
}

ShmLane::~ShmLane() {
  sender_.Close();
  owner_->OnGone(this);
}

void ShmLane::Send(const Frame& frame, const void* payload) {
  if (down_) return;
  sender_.Send(frame, payload);
  NoteSending();
}

void ShmLane::Forget(uint32_t seq) {
  receiver_.Forget(seq);
  sender_.Forget(seq);
}

void ShmLane::NoteSending() {
  if (sender_.Pump() || !sender_.error().ok()) owner_->NeedsService(this);
}

void ShmLane::Abandon() {
  down_ = true;
  sender_.Close();
}

LaneCounters ShmLane::counters() const {
  LaneCounters counters;
  counters.bytes_sent = sender_.bytes_sent();
  counters.bytes_received = receiver_.bytes_received();
  return counters;
}

ShmLane::Serviced ShmLane::Service() {
  if (down_) return {};
  const uint64_t before = receiver_.bytes_received() + sender_.bytes_sent();
  const bool more = MoveBothWays();
  const bool moved =
      receiver_.bytes_received() + sender_.bytes_sent() != before || down_;
  return {moved, more};
}

bool ShmLane::MoveBothWays() {
  if (segment_.fd() >= 0 && segment_.joiner_slot().load() != 0)
    segment_.CloseFd();
  // Asked first: what was written before the peer left is taken.
  const bool last = receiver_.writer_closed();
  const StatusOr<bool> more = receiver_.Turn();
  if (!more.ok()) {
    GoDown(more.status());
    return false;
  }
  const bool sending = sender_.Pump();
  if (!sender_.error().ok()) {
    GoDown(sender_.error());
    return false;
  }
  if (!last) return *more || sending || receiver_.half();
  if (*more) return true;
  GoDown(Status(Code::kUnavailable, "the peer closed the lane"));
  return false;
}

void ShmLane::GoDown(const Status& why) {
  Abandon();
  sink_->OnLaneDown(this, Errorf(why.code(), "%s: %s", description_.c_str(),
                                 why.message().c_str()));
}

}  // namespace ithaca
