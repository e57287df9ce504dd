#include "plugin/rails/grant_broker.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace ithaca::rails {
namespace {

TEST(GrantBroker, WindowPerRail) {
  GrantBroker broker(2, 100);
  EXPECT_TRUE(broker.TryTake(0, 60, false));
  EXPECT_FALSE(broker.TryTake(0, 60, false));
  EXPECT_TRUE(broker.TryTake(1, 60, false));
  EXPECT_TRUE(broker.TryTake(0, 40, false));
  broker.Return(0, 60);
  EXPECT_EQ(broker.outstanding(0), 40);
}

TEST(GrantBroker, AnIdleRailTakesAFragmentLargerThanTheWindow) {
  GrantBroker broker(1, 100);
  EXPECT_TRUE(broker.TryTake(0, 500, false));
  EXPECT_FALSE(broker.TryTake(0, 1, false));
}

TEST(GrantBroker, NoRailNeedsNoCredit) {
  GrantBroker broker(1, 100);
  ASSERT_TRUE(broker.TryTake(0, 100, false));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(broker.TryTake(kNoRail, 500, false));
  broker.Return(kNoRail, 500);
  EXPECT_EQ(broker.outstanding(0), 100);
}

TEST(GrantBroker, OneFragmentIsAlwaysPossible) {
  GrantBroker broker(1, 100);
  ASSERT_TRUE(broker.TryTake(0, 100, false));
  EXPECT_TRUE(broker.TryTake(0, 50, true));
  EXPECT_EQ(broker.outstanding(0), 150);
}

// Wants `left` fragments of 10 bytes; never more than the broker gives.
class Greedy : public GrantWaiter {
 public:
  Greedy(GrantBroker* broker, int left) : broker_(broker), left_(left) {}
  void OnCredit() override {
    while (left_ > 0) {
      if (!broker_->TryTake(0, 10, held_ == 0)) return broker_->Wait(this);
      --left_;
      ++held_;
    }
  }
  void Arrive() {
    if (held_ == 0) return;
    --held_;
    ++arrived_;
    broker_->Return(0, 10);
  }
  int left() const { return left_; }
  int held() const { return held_; }
  int arrived() const { return arrived_; }

 private:
  GrantBroker* broker_;
  int left_;
  int held_ = 0;
  int arrived_ = 0;
};

TEST(GrantBroker, EveryWaiterFinishesAndNoneIsStarved) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  GrantBroker broker(1, 100);
  std::vector<Greedy> waiters;
  for (int i = 0; i < 40; ++i) waiters.emplace_back(&broker, 50);
  for (Greedy& waiter : waiters) waiter.OnCredit();
  for (const Greedy& waiter : waiters) EXPECT_GE(waiter.held(), 1);
  for (int steps = 0; steps < 1'000'000; ++steps) {
    waiters[random() % waiters.size()].Arrive();
    broker.Serve();
    int done = 0;
    for (const Greedy& waiter : waiters) {
      if (waiter.left() > 0) {
        ASSERT_GE(waiter.held() + broker.waiting(), 1);
      }
      done += waiter.arrived() == 50;
    }
    if (done == static_cast<int>(waiters.size())) break;
  }
  for (const Greedy& waiter : waiters) EXPECT_EQ(waiter.arrived(), 50);
  EXPECT_EQ(broker.outstanding(0), 0);
}

TEST(GrantBroker, AForgottenWaiterIsNotCalled) {
  GrantBroker broker(1, 10);
  ASSERT_TRUE(broker.TryTake(0, 10, false));
  {
    Greedy gone(&broker, 1);
    broker.Wait(&gone);
    broker.Forget(&gone);
  }
  broker.Return(0, 10);
  broker.Serve();
  EXPECT_FALSE(broker.waiting());
}

}  // namespace
}  // namespace ithaca::rails
