// Which lane a fragment travels on: the one that is expected to deliver it
// first, by what each lane delivers now.
//
// Used by the receiving end of a connection, which grants fragments to lanes.
// A lane's rate is measured only while it was never short of grants, else a
// lane that gets few would look slow, and get fewer still; a lane without such
// measurements drifts back to being taken for the fastest.
// A lane at a quarter of the speed of the others thus gets a quarter of a
// lane's share, instead of holding back every message. Pure: no I/O, no clock;
// confined to the thread that holds the engine's lock.
#ifndef ITHACA_PLUGIN_RAILS_LANE_PICKER_H_
#define ITHACA_PLUGIN_RAILS_LANE_PICKER_H_

#include <array>
#include <cstdint>
#include <deque>

namespace ithaca::rails {

class LanePicker {
 public:
  static constexpr int kMaxLanes = 8;

  // A lane that is up may be picked. Coming up (again) forgets its past.
  void SetUp(int lane);
  void SetDown(int lane);
  bool up(int lane) const { return lanes_[lane].up; }
  int up_count() const;

  // The up lane with the least expected completion time for `bytes` more:
  // (outstanding + bytes) / rate. A lane not yet measured counts as fast as the
  // fastest known. Ties go to the lane after the one picked last. -1 when no
  // lane is up.
  int Pick(uint64_t bytes) const;

  // `bytes` were granted to the lane.
  void OnGranted(int lane, uint64_t bytes, int64_t now_ns);
  // `bytes` granted to the lane arrived.
  void OnArrived(int lane, uint64_t bytes, int64_t now_ns);

  uint64_t outstanding(int lane) const { return lanes_[lane].outstanding; }
  // Measured delivery in bytes per second while the lane had work; 0 = unknown.
  double bytes_per_second(int lane) const { return lanes_[lane].rate; }

 private:
  struct LaneState {
    bool up = false;
    uint64_t outstanding = 0;        // granted, not arrived
    double rate = 0;                 // bytes per second, moving average
    std::deque<int64_t> granted_ns;  // of each fragment outstanding, in order
    int64_t last_arrival_ns = 0;
    int64_t least_delay_ns = 0;  // from grant to arrival; 0 = unknown
    // The sample in the making: time and bytes in which the lane never waited
    // for a grant.
    int64_t busy_ns = 0;
    uint64_t busy_bytes = 0;
  };

  double FastestRate() const;
  void AddSample(LaneState* state);

  std::array<LaneState, kMaxLanes> lanes_;
  int last_picked_ = kMaxLanes - 1;
};

}  // namespace ithaca::rails

#endif  // ITHACA_PLUGIN_RAILS_LANE_PICKER_H_
