#include "plugin/rails/lane_picker.h"

#include <algorithm>

namespace ithaca::rails {
namespace {

// A rate is sampled over at least this much work, so that one burst out of a
// socket's buffer does not pass for the speed of the rail.
constexpr uint64_t kSampleBytes = 256 << 10;
// Weight of a new sample in the moving average.
constexpr double kSampleWeight = 0.25;

}  // namespace

void LanePicker::SetUp(int lane) {
  lanes_[lane] = LaneState();
  lanes_[lane].up = true;
}

void LanePicker::SetDown(int lane) { lanes_[lane] = LaneState(); }

int LanePicker::up_count() const {
  return std::count_if(lanes_.begin(), lanes_.end(),
                       [](const LaneState& lane) { return lane.up; });
}

int LanePicker::Pick(uint64_t bytes) const {
  double fastest = 0;
  for (const LaneState& lane : lanes_)
    if (lane.up) fastest = std::max(fastest, lane.rate);
  if (fastest == 0) fastest = 1;
  int best = -1;
  double best_time = 0;
  for (int i = 1; i <= kMaxLanes; ++i) {
    const int index = (last_picked_ + i) % kMaxLanes;
    const LaneState& lane = lanes_[index];
    if (!lane.up) continue;
    const double rate = lane.rate > 0 ? lane.rate : fastest;
    const double time = (lane.outstanding + bytes) / rate;
    if (best < 0 || time < best_time) {
      best = index;
      best_time = time;
    }
  }
  return best;
}

void LanePicker::OnGranted(int lane, uint64_t bytes, int64_t now_ns) {
  LaneState& state = lanes_[lane];
  if (state.outstanding == 0) {
    state.busy_since_ns = now_ns;
    state.arrived_since = 0;
  }
  state.outstanding += bytes;
  last_picked_ = lane;
}

void LanePicker::OnArrived(int lane, uint64_t bytes, int64_t now_ns) {
  LaneState& state = lanes_[lane];
  state.outstanding -= std::min(bytes, state.outstanding);
  state.arrived_since += bytes;
  const int64_t elapsed_ns = now_ns - state.busy_since_ns;
  if (state.arrived_since < kSampleBytes || elapsed_ns <= 0) return;
  const double sample = state.arrived_since * 1e9 / elapsed_ns;
  state.rate = state.rate == 0
                   ? sample
                   : state.rate + kSampleWeight * (sample - state.rate);
  state.busy_since_ns = now_ns;
  state.arrived_since = 0;
}

void LanePicker::OnRevoked(int lane, uint64_t bytes) {
  LaneState& state = lanes_[lane];
  state.outstanding -= std::min(bytes, state.outstanding);
}

}  // namespace ithaca::rails
