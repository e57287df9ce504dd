// A rail's window when other engines of the node receive over its NIC too.
#include <gtest/gtest.h>

#include "plugin/rails/credit_broker.h"

namespace ithaca::rails {
namespace {

constexpr double kFast = 1e9;  // bytes per second
// The least fragment on a shared rail.
constexpr uint64_t kLeast = 8 << 10;

TEST(RailSharing, AloneTheWindowIsTheRails) {
  CreditBroker broker(1, {});
  EXPECT_EQ(broker.window_bytes(0), broker.window_alone(0));
}

TEST(RailSharing, AWindowThatIsLessThanAShareStaysWhatItIs) {
  CreditBroker broker(1, {4 << 10, 4 << 10});
  broker.SetShare(0, {3, kFast});
  EXPECT_EQ(broker.window_bytes(0), 4u << 10);
}

TEST(RailSharing, TheWindowIsDividedAndNeverLessThanAFragment) {
  CreditBroker broker(2, {});
  broker.SetShare(0, {4, kFast});
  const uint64_t alone = broker.window_alone(0);
  EXPECT_GE(alone, 1'000'000u) << "it follows the NIC's speed";
  EXPECT_EQ(broker.window_bytes(0), alone / 4 + kLeast);
  EXPECT_EQ(broker.window_bytes(1), broker.window_alone(1))
      << "another rail is none of it";
  broker.SetShare(0, {1'000'000, kFast});
  EXPECT_EQ(broker.window_bytes(0), alone / 1'000'000 + kLeast);
  broker.SetShare(0, {1, kFast});
  EXPECT_EQ(broker.window_bytes(0), alone) << "all to itself again";
}

TEST(RailSharing, AWindowThatWasSetIsDividedToo) {
  CreditBroker broker(1, {256 << 10, 4 << 10});
  broker.SetShare(0, {2, 0});
  EXPECT_EQ(broker.window_bytes(0), 132u << 10);
  broker.SetShare(0, {1000, 0});
  EXPECT_EQ(broker.window_bytes(0), (256u << 10) / 1000 + (4u << 10));
}

class Waiter final : public CreditWaiter {
 public:
  void OnCredit() override { ++turns; }
  int turns = 0;
};

TEST(RailSharing, ActiveIsWhoWaitsOrHasBytesOnTheWay) {
  CreditBroker broker(1, {64 << 10, 16 << 10});
  Waiter waiter;
  Ticket ticket;
  ticket.Enter(&broker, 0, 1, &waiter);
  EXPECT_FALSE(broker.load(0).active);
  ticket.Wait();
  EXPECT_TRUE(broker.load(0).active);
  broker.Serve(1000);
  EXPECT_EQ(waiter.turns, 1);
  EXPECT_FALSE(broker.load(0).active);
  ticket.Take(1000, 1000);
  EXPECT_TRUE(broker.load(0).active);
  EXPECT_EQ(broker.load(0).arrived, 0u);
  ticket.Arrived(1000, {1000, 2000, 3000});
  EXPECT_FALSE(broker.load(0).active);
  EXPECT_EQ(broker.load(0).arrived, 1000u);
}

TEST(RailSharing, WhatFitsAloneWaitsBesideOthers) {
  CreditBroker broker(1, {64 << 10, 16 << 10});
  Waiter waiter;
  Ticket first, second;
  first.Enter(&broker, 0, 1, &waiter);
  second.Enter(&broker, 0, 2, &waiter);
  first.Take(16 << 10, 1000);
  EXPECT_EQ(second.Offer(1000), 16u << 10);
  broker.SetShare(0, {8, 0});
  EXPECT_EQ(second.Offer(1000), 0u);
  broker.SetShare(0, {2, 0});
  EXPECT_EQ(second.Offer(1000), 16u << 10);
}

}  // namespace
}  // namespace ithaca::rails
