#include "plugin/transport/connection.h"

#include <algorithm>
#include <utility>

namespace ithaca {

Status Connection::AddLane(int index, int rail, std::unique_ptr<Lane> lane) {
  if (index < 0 || index >= kMaxLanes)
    return Errorf(Code::kInvalidArgument, "lane number %d out of range", index);
  if (!status_.ok()) return status_;
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
  if (!status_.ok()) return;
  // Where the two ends disagree, another lane would not help.
  const bool disagree = why.code() == Code::kDataLoss ||
                        why.code() == Code::kInvalidArgument ||
                        why.code() == Code::kFailedPrecondition;
  const int left = lanes_up();
  if (disagree || left == 0)
    return Fail(disagree ? why
                         : Errorf(Code::kUnavailable,
                                  "no lane is left; the last: %s",
                                  why.message().c_str()));
  ITHACA_WARN(*log_, "ithaca: lost a lane with %s, %d left: %s", peer_.c_str(),
              left, why.message().c_str());
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
    if (slot.lane != nullptr && slot.lane.get() != except)
      slot.lane->Forget(seq);
}

}  // namespace ithaca
