#include "plugin/transport/connection.h"

#include <utility>

namespace ithaca {

Status Connection::AddLane(int index, int rail, std::unique_ptr<Lane> lane) {
  if (index < 0 || index >= kMaxLanes)
    return Errorf(Code::kInvalidArgument, "lane number %d out of range", index);
  LaneSlot& slot = lanes_[index];
  if (slot.up)
    return Errorf(Code::kFailedPrecondition, "lane %d to %s is up already",
                  index, peer_.c_str());
  slot = {std::move(lane), rail, true};
  OnLaneUp(index);
  return Status();
}

StatusOr<bool> Connection::Test(Request* request, uint64_t* bytes) {
  if (request->state == Request::State::kDone) {
    *bytes = request->bytes;
    request->state = Request::State::kFree;
    return true;
  }
  if (!status_.ok()) return status_;
  return false;
}

void Connection::Fail(const Status& why) {
  if (!status_.ok()) return;
  status_ = why;
  ReleaseMemory();
  owner_->OnFailed(this);
}

void Connection::DropLanes() {
  for (LaneSlot& slot : lanes_) {
    slot.up = false;
    slot.lane.reset();
  }
}

int Connection::lanes_up() const {
  int up = 0;
  for (const LaneSlot& slot : lanes_) up += slot.up;
  return up;
}

void Connection::OnLaneDown(Lane* lane, const Status& why) {
  const int index = IndexOf(lane);
  if (index < 0 || !lanes_[index].up) return;
  lanes_[index].up = false;
  const int left = lanes_up();
  const int waiting = pending();
  const bool disagree = why.code() == Code::kDataLoss ||
                        why.code() == Code::kInvalidArgument ||
                        why.code() == Code::kFailedPrecondition;
  // A peer that closes when nothing is pending is the normal end.
  if ((waiting > 0 || disagree) && status_.ok()) {
    ITHACA_WARN(*log_,
                "ithaca: lane %s to %s is down with %d requests pending (%d "
                "lanes left): %s",
                lane->Describe().c_str(), peer_.c_str(), waiting, left,
                why.ToString().c_str());
  }
  if (!status_.ok()) return;
  if (disagree) return Fail(why);  // another lane would not help
  if (left == 0) {
    return Fail(Errorf(Code::kUnavailable,
                       "no lane to %s is left, %d requests pending; last: %s",
                       peer_.c_str(), waiting, why.message().c_str()));
  }
  OnLaneLost(index);
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

int Connection::IndexOf(const Lane* lane) const {
  for (int i = 0; i < kMaxLanes; ++i)
    if (lanes_[i].lane.get() == lane) return i;
  return -1;
}

void Connection::ForgetOnLanes(uint32_t seq, const Lane* except) {
  for (LaneSlot& slot : lanes_)
    if (slot.up && slot.lane.get() != except) slot.lane->Forget(seq);
}

}  // namespace ithaca
