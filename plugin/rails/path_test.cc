// Paths in virtual time: what their budgets do, whatever a peer writes.
#include "plugin/rails/path.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

namespace ithaca::rails {
namespace {

constexpr int64_t kUs = 1000;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kTarget = kMs;
constexpr uint64_t kStep = 16 << 10;
constexpr uint64_t kMost = 1 << 20;
constexpr Path::Bounds kBounds{kTarget, kStep, kMost};

// A path that is always granted one step when the one before has come.
class Feed {
 public:
  explicit Feed(int64_t peer_clock = 0) : peer_clock_(peer_clock) {}

  // Grants take 50 us to be answered, fragments 100 us and `wait_ns`.
  void BringOne(int64_t wait_ns, int64_t grant_wait_ns = 0) {
    FragmentTimes times;
    times.granted_ns = now_;
    const int64_t sent = now_ + 50 * kUs + grant_wait_ns;
    times.sent_ns =
        static_cast<uint64_t>(sent) + static_cast<uint64_t>(peer_clock_);
    now_ = times.arrived_ns = sent + 100 * kUs + wait_ns;
    path_.OnGranted(kStep);
    path_.OnArrived(kStep, times, kBounds);
  }
  void Bring(int count, int64_t wait_ns, int64_t grant_wait_ns = 0) {
    for (int i = 0; i < count; ++i) BringOne(wait_ns, grant_wait_ns);
  }
  void Pause(int64_t ns) { now_ += ns; }
  Path& path() { return path_; }
  int64_t now() const { return now_; }

