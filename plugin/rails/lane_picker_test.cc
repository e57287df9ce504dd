// Which lane a fragment travels on, in virtual time.
#include "plugin/rails/lane_picker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace ithaca::rails {
namespace {

constexpr int64_t kUs = 1000;
constexpr int64_t kMs = 1'000'000;
constexpr uint64_t kFragment = 16 << 10;
constexpr uint64_t kPlenty = 1 << 30;

// A connection over lanes that each bring one fragment after the other.
class Lanes : public CreditWaiter {
 public:
  static constexpr int kMany = LanePicker::kMaxLanes;
  // Of each lane, bytes per second; lane i comes over rail i.
  explicit Lanes(std::vector<double> rates, CreditBroker::Limits limits = {})
      : rates_(std::move(rates)),
        broker_(kMany, limits),
        picker_(&broker_, this) {
    for (size_t i = 0; i < rates_.size(); ++i) picker_.SetUp(i, i, 7);
  }

  void OnCredit() override { Grant(); }

  // Receives `bytes`; returns how long it took.
  int64_t Receive(uint64_t bytes) {
    const int64_t begin = now_;
    left_ = bytes;
    Grant();
    while (left_ > 0 || picker_.outstanding() > 0) {
      if (!ArriveNext()) {
        now_ += 100 * kUs;
        broker_.Serve(now_);
        if (now_ - begin > 60'000 * kMs) {
          ADD_FAILURE() << "stuck with " << left_ << " left";
          break;
        }
      }
    }
    return now_ - begin;
  }
  // The lane takes its fragments with it; they are received again.
  void Down(int lane) {
    for (const Coming& coming : coming_[lane]) left_ += coming.bytes;
    coming_[lane].clear();
    picker_.SetDown(lane);
  }
  void Up(int lane) {
    busy_until_[lane] = now_;
    picker_.SetUp(lane, lane, 7);
  }
  void Slow(int lane, double rate) { rates_[lane] = rate; }
  bool ArriveNext() {
    int lane = -1;
    for (size_t i = 0; i < rates_.size(); ++i)
      if (!coming_[i].empty() &&
          (lane < 0 ||
           coming_[i].front().arrives_ns < coming_[lane].front().arrives_ns))
        lane = i;
    if (lane < 0) return false;
    const Coming coming = coming_[lane].front();
    coming_[lane].pop_front();
    now_ = std::max(now_, coming.arrives_ns);
    arrived_[lane] += coming.bytes;
    picker_.OnArrived(lane, coming.bytes,
                      {coming.granted_ns, coming.granted_ns + 20 * kUs, now_});
    broker_.Serve(now_);
    return true;
  }
  void Grant() {
    while (left_ > 0) {
      uint64_t bytes = 0;
      const int lane = picker_.Pick(left_, now_, &bytes);
      if (lane == LanePicker::kNone) return picker_.Wait(now_);
      ASSERT_GT(bytes, 0);
      bytes = std::min(bytes, left_);
      left_ -= bytes;
      picker_.OnGranted(lane, bytes, now_);
      busy_until_[lane] = std::max(busy_until_[lane], now_ + 50 * kUs) +
                          static_cast<int64_t>(bytes * 1e9 / rates_[lane]);
      coming_[lane].push_back({bytes, now_, busy_until_[lane] + 50 * kUs});
    }
  }
  void Begin(uint64_t bytes) {
    left_ = bytes;
    Grant();
  }
  void Pause(int64_t ns) { now_ += ns; }
  uint64_t arrived(int lane) const { return arrived_[lane]; }
  void Reset() { arrived_.fill(0); }
  LanePicker& picker() { return picker_; }
  CreditBroker& broker() { return broker_; }
  int64_t now() const { return now_; }

