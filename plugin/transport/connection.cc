#include "plugin/transport/connection.h"

#include <algorithm>
#include <utility>

namespace ithaca {

Status Connection::AddLane(int index, int rail, std::unique_ptr<Lane> lane,
                           uint32_t dial) {
  if (index < 0 || index >= kMaxLanes)
    return Errorf(Code::kInvalidArgument, "lane number %d out of range", index);
  if (!status_.ok()) return status_;
  LaneSlot& slot = lanes_[index];
  if (dial <= slot.dial)
    return Errorf(Code::kFailedPrecondition,
                  "dial %u of lane %d to %s came after dial %u", dial, index,
                  peer_.c_str(), slot.dial);
  if (slot.up) Lose(index, Status(Code::kUnavailable, "it was dialled again"));
  if (!status_.ok()) return status_;
  const bool back = slot.dial != 0;
  slot = {std::move(lane), rail, true, dial};
  TellOfLostLanes();
  OnLaneUp(index);
  if (back) owner_->OnLaneBack(this, rail);
  return Status();
}

StatusOr<bool> Connection::Test(Request* request, uint64_t* bytes) {
  if (request->state == Request::State::kDone) {
    std::copy_n(request->bytes, request->count, bytes);
    Recycle(request);
    return true;
  }
  if (!status_.ok()) return status_;
  return false;
}

void Connection::Fail(const Status& why) {
  if (!status_.ok()) return;
  status_ = why;
  if (pending() > 0 || why.code() != Code::kUnavailable) LogFailure();
  ReleaseMemory();
  owner_->OnFailed(this);
}

Status Connection::Refuse() {
  LogFailure();
  return status_;
}

void Connection::LogFailure() {
  if (std::exchange(logged_, true)) return;
  ITHACA_WARN(*log_,
              "ithaca: connection with %s failed, %d requests pending: %s",
              peer_.c_str(), pending(), status_.ToString().c_str());
}

void Connection::DropLanes() {
  Frame bye;
  bye.type = FrameType::kBye;
  for (LaneSlot& slot : lanes_) {
    if (slot.up) slot.lane->Send(bye, nullptr);
    slot.up = false;
    slot.lane.reset();
  }
}

void Connection::ReapLanes() {
  for (LaneSlot& slot : lanes_)
    if (!slot.up) slot.lane.reset();
}

int Connection::lanes_up() const {
  int up = 0;
  for (const LaneSlot& slot : lanes_) up += slot.up;
  return up;
}

bool Connection::whole() const {
  for (const LaneSlot& slot : lanes_)
    if (slot.dial != 0 && !slot.up) return false;
  return status_.ok();
}

// --- Lanes that go.

void Connection::OnLaneDown(Lane* lane, const Status& why) {
  const int index = IndexOf(lane);
  if (index < 0 || !lanes_[index].up) return;
  if (!status_.ok()) {
    lanes_[index].up = false;
    return;
  }
  // Where the two ends disagree, another lane would not help.
  if (why.code() == Code::kDataLoss || why.code() == Code::kInvalidArgument ||
      why.code() == Code::kFailedPrecondition) {
    lanes_[index].up = false;
    return Fail(why);
  }
  Lose(index, why);
}

void Connection::LoseLane(int index, uint32_t dial, const Status& why) {
  if (!lanes_[index].up || lanes_[index].dial != dial || !status_.ok()) return;
  lanes_[index].lane->Abandon();
  Lose(index, why);
}

void Connection::Lose(int index, const Status& why) {
  lanes_[index].up = false;
  if (peer_left_ && lanes_up() == 0)
    return Fail(Status(Code::kUnavailable, "the peer closed the connection"));
  TellOfLostLanes();
  OnLaneLost(index);
  owner_->OnLaneLost(this, lanes_[index].rail, why);
}

// Every time anew: who was told before may have been told over a lane that was
// lost as well. The peer may not notice by itself: what would tell it goes over
// the path that is dead.
void Connection::TellOfLostLanes() {
  Lane* const lane = LeastQueued();
  if (lane == nullptr) return;
  for (int i = 0; i < kMaxLanes; ++i) {
    if (lanes_[i].up || lanes_[i].dial == 0) continue;
    Frame lost;
    lost.type = FrameType::kLaneLost;
    lost.lane = i;
    lost.seq = lanes_[i].dial;
    lane->Send(lost, nullptr);
  }
}

Status Connection::OnFrame(Lane* lane, const Frame& frame) {
  switch (frame.type) {
    case FrameType::kPing:
      return Status();
    case FrameType::kLaneLost:
      LoseLane(frame.lane, frame.seq,
               Status(Code::kUnavailable, "the peer gave it up"));
      return Status();
    case FrameType::kBye:
      OnBye(lane);
      return Status();
    default:
      return OnMessageFrame(lane, frame);
  }
}

// The peer has no request left, or has failed. What it said before may still be
// on its way over other lanes: the last of them ends the connection.
void Connection::OnBye(Lane* lane) {
  const int index = IndexOf(lane);
  if (index < 0 || !status_.ok()) return;
  peer_left_ = true;
  lanes_[index].up = false;
  if (lanes_up() == 0)
    Fail(Status(Code::kUnavailable, "the peer closed the connection"));
}

Lane* Connection::LeastQueued() {
  Lane* best = nullptr;
  for (LaneSlot& slot : lanes_) {
    if (!slot.up) continue;
    if (best == nullptr || slot.lane->queued_bytes() < best->queued_bytes())
      best = slot.lane.get();
  }
  return best;
}

bool Connection::AnyQueued() const {
  for (const LaneSlot& slot : lanes_)
    if (slot.lane != nullptr && slot.lane->queued_bytes() > 0) return true;
  return false;
}

int Connection::IndexOf(const Lane* lane) const {
  for (int i = 0; i < kMaxLanes; ++i)
    if (lane != nullptr && lanes_[i].lane.get() == lane) return i;
  return -1;
}

void Connection::ForgetOnLanes(uint32_t seq, const Lane* except) {
  for (LaneSlot& slot : lanes_)
    if (slot.lane != nullptr && slot.lane.get() != except)
      slot.lane->Forget(seq);
}

}  // namespace ithaca
