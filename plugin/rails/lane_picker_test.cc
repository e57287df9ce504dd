#include "plugin/rails/lane_picker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <queue>
#include <utility>
#include <vector>

namespace ithaca::rails {
namespace {

TEST(LanePicker, NothingUpMeansNoLane) {
  LanePicker picker;
  EXPECT_EQ(picker.Pick(1), -1);
  picker.SetUp(3);
  EXPECT_EQ(picker.Pick(1), 3);
  picker.SetDown(3);
  EXPECT_EQ(picker.Pick(1), -1);
}

TEST(LanePicker, UnmeasuredLanesTakeTurns) {
  LanePicker picker;
  picker.SetUp(0);
  picker.SetUp(1);
  picker.SetUp(2);
  std::map<int, int> picks;
  for (int i = 0; i < 30; ++i) {
    const int lane = picker.Pick(100);
    ++picks[lane];
    picker.OnGranted(lane, 100, 0);
  }
  EXPECT_EQ(picks[0], 10);
  EXPECT_EQ(picks[1], 10);
  EXPECT_EQ(picks[2], 10);
}

TEST(LanePicker, ALaneThatComesBackHasNoPast) {
  LanePicker picker;
  picker.SetUp(0);
  picker.OnGranted(0, 1000, 0);
  picker.SetDown(0);
  picker.SetUp(0);
  EXPECT_EQ(picker.outstanding(0), 0);
  picker.OnArrived(0, 1000, 5);  // late
  EXPECT_EQ(picker.outstanding(0), 0);
}

// Lanes of given speeds in virtual time. A grant reaches the sender after half
// of `round_trip_ns`, and a fragment the receiver after the other half; at most
// `window` fragments are outstanding over all lanes. Between ns 1e6 and 3e6
// lane `stalled` delivers nothing. Returns the bytes that each lane carried
// after `warm_up` bytes.
std::vector<uint64_t> Simulate(const std::vector<double>& bytes_per_ns,
                               uint64_t total, uint64_t fragment, int window,
                               double round_trip_ns = 0, int stalled = -1,
                               uint64_t warm_up = 0) {
  LanePicker picker;
  const int n = bytes_per_ns.size();
  for (int i = 0; i < n; ++i) picker.SetUp(i);
  using Event = std::pair<double, int>;  // arrival time, lane
  std::priority_queue<Event, std::vector<Event>, std::greater<Event>> events;
  std::vector<double> free_at(n, 0);
  std::vector<uint64_t> carried(n, 0);
  double now = 0;
  int outstanding = 0;
  uint64_t arrived = 0;
  for (uint64_t granted = 0; granted < total || outstanding > 0;) {
    while (granted < total && outstanding < window) {
      const int lane = picker.Pick(fragment);
      picker.OnGranted(lane, fragment, now);
      double start = std::max(free_at[lane], now + round_trip_ns / 2);
      if (lane == stalled && start > 1e6 && start < 3e6) start = 3e6;
      free_at[lane] = start + fragment / bytes_per_ns[lane];
      events.push({free_at[lane] + round_trip_ns / 2, lane});
      granted += fragment;
      ++outstanding;
    }
    now = events.top().first;
    const int lane = events.top().second;
    events.pop();
    picker.OnArrived(lane, fragment, now);
    arrived += fragment;
    if (arrived > warm_up) carried[lane] += fragment;
    --outstanding;
  }
  return carried;
}

TEST(LanePicker, ASlowLaneGetsItsShareOnly) {
  const auto carried = Simulate({1.0, 0.25}, 256 << 20, 64 << 10, 16);
  const double share = double(carried[1]) / (carried[0] + carried[1]);
  EXPECT_NEAR(share, 0.2, 0.03);  // a quarter of the other's four quarters
}

TEST(LanePicker, EqualLanesShareEqually) {
  const auto carried = Simulate({1.0, 1.0, 1.0, 1.0}, 256 << 20, 64 << 10, 32);
  for (uint64_t bytes : carried)
    EXPECT_NEAR(double(bytes) / (64 << 20), 1, 0.05);
}

// A lane that gets one fragment at a time is limited by the round trip, not by
// its speed; that must not make it look slow.
TEST(LanePicker, LatencyDoesNotPassForSlowness) {
  const auto carried =
      Simulate({1.0, 1.0}, 256 << 20, 64 << 10, 6, /*round_trip_ns=*/200e3);
  for (uint64_t bytes : carried)
    EXPECT_NEAR(double(bytes) / (128 << 20), 1, 0.1);
}

TEST(LanePicker, AStallIsForgiven) {
  const auto carried = Simulate({1.0, 1.0}, 256 << 20, 64 << 10, 12, 50e3,
                                /*stalled=*/1, /*warm_up=*/64 << 20);
  for (uint64_t bytes : carried)
    EXPECT_NEAR(double(bytes) / (96 << 20), 1, 0.1);
}

TEST(LanePicker, ATenthOfTheSpeedGetsAnEleventh) {
  const auto carried = Simulate({1.0, 0.1}, 256 << 20, 16 << 10, 32, 50e3, -1,
                                /*warm_up=*/16 << 20);
  EXPECT_NEAR(double(carried[1]) / (carried[0] + carried[1]), 1 / 11.0, 0.03);
}

}  // namespace
}  // namespace ithaca::rails