 private:
  struct Coming {
    uint64_t bytes;
    int64_t granted_ns;
    int64_t arrives_ns;
  };
  std::vector<double> rates_;
  int64_t now_ = kMs;
  CreditBroker broker_;
  LanePicker picker_;
  uint64_t left_ = 0;
  std::array<std::deque<Coming>, kMany> coming_;
  std::array<int64_t, kMany> busy_until_{};
  std::array<uint64_t, kMany> arrived_{};
};

TEST(LanePicker, WithoutALaneThereIsNone) {
  Lanes lanes({});
  uint64_t bytes = 0;
  EXPECT_EQ(lanes.picker().Pick(kPlenty, kMs, &bytes), LanePicker::kNone);
  lanes.picker().Wait(kMs);
}

TEST(LanePicker, EqualLanesShareEqually) {
  Lanes lanes({25e6, 25e6, 25e6, 25e6});
  lanes.Receive(8 << 20);
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(lanes.arrived(i), 2 << 20, 0.1 * (2 << 20));
}

// A lane at a fraction of the speed of three others: it brings its part, and
// the whole takes as long as the rates together need, or little more.
TEST(LanePicker, ASlowLaneBringsWhatItCan) {
  for (const double part : {0.5, 0.25, 0.1, 0.01}) {
    Lanes lanes({25e6, 25e6 * part, 25e6, 25e6});
    lanes.Receive(4 << 20);  // it learns
    lanes.Reset();
    const uint64_t bytes = 32 << 20;
    const double ideal = bytes * 1e9 / ((3 + part) * 25e6);
    EXPECT_LT(lanes.Receive(bytes), 1.07 * ideal) << part;
    EXPECT_LT(lanes.arrived(1), 1.2 * bytes * part / (3 + part)) << part;
    if (part >= 0.1) {
      EXPECT_GT(lanes.arrived(1), 0.5 * bytes * part / (3 + part)) << part;
    }
  }
}

// What a lane is like is unknown until its first fragment has come, and what is
// late no longer counts in the window: but it must not be given all the rest.
TEST(LanePicker, ALaneThatBringsNothingGetsLittle) {
  Lanes lanes({25e6, 25e3});
  lanes.Begin(16 << 20);
  for (int i = 0; i < 500; ++i) lanes.ArriveNext();
  EXPECT_GT(lanes.arrived(0), 500 * kFragment * 9 / 10);
  EXPECT_LE(lanes.picker().outstanding(), 512 << 10);
  // The same for one that worked well, and stopped.
  Lanes stops({25e6, 25e6});
  stops.Receive(8 << 20);
  stops.Slow(1, 25e3);
  stops.Begin(16 << 20);
  for (int i = 0; i < 500; ++i) stops.ArriveNext();
  EXPECT_LE(stops.picker().outstanding(), 512 << 10);
}

TEST(LanePicker, ALaneThatSlowsDownInTheMiddleCostsWhatItLost) {
  Lanes lanes({25e6, 25e6});
  lanes.Receive(8 << 20);
  lanes.Slow(1, 2.5e6);
  const uint64_t bytes = 16 << 20;
  EXPECT_LT(lanes.Receive(bytes), 1.1 * bytes * 1e9 / 27.5e6);
  lanes.Slow(1, 25e6);
  lanes.Receive(bytes);  // it is seen to be well again
  EXPECT_LT(lanes.Receive(bytes), 1.1 * bytes * 1e9 / 50e6);
}

// The last fragments do not travel on a lane on which they would come after
// all the rest.
TEST(LanePicker, TheTailWaitsForTheFastLane) {
  Lanes lanes({25e6, 0.25e6}, {32 << 10, kFragment});
  lanes.Receive(4 << 20);
  lanes.Reset();
  for (int i = 0; i < 20; ++i) {
    const int64_t took = lanes.Receive(256 << 10);
    EXPECT_LT(took, 2 * (256 << 10) * 1e9 / 25e6);
  }
  EXPECT_EQ(lanes.arrived(1), 0) << "a fragment takes it 64 ms";
  // With much to come it is worth having.
  lanes.Receive(32 << 20);
  EXPECT_GT(lanes.arrived(1), 0);
}

TEST(LanePicker, WhatALaneIsLikeIsTriedAgainAfterAPause) {
  Lanes lanes({25e6, 0.25e6});
  lanes.Receive(4 << 20);
  lanes.Slow(1, 25e6);  // unseen
  lanes.Pause(10'000 * kMs);
  lanes.Reset();
  lanes.Receive(8 << 20);
  EXPECT_NEAR(lanes.arrived(1), 4 << 20, 1 << 20);
}

TEST(LanePicker, GrantsTravelOnTheFastestLane) {
  Lanes lanes({25e6, 0.25e6, 24e6});
  EXPECT_EQ(lanes.picker().Fastest(1, kMs), 1) << "nothing is known";
  lanes.Begin(64 << 20);
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(lanes.ArriveNext());
  const int via = lanes.picker().Fastest(1, lanes.now());
  EXPECT_TRUE(via == 0 || via == 2) << via;
  EXPECT_EQ(lanes.picker().Fastest(0, lanes.now()), 0) << "much alike";
  EXPECT_EQ(lanes.picker().Fastest(2, lanes.now()), 2);
  lanes.Down(0);
  lanes.Down(2);
  EXPECT_EQ(lanes.picker().Fastest(1, lanes.now()), 1);
}

TEST(LanePicker, ALaneWithoutCreditIsAlwaysOpen) {
  Lanes lanes({});
  LanePicker& picker = lanes.picker();
  picker.SetUp(3, kNoRail, 7);
  uint64_t bytes = 0;
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(picker.Pick(kPlenty, kMs, &bytes), 3);
    ASSERT_GT(bytes, 0);
    picker.OnGranted(3, bytes, kMs);
  }
  picker.OnRetransmits(3, 5, kMs);
  EXPECT_EQ(picker.outstanding(), 100 * bytes);
  picker.OnArrived(3, bytes, {kMs, 0, 2 * kMs});
  picker.OnLost(3, bytes);
  EXPECT_EQ(picker.outstanding(), 98 * bytes);
  picker.SetDown(3);
  EXPECT_EQ(picker.outstanding(), 0);
  EXPECT_EQ(lanes.broker().paths(), 0);
}

TEST(LanePicker, ADeadLaneGivesBackWhatWasGrantedToIt) {
  Lanes lanes({25e6, 25e6}, {64 << 10, kFragment});
  lanes.Begin(kPlenty);
  EXPECT_EQ(lanes.picker().outstanding(), 2 * 64 << 10);
  EXPECT_EQ(lanes.broker().outstanding(1), 64 << 10);
  lanes.Down(1);
  lanes.Down(1);  // nothing more
  EXPECT_EQ(lanes.picker().outstanding(), 64 << 10);
  EXPECT_EQ(lanes.broker().outstanding(1), 0);
  uint64_t bytes = 0;
  EXPECT_EQ(lanes.picker().Pick(kPlenty, lanes.now(), &bytes),
            LanePicker::kNone);
  lanes.picker().OnLost(0, kFragment);
  EXPECT_EQ(lanes.broker().outstanding(0), 48 << 10);
  EXPECT_EQ(lanes.picker().Pick(kPlenty, lanes.now(), &bytes), 0);
  lanes.Up(1);
  lanes.Grant();
  EXPECT_EQ(lanes.broker().outstanding(0), 64 << 10);
  EXPECT_EQ(lanes.broker().outstanding(1), 64 << 10);
}

// What the kernel counts; it goes on from where it is, and wraps.
TEST(LanePicker, OnlyNewRetransmissionsMakeALaneNarrow) {
  Lanes lanes({25e6}, {128 << 10, kFragment});
  lanes.Receive(1 << 20);
  int64_t now = lanes.now();
  for (int i = 0; i < 100; ++i) {
    lanes.picker().OnRetransmits(0, 4'000'000'000u, now);
    // A late frame speaks of the past.
    lanes.picker().OnRetransmits(0, 4'000'000'000u, now += kUs);
  }
  lanes.Begin(kPlenty);
  EXPECT_GT(lanes.picker().outstanding(), kFragment) << "lost once";
  for (uint32_t i = 0; i < 30; ++i)
    lanes.picker().OnRetransmits(0, UINT32_MAX - 10 + i, now += kUs);
  while (lanes.ArriveNext() && lanes.picker().outstanding() > kFragment) {
  }
  for (int i = 0; i < 50; ++i) {
    lanes.ArriveNext();
    EXPECT_LE(lanes.picker().outstanding(), kFragment);
  }
}

TEST(LanePicker, BringsEverythingWhileLanesComeAndGo) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 30 && !testing::Test::HasFailure(); ++round) {
    std::vector<double> rates;
    for (int i = 0; i < Lanes::kMany; ++i)
      rates.push_back(1e6 * (1 + random() % 1000));
    Lanes lanes(rates);
    std::vector<bool> up(Lanes::kMany, true);
    const uint64_t bytes = 64 << 20;
    lanes.Begin(bytes);
    for (int i = 0; i < 300; ++i) {
      const int lane = random() % Lanes::kMany;
      if (up[lane])
        lanes.Down(lane);
      else
        lanes.Up(lane);
      up[lane] = !up[lane];
      lanes.Grant();
      for (int n = random() % 10; n > 0; --n) lanes.ArriveNext();
    }
    for (int i = 0; i < Lanes::kMany; ++i)
      if (!up[i]) lanes.Up(i);
    lanes.Grant();
    for (int idle = 0; idle < 100; ++idle) {
      while (lanes.ArriveNext()) idle = 0;
      lanes.Pause(kMs);
      lanes.broker().Serve(lanes.now());
    }
    uint64_t arrived = 0;
    for (int i = 0; i < Lanes::kMany; ++i) {
      arrived += lanes.arrived(i);
      EXPECT_EQ(lanes.broker().outstanding(i), 0);
    }
    EXPECT_EQ(arrived, bytes);
    EXPECT_EQ(lanes.picker().outstanding(), 0);
  }
}

}  // namespace
}  // namespace ithaca::rails
