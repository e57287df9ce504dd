// Lanes and their paths in virtual time.
#include "plugin/rails/lane_health.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>

#include "plugin/rails/redial_schedule.h"

namespace ithaca::rails {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kPeriod = 50 * kMs;

// A socket as the kernel sees it: what is sent is acknowledged after a round
// trip while the path works.
class Path {
 public:
  void Send(int64_t now) {
    if (!outstanding_) sent_ = now;
    outstanding_ = true;
  }
  void RunTo(int64_t now) {
    if (works && outstanding_ && now - std::max(sent_, mended_) >= round_trip) {
      outstanding_ = false;
      heard_ = now;
    }
    now_ = now;
  }
  void Mend(int64_t now) { works = true, mended_ = now; }
  PathSample Sample() const {
    return {outstanding_, false, now_ - heard_, round_trip};
  }
  bool works = true;
  int64_t round_trip = kMs;

 private:
  bool outstanding_ = false;
  int64_t now_ = 0, sent_ = 0, heard_ = 0, mended_ = 0;
};

// Runs a lane that sends every `every` ns from `from` to `to`, breaking at
// `breaks`; returns when it was found silent, or 0.
int64_t FoundSilent(Path* path, int64_t every, int64_t to, int64_t breaks) {
  LaneHealth health;
  health.Start(0);
  for (int64_t now = 0; now < to; now += kMs / 4) {
    if (now >= breaks) path->works = false;
    if (every > 0 && now % every == 0) path->Send(now);
    path->RunTo(now);
    if (now % kPeriod != 0) continue;
    health.OnSample(path->Sample(), now);
    if (health.silent()) return now;
    if (health.WantsPing(now)) path->Send(now);
  }
  return 0;
}

TEST(LaneHealth, ABusyLaneOnADeadPathIsFoundWithinHalfASecond) {
  for (int64_t breaks = 1000 * kMs; breaks < 1060 * kMs; breaks += 3 * kMs) {
    Path path;
    const int64_t found = FoundSilent(&path, kMs, 5000 * kMs, breaks);
    EXPECT_GT(found, breaks + 300 * kMs);
    EXPECT_LE(found, breaks + 500 * kMs);
  }
}

TEST(LaneHealth, WhoOnlyWaitsFindsOutByPings) {
  Path path;
  const int64_t found = FoundSilent(&path, 0, 5000 * kMs, 1010 * kMs);
  EXPECT_GT(found, 1010 * kMs);
  EXPECT_LE(found, 1010 * kMs + 700 * kMs);
}

TEST(LaneHealth, APathThatAnswersIsNeverSilent) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 50; ++i) {
    Path path;
    path.round_trip = 1 + random() % (300 * kMs);
    const int64_t every = (random() % 2000) * (kMs / 4);
    EXPECT_EQ(FoundSilent(&path, every, 10'000 * kMs, INT64_MAX), 0)
        << path.round_trip << " " << every;
  }
}

// Long round trips: what is on its way is given three of them.
TEST(LaneHealth, ALongWayIsNoSilence) {
  Path path;
  path.round_trip = 600 * kMs;
  EXPECT_EQ(FoundSilent(&path, 1700 * kMs, 20'000 * kMs, INT64_MAX), 0);
}

// This process was stopped: its kernel went on, and new bytes are outstanding
// at both ends of the gap.
TEST(LaneHealth, AGapBetweenSamplesIsNoSilence) {
  LaneHealth health;
  health.Start(0);
  health.OnSample({true, false, 0, kMs}, 100 * kMs);
  // The first bytes were acknowledged 1 ms later, others sent just now.
  health.OnSample({true, false, 4999 * kMs, kMs}, 5100 * kMs);
  EXPECT_FALSE(health.silent());
  // But when nothing came for all that time, it is at once.
  health.Start(0);
  health.OnSample({true, false, 50 * kMs, kMs}, 100 * kMs);
  health.OnSample({true, false, 5050 * kMs, kMs}, 5100 * kMs);
  EXPECT_TRUE(health.silent());
}

// A peer that does not read closes its window: nothing is outstanding, and a
// ping would not get through.
TEST(LaneHealth, APeerThatDoesNotReadIsNotSilent) {
  LaneHealth health;
  health.Start(0);
  for (int64_t now = 0; now < 5000 * kMs; now += kPeriod) {
    health.OnSample({false, true, now, kMs}, now);
    EXPECT_FALSE(health.silent());
    EXPECT_FALSE(health.WantsPing(now));
    EXPECT_EQ(health.alive_ns(), now);
  }
}

TEST(RedialSchedule, AtOnceThenSteadily) {
  RedialSchedule schedule;
  schedule.OnUp(0);
  const int64_t lost = 10'000 * kMs;
  schedule.OnLost(lost);
  EXPECT_TRUE(schedule.Due(false, lost));
  schedule.OnDial(lost);
  EXPECT_FALSE(schedule.Due(false, lost));
  EXPECT_TRUE(schedule.Due(false, lost + RedialSchedule::kRetryNs));
}

// Whenever a rail returns, an attempt that begins after that ends in time.
TEST(RedialSchedule, AReturnIsFoundWithinTwoSeconds) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 1000; ++i) {
    RedialSchedule schedule;
    schedule.OnUp(0);
    const int64_t lost = random() % 5000 * kMs;
    const int64_t returns = lost + random() % 20'000 * kMs;
    schedule.OnLost(lost);
    int64_t attempt_ends = 0, found = 0;
    for (int64_t now = lost; found == 0; now += kPeriod) {
      if (now < attempt_ends || !schedule.Due(false, now)) continue;
      schedule.OnDial(now);
      attempt_ends = now + RedialSchedule::kConnectNs;
      if (now >= returns) found = now;
    }
    EXPECT_LT(found - returns, 1900 * kMs) << lost << " " << returns;
  }
}

TEST(RedialSchedule, AFlappingLaneWaits) {
  RedialSchedule schedule;
  schedule.OnUp(0);
  schedule.OnLost(500 * kMs);
  EXPECT_FALSE(schedule.Due(false, 500 * kMs));
  EXPECT_TRUE(schedule.Due(false, 500 * kMs + RedialSchedule::kHoldNs));
  // But a connection that has nothing else cannot wait.
  EXPECT_TRUE(schedule.Due(true, 500 * kMs));
}

}  // namespace
}  // namespace ithaca::rails
