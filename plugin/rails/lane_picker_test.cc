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

TEST(LanePicker, RevokedBytesCountNoMore) {
  LanePicker picker;
  picker.SetUp(0);
  picker.OnGranted(0, 1000, 0);
  picker.OnRevoked(0, 400);
  EXPECT_EQ(picker.outstanding(0), 600);
  picker.OnRevoked(0, 4000);
  EXPECT_EQ(picker.outstanding(0), 0);
}

// Lanes of given speeds in virtual time, `window` fragments outstanding at
// once. Returns the bytes that each lane carried.
std::vector<uint64_t> Simulate(const std::vector<double>& bytes_per_ns,
                               uint64_t total, uint64_t fragment, int window) {
  LanePicker picker;
  const int n = bytes_per_ns.size();
  for (int i = 0; i < n; ++i) picker.SetUp(i);
  using Event = std::pair<double, int>;  // arrival time, lane
  std::priority_queue<Event, std::vector<Event>, std::greater<Event>> events;
  std::vector<double> free_at(n, 0);
  std::vector<uint64_t> carried(n, 0);
  double now = 0;
  int outstanding = 0;
  for (uint64_t granted = 0; granted < total || outstanding > 0;) {
    while (granted < total && outstanding < window) {
      const int lane = picker.Pick(fragment);
      picker.OnGranted(lane, fragment, now);
      free_at[lane] =
          std::max(free_at[lane], now) + fragment / bytes_per_ns[lane];
      events.push({free_at[lane], lane});
      granted += fragment;
      ++outstanding;
    }
    now = events.top().first;
    const int lane = events.top().second;
    events.pop();
    picker.OnArrived(lane, fragment, now);
    carried[lane] += fragment;
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

}  // namespace
}  // namespace ithaca::rails
