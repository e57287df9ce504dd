#include "plugin/rails/lane_picker.h"

#include <algorithm>

namespace ithaca::rails {
namespace {

// A rate is sampled over at least this much work, so that one burst out of a
// socket's buffer does not pass for the speed of the rail.
constexpr uint64_t kSampleBytes = 256 << 10;
// Weight of a new sample in the moving average.
constexpr double kSampleWeight = 0.25;
// How fast a lane that is not measured is taken for the fastest again, per
// fragment.
constexpr double kDrift = 1.0 / 32;

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

double LanePicker::FastestRate() const {
  double fastest = 0;
  for (const LaneState& lane : lanes_)
    if (lane.up) fastest = std::max(fastest, lane.rate);
  return fastest;
}

int LanePicker::Pick(uint64_t bytes) const {
  double fastest = FastestRate();
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
  state.outstanding += bytes;
  state.granted_ns.push_back(now_ns);
  last_picked_ = lane;
}

void LanePicker::OnArrived(int lane, uint64_t bytes, int64_t now_ns) {
  LaneState& state = lanes_[lane];
  if (state.granted_ns.empty()) return;
  const int64_t granted_ns = state.granted_ns.front();
  state.granted_ns.pop_front();
  state.outstanding -= std::min(bytes, state.outstanding);
  const int64_t delay_ns = std::max<int64_t>(1, now_ns - granted_ns);
  if (state.least_delay_ns == 0 || delay_ns < state.least_delay_ns)
    state.least_delay_ns = delay_ns;
  // Whether the sender had this grant when the fragment before arrived.
  const bool busy = granted_ns + state.least_delay_ns <= state.last_arrival_ns;
  if (busy) {
    state.busy_ns += now_ns - state.last_arrival_ns;
    state.busy_bytes += bytes;
    AddSample(&state);
  } else if (state.rate > 0) {
    state.rate += kDrift * (FastestRate() - state.rate);
  }
  state.last_arrival_ns = now_ns;
}

void LanePicker::AddSample(LaneState* state) {
  if (state->busy_bytes < kSampleBytes || state->busy_ns <= 0) return;
  const double sample = state->busy_bytes * 1e9 / state->busy_ns;
  state->rate = state->rate == 0
                    ? sample
                    : state->rate + kSampleWeight * (sample - state->rate);
  state->busy_ns = 0;
  state->busy_bytes = 0;
}

}  // namespace ithaca::rails
