#include "plugin/transport/fake_lane.h"

#include <algorithm>
#include <utility>

namespace ithaca {

class FakeWire::End : public Lane {
 public:
  End(FakeWire* wire, int side) : wire_(wire), side_(side) {}
  ~End() override {
    EndState& state = wire_->ends_[side_];
    state.up = false;
    state.lane = nullptr;
    for (Sent& sent : state.to_peer) sent.forgotten |= sent.copy == nullptr;
  }
  void Send(const Frame& frame, const void* payload) override {
    EndState& state = wire_->ends_[side_];
    if (!state.up) return;
    state.to_peer.push_back({frame, static_cast<const char*>(payload)});
    counters_.bytes_sent += kFrameBytes + frame.payload_bytes;
  }
  void Forget(uint32_t seq) override {
    EndState& state = wire_->ends_[side_];
    for (Sent& sent : state.to_peer)
      if (sent.frame.seq == seq) sent.forgotten |= sent.copy == nullptr;
    if (state.receiving && state.current.frame.seq == seq)
      state.target_forgotten = true;
    EndState& peer = wire_->ends_[1 - side_];
    if (peer.receiving && peer.current.frame.seq == seq)
      peer.current.forgotten |= peer.current.copy == nullptr;
  }
  uint64_t queued_bytes() const override {
    return wire_->ends_[side_].to_peer.size();
  }
  LaneCounters counters() const override { return counters_; }
  std::string Describe() const override { return wire_->name_; }

 private:
  FakeWire* const wire_;
  const int side_;
  LaneCounters counters_;
};

std::unique_ptr<Lane> FakeWire::TakeEnd(int side, LaneSink* sink) {
  auto end = std::make_unique<End>(this, side);
  ends_[side].sink = sink;
  ends_[side].lane = end.get();
  ends_[side].up = true;
  return end;
}

bool FakeWire::Deliver() {
  const int first = (*random_)() % 2;
  return DeliverTo(first) || DeliverTo(1 - first);
}

bool FakeWire::DeliverTo(int side) {
  EndState& here = ends_[side];
  EndState& peer = ends_[1 - side];
  if (!here.up) return false;
  if (here.receiving) {
    // A part of the payload, as much as the moment brings; zeros stand for
    // memory that the sender has been told to forget.
    const size_t left = here.current.frame.payload_bytes - here.written;
    const size_t part = std::min<size_t>(left, 1 + (*random_)() % 20000);
    if (here.target != nullptr && !here.target_forgotten) {
      if (here.current.forgotten)
        std::fill_n(here.target + here.written, part, 0);
      else
        std::copy_n(here.current.payload + here.written, part,
                    here.target + here.written);
    }
    here.written += part;
    if (here.written == here.current.frame.payload_bytes) Finish(side);
    return true;
  }
  if (peer.to_peer.empty()) return false;
  Head(side);
  return true;
}

void FakeWire::Head(int side) {
  EndState& here = ends_[side];
  std::deque<Sent>& queue = ends_[1 - side].to_peer;
  const size_t pick = (*random_)() % queue.size();
  const Sent sent = queue[pick];
  queue.erase(queue.begin() + pick);
  if (sent.forgotten) return;  // never begun: dropped
  if (sent.frame.payload_bytes == 0) {
    const Status status = here.sink->OnFrame(here.lane, sent.frame);
    if (!status.ok()) GoDown(side, status);
    return;
  }
  here.receiving = true;
  here.target_forgotten = false;
  here.current = sent;
  here.written = 0;
  void* target = nullptr;
  const Status status = here.sink->OnFrameHead(here.lane, sent.frame, &target);
  if (!status.ok()) return GoDown(side, status);
  here.target = static_cast<char*>(target);
}

void FakeWire::Finish(int side) {
  EndState& here = ends_[side];
  here.receiving = false;
  if (here.target_forgotten) return;
  const Status status = here.sink->OnFrame(here.lane, here.current.frame);
  if (!status.ok()) GoDown(side, status);
}

void FakeWire::GoDown(int side, const Status& why) {
  EndState& here = ends_[side];
  if (!here.up) return;
  here.up = false;
  here.receiving = false;
  EndState& peer = ends_[1 - side];
  if (peer.receiving) LeaveToNetwork(&peer.current);
  for (Sent& sent : here.to_peer) LeaveToNetwork(&sent);
  if ((*random_)() % 2 == 0) here.to_peer.clear();
  here.sink->OnLaneDown(here.lane, why);
}

void FakeWire::LeaveToNetwork(Sent* sent) {
  if (sent->forgotten || sent->copy != nullptr) return;
  sent->copy = std::make_shared<std::string>();
  if (sent->payload == nullptr) return;
  sent->copy->assign(sent->payload, sent->frame.payload_bytes);
  sent->payload = sent->copy->data();
}

void FakeWire::Break(int side) {
  GoDown(side, Status(Code::kUnavailable, "broken by the test"));
}

}  // namespace ithaca
