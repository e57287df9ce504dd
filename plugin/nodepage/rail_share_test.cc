// Shares in virtual time: who is counted, and how fast the NIC is.
#include "plugin/nodepage/rail_share.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace ithaca::nodepage {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr RailKey kNic{7, 2};

RailUse Use(bool active, uint64_t arrived = 0, RailKey key = kNic) {
  return {key, 1 << 20, 0, arrived, active};
}

SlotUse Other(int index, int64_t written_ns, const RailUse& use) {
  SlotUse slot;
  slot.index = index;
  slot.owner = 1000 + index;
  slot.written_ns = written_ns;
  slot.rails = 1;
  slot.rail[0] = use;
  return slot;
}

TEST(RailShare, AloneItIsAllOurs) {
  RailShare share;
  EXPECT_EQ(share.Update(kMs, Use(true), {}).engines, 1);
}

TEST(RailShare, ActiveOnesOnThisNicAreCounted) {
  RailShare share;
  const int64_t now = 500 * kMs;
  const std::vector<SlotUse> others = {
      Other(1, now, Use(true)),
      Other(2, now, Use(false)),                 // nothing to receive
      Other(3, now, Use(true, 0, {7, 3})),       // another NIC
      Other(4, now, Use(true, 0, {8, 2})),       // the same index elsewhere
      Other(5, now - kLatelyNs, Use(true)),      // waits for a processor
      Other(6, now - kLatelyNs - 1, Use(true)),  // silent for too long
      Other(7, now + kMs, Use(true)),            // wrote after we looked
      Other(8, now + 2 * kLatelyNs, Use(true)),  // of before a restart
  };
  EXPECT_EQ(share.Update(now, Use(true), others).engines, 4);
}

TEST(RailShare, AShareComesBackWithTheNextLook) {
  RailShare share;
  EXPECT_EQ(share.Update(kMs, Use(true), {Other(1, kMs, Use(true))}).engines,
            2);
  EXPECT_EQ(
      share.Update(2 * kMs, Use(true), {Other(1, 2 * kMs, Use(false))}).engines,
      1);
}

TEST(RailShare, TheRecordOfTheNicMayStandAnywhereInASlot) {
  SlotUse slot = Other(1, kMs, Use(true, 0, {7, 9}));
  slot.rails = 3;
  slot.rail[1] = Use(true, 0, {8, 2});
  slot.rail[2] = Use(true);
  RailShare share;
  EXPECT_EQ(share.Update(kMs, Use(true), {slot}).engines, 2);
  slot.rails = 2;
  EXPECT_EQ(share.Update(kMs, Use(true), {slot}).engines, 1);
}

// Engines at `rates` (bytes per ms; the first is ours) for `ms`, each writing
// when its turn comes.
Share Receive(RailShare* share, const std::vector<uint64_t>& rates, int64_t ms,
              int64_t from_ms = 0) {
  std::mt19937 random(42);
  std::vector<SlotUse> others;
  for (size_t i = 1; i < rates.size(); ++i)
    others.push_back(Other(i, from_ms * kMs, Use(true)));
  Share last;
  for (int64_t t = from_ms; t < from_ms + ms; ++t) {
    for (size_t i = 1; i < rates.size(); ++i)
      if (random() % 4 == 0)
        others[i - 1] = Other(i, t * kMs, Use(true, t * rates[i]));
    last = share->Update(t * kMs, Use(true, t * rates[0]), others);
  }
  return last;
}

TEST(RailShare, TheNicsSpeedIsTheSum) {
  RailShare share;
  const Share last = Receive(&share, {1000, 3000, 2000}, 1000);
  EXPECT_EQ(last.engines, 3);
  EXPECT_NEAR(last.bytes_per_second, 6000e3, 60e3);
}

TEST(RailShare, ItIsKeptWhileOthersPauseAndForgottenSlowly) {
  RailShare share;
  Receive(&share, {1000, 3000}, 1000);
  EXPECT_NEAR(Receive(&share, {1000}, 200, 1000).bytes_per_second, 3950e3,
              60e3);
  EXPECT_NEAR(Receive(&share, {1000}, 60'000, 1200).bytes_per_second, 1000e3,
              10e3);
}

TEST(RailShare, AnotherEngineInTheSameSlotIsNoSpeed) {
  RailShare share;
  SlotUse other = Other(1, kMs, Use(true, 1000));
  share.Update(100 * kMs, Use(true), {other});
  other.owner = 77;
  other.written_ns = 141 * kMs;
  other.rail[0].arrived = 1ull << 50;
  EXPECT_EQ(share.Update(141 * kMs, Use(true), {other}).bytes_per_second, 0);
}

TEST(RailShare, WhateverASlotSaysTheShareIsPossible) {
  std::mt19937_64 random(4711);
  const auto word = [&]() -> uint64_t {
    switch (random() % 4) {
      case 0:
        return random();
      case 1:
        return ~uint64_t{0} - random() % 3;
      case 2:
        return random() % 3;
      default:
        return 1ull << 63;
    }
  };
  RailShare share;
  int64_t now = 0;
  for (int i = 0; i < 200'000; ++i) {
    now += random() % (60 * kMs);
    std::vector<SlotUse> others;
    for (int s = random() % 4; s > 0; --s) {
      others.push_back(Other(s, 0, Use(random() % 2, word())));
      others.back().written_ns = random() % 2 ? now - random() % kMs : word();
      others.back().owner = word();
    }
    const Share got = share.Update(now, Use(true, word()), others);
    ASSERT_GE(got.engines, 1);
    ASSERT_LE(got.engines, 1 + static_cast<int>(others.size()));
    ASSERT_GE(got.bytes_per_second, 0);
    ASSERT_LE(got.bytes_per_second, 1e12);
  }
}

}  // namespace
}  // namespace ithaca::nodepage
