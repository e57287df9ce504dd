#include "plugin/rails/lane_picker.h"

#include <algorithm>

namespace ithaca::rails {
namespace {

// A lane that needs no credit takes this much at a time.
constexpr uint64_t kFreeFragment = 1 << 20;
// The connection's speed is sampled over this much.
constexpr uint64_t kSampleBytes = 64 << 10;
constexpr double kSampleWeight = 0.25;
// Lanes whose delays differ less than this are equally good.
constexpr int kAlike = 2;

}  // namespace

void LanePicker::SetUp(int lane, int rail, uint64_t peer) {
  SetDown(lane);
  lanes_[lane].up = true;
  if (rail != kNoRail) lanes_[lane].ticket.Enter(broker_, rail, peer, owner_);
}

void LanePicker::SetDown(int lane) {
  LaneState& state = lanes_[lane];
  state.ticket.Leave();
  outstanding_ -= state.outstanding;
  state.up = false;
  state.outstanding = 0;
  state.retransmits = 0;
}

uint64_t LanePicker::Offer(const LaneState& lane, int64_t now_ns) const {
  if (!lane.up) return 0;
  return lane.ticket.entered() ? lane.ticket.Offer(now_ns) : kFreeFragment;
}

int64_t LanePicker::Delay(const LaneState& lane, int64_t now_ns) const {
  return lane.ticket.entered() ? lane.ticket.delay_ns(now_ns) : 0;
}

int LanePicker::Pick(uint64_t ungranted, int64_t now_ns,
                     uint64_t* bytes) const {
  int best = kNone;
  int64_t best_delay = 0, fastest = 0;
  for (int i = 1; i <= kMaxLanes; ++i) {
    const int index = (last_ + i) % kMaxLanes;
    const LaneState& lane = lanes_[index];
    if (!lane.up) continue;
    const int64_t delay = Delay(lane, now_ns);
    if (delay > 0 && (fastest == 0 || delay < fastest)) fastest = delay;
    const uint64_t offer = Offer(lane, now_ns);
    if (offer == 0 || (best != kNone && delay >= best_delay)) continue;
    best = index;
    best_delay = delay;
    *bytes = offer;
  }
  if (best == kNone || best_delay <= kAlike * fastest || bytes_per_ns_ == 0)
    return best;
  const double others_ns = fastest + ungranted / bytes_per_ns_;
  return best_delay <= others_ns ? best : kNone;
}

int LanePicker::Fastest(int lane, int64_t now_ns) const {
  int fastest = lane;
  int64_t least = Delay(lanes_[lane], now_ns) / kAlike;
  for (int i = 0; i < kMaxLanes; ++i) {
    const int64_t delay = Delay(lanes_[i], now_ns);
    if (!lanes_[i].up || delay == 0 || delay >= least) continue;
    fastest = i;
    least = delay;
  }
  return fastest;
}

void LanePicker::Wait(int64_t now_ns) {
  for (LaneState& lane : lanes_)
    if (lane.up && Offer(lane, now_ns) == 0) lane.ticket.Wait();
}

void LanePicker::OnGranted(int lane, uint64_t bytes, int64_t now_ns) {
  LaneState& state = lanes_[lane];
  if (outstanding_ == 0) since_ns_ = now_ns;
  last_ = lane;
  outstanding_ += bytes;
  state.outstanding += bytes;
  if (state.ticket.entered()) state.ticket.Take(bytes, now_ns);
}

void LanePicker::OnArrived(int lane, uint64_t bytes,
                           const FragmentTimes& times) {
  LaneState& state = lanes_[lane];
  outstanding_ -= bytes;
  state.outstanding -= bytes;
  if (state.ticket.entered()) state.ticket.Arrived(bytes, times);
  Measure(bytes, times.arrived_ns);
}

void LanePicker::OnLost(int lane, uint64_t bytes) {
  LaneState& state = lanes_[lane];
  outstanding_ -= bytes;
  state.outstanding -= bytes;
  if (state.ticket.entered()) state.ticket.Lost(bytes);
}

void LanePicker::Measure(uint64_t bytes, int64_t now_ns) {
  busy_ns_ += now_ns - since_ns_;
  since_ns_ = now_ns;
  busy_bytes_ += bytes;
  if (busy_bytes_ < kSampleBytes || busy_ns_ <= 0) return;
  const double sample = static_cast<double>(busy_bytes_) / busy_ns_;
  bytes_per_ns_ =
      bytes_per_ns_ == 0
          ? sample
          : bytes_per_ns_ + kSampleWeight * (sample - bytes_per_ns_);
  busy_ns_ = 0;
  busy_bytes_ = 0;
}

void LanePicker::OnRetransmits(int lane, uint32_t count, int64_t now_ns) {
  LaneState& state = lanes_[lane];
  // As the kernel counts: it wraps, and a lane that came back begins anew.
  const bool more = static_cast<int32_t>(count - state.retransmits) > 0;
  state.retransmits = count;
  if (more && state.ticket.entered()) state.ticket.Retransmitted(now_ns);
}

}  // namespace ithaca::rails