 private:
  const int64_t peer_clock_;
  int64_t now_ = kMs;
  Path path_;
};

TEST(Path, GrowsToTheMostWhileNothingWaits) {
  Feed feed;
  EXPECT_EQ(feed.path().budget(), 0) << "not begun";
  feed.Bring(1000, 0);
  EXPECT_EQ(feed.path().budget(), kMost);
}

TEST(Path, ShrinksBelowAFragmentWhileAllWaitAndComesBack) {
  Feed feed;
  feed.Bring(100, 0);
  double before = feed.path().budget();
  for (int i = 0; i < 200; ++i) {
    feed.BringOne(20 * kTarget);
    EXPECT_LE(feed.path().budget(), before + kStep);
    before = feed.path().budget();
    EXPECT_GT(before, 0) << "it must never stop for good";
  }
  EXPECT_LT(before, kStep / 2);
  feed.Bring(20'000, 0);
  EXPECT_GT(feed.path().budget(), 8 * kStep);
}

TEST(Path, WaitsWithinTheTargetAreNoQueue) {
  Feed feed;
  feed.Bring(1, 0);
  feed.Bring(1000, kTarget - kUs);
  EXPECT_EQ(feed.path().budget(), kMost);
}

// A process that slept holds one fragment up, not all.
TEST(Path, OneFragmentHeldUpIsNoQueue) {
  Feed feed;
  feed.Bring(1000, 0);
  for (int i = 0; i < 100; ++i) {
    feed.BringOne(100 * kTarget);
    feed.Bring(5, 0);
  }
  EXPECT_EQ(feed.path().budget(), kMost);
}

// All fragments of one round waited in the same queue.
TEST(Path, OneRoundShrinksItOnce) {
  Path path;
  FragmentTimes times{0, 50 * kUs, 150 * kUs};
  for (int i = 0; i < 1000; ++i) {
    path.OnGranted(kStep);
    path.OnArrived(kStep, times, kBounds);
    times.granted_ns += kMs, times.sent_ns += kMs, times.arrived_ns += kMs;
  }
  const double before = path.budget();
  path.OnGranted(32 * kStep);
  times.arrived_ns += 50 * kTarget;
  for (int i = 0; i < 32; ++i) {
    times.arrived_ns += kUs;
    path.OnArrived(kStep, times, kBounds);
  }
  EXPECT_LT(path.budget(), before);
  EXPECT_GE(path.budget(), before / 2);
}

TEST(Path, TheSendersClockMayBeAnyOther) {
  Feed same, future(INT64_C(1) << 62), past(-(INT64_C(1) << 62)),
      wraps(std::numeric_limits<int64_t>::max() - 3 * kMs);
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 3000; ++i) {
    const int64_t wait = i / 500 % 2 * (random() % (3 * kTarget));
    for (Feed* feed : {&same, &future, &past, &wraps}) feed->BringOne(wait);
    EXPECT_EQ(same.path().budget(), future.path().budget());
    EXPECT_EQ(same.path().budget(), past.path().budget());
    EXPECT_EQ(same.path().budget(), wraps.path().budget());
    EXPECT_EQ(same.path().base_delay_ns(), future.path().base_delay_ns());
    EXPECT_EQ(same.path().base_delay_ns(), past.path().base_delay_ns());
  }
  EXPECT_EQ(same.path().base_delay_ns(), 150 * kUs);
}

TEST(Path, TellsItsOwnEndsQueueFromThePeers) {
  Feed feed;
  feed.Bring(10, 0);
  EXPECT_EQ(feed.path().grant_wait_ns(), 0);
  feed.Bring(100, 0, 7 * kMs);
  EXPECT_EQ(feed.path().grant_wait_ns(), 7 * kMs);
  EXPECT_EQ(feed.path().base_delay_ns(), 150 * kUs);
  EXPECT_EQ(feed.path().budget(), kMost) << "not what the budget is about";
}

TEST(Path, AWayThatBecameLongerIsKnownAfterAWhile) {
  Feed feed;
  feed.Bring(100, 0);
  // Routed another way: always 3 ms longer, which looks like a queue at first.
  feed.Bring(100, 3 * kMs);
  EXPECT_LT(feed.path().budget(), kMost);
  while (feed.now() < 25'000 * kMs) feed.BringOne(3 * kMs);
  EXPECT_EQ(feed.path().base_delay_ns(), 150 * kUs + 3 * kMs);
  EXPECT_EQ(feed.path().budget(), kMost);
}

TEST(Path, WhatWasLearnedLongAgoIsUnknown) {
  Feed feed;
  EXPECT_EQ(feed.path().delay_ns(feed.now()), 0);
  feed.Bring(50, 30 * kMs);
  const int64_t delay = feed.path().delay_ns(feed.now());
  EXPECT_NEAR(delay, 30 * kMs, kMs);
  feed.Pause(10'000 * kMs);
  EXPECT_EQ(feed.path().delay_ns(feed.now()), 0);
  feed.path().OnGranted(kStep);  // something is to come: no reason to ask more
  EXPECT_EQ(feed.path().delay_ns(feed.now()), delay);
}

TEST(Path, KnowsWhatItBrings) {
  Feed feed;
  feed.Bring(2000, 850 * kUs);  // a step per ms
  EXPECT_NEAR(feed.path().bytes_per_second(), kStep * 1e3, kStep * 10);
}

// Times of this end are in order; the peer's are whatever it wrote.
TEST(Path, TakesAnyTimeAPeerMayWrite) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  constexpr int64_t kEdges[] = {std::numeric_limits<int64_t>::min(),
                                std::numeric_limits<int64_t>::min() + 1,
                                -1,
                                0,
                                1,
                                std::numeric_limits<int64_t>::max() - 1,
                                std::numeric_limits<int64_t>::max()};
  for (int round = 0; round < 200; ++round) {
    Path path;
    int64_t now = 1 + random() % (1000 * kMs);
    uint64_t outstanding = 0;
    for (int i = 0; i < 500; ++i) {
      const uint64_t bytes = 1 + random() % kStep;
      path.OnGranted(bytes);
      outstanding += bytes;
      FragmentTimes times;
      times.granted_ns = now - random() % now;
      times.arrived_ns = now;
      times.sent_ns = random() % 2 == 0 ? static_cast<int64_t>(random())
                                        : kEdges[random() % 7];
      if (random() % 4 == 0) {
        path.OnLost(bytes);
        outstanding -= bytes;
      } else if (random() % 4 != 0) {
        path.OnArrived(bytes, times, kBounds);
        outstanding -= bytes;
        EXPECT_GT(path.budget(), 0);
        EXPECT_LE(path.budget(), kMost);
      }
      EXPECT_TRUE(std::isfinite(path.bytes_per_second()));
      EXPECT_GE(path.base_delay_ns(), 0);
      EXPECT_GE(path.grant_wait_ns(), 0);
      EXPECT_GE(path.delay_ns(now), 0);
      ASSERT_EQ(path.outstanding(), outstanding);
      now += random() % (20 * kMs);
    }
  }
}

TEST(RecentLeast, ForgetsWithinTenSecondsAndNotBeforeFive) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    RecentLeast least;
    int64_t now = 1 + random() % (10'000 * kMs);
    for (const int64_t end = now + random() % (20'000 * kMs); now < end;
         now += 100 * kMs)
      least.Add(50, now);
    least.Add(7, now);
    const int64_t low = now;
    while (now < low + 5'000 * kMs) {
      EXPECT_EQ(least.value(), 7);
      least.Add(50, now += 100 * kMs);
    }
    while (now < low + 10'200 * kMs) least.Add(50, now += 100 * kMs);
    EXPECT_EQ(least.value(), 50);
  }
}

}  // namespace
}  // namespace ithaca::rails
