// Credit between receivers of one engine, in virtual time.
#include "plugin/rails/credit_broker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "plugin/rails/test_receiver.h"

namespace ithaca::rails {
namespace {

constexpr int64_t kUs = 1000;
constexpr int64_t kMs = 1'000'000;
constexpr uint64_t kFragment = 16 << 10;
using Receiver = TestReceiver;

class CreditBrokerTest : public testing::Test {
 protected:
  void Make(int rails, CreditBroker::Limits limits) {
    broker_ = std::make_unique<CreditBroker>(rails, limits);
  }
  // On rail 0.
  Receiver* Add(uint64_t peer) {
    Idle(peer)->TakeAll();
    return receivers_.back().get();
  }
  // As above, granted nothing yet.
  Receiver* Idle(uint64_t peer) {
    receivers_.push_back(
        std::make_unique<Receiver>(broker_.get(), &now_, 0, peer));
    return receivers_.back().get();
  }
  void Serve() { broker_->Serve(now_); }
  // So many times: a granted fragment arrives, by turns of all receivers but
  // those in `stopped`, `gap_ns` after the one before (0: at rate_). Nothing is
  // coming: time passes all the same.
  void Run(int fragments, int64_t gap_ns,
           const std::vector<Receiver*>& stopped = {}) {
    for (; fragments > 0; --fragments) {
      Receiver* const next = Next(stopped);
      if (next != nullptr && gap_ns == 0)
        now_ += next->coming.front().bytes * 1e9 / rate_;
      now_ += gap_ns;
      if (next != nullptr) next->Arrive();
      Serve();
    }
  }
  Receiver* Next(const std::vector<Receiver*>& stopped) {
    for (size_t i = 0; i < receivers_.size(); ++i) {
      Receiver* const next = receivers_[++turn_ % receivers_.size()].get();
      if (next->coming.empty() ||
          std::count(stopped.begin(), stopped.end(), next) > 0)
        continue;
      return next;
    }
    return nullptr;
  }
  uint64_t Coming() const {
    uint64_t sum = 0;
    for (const auto& receiver : receivers_)
      sum += receiver->ticket().outstanding();
    return sum;
  }
  // All arrives, all leave: nothing may be left over.
  void Drain() {
    for (auto& receiver : receivers_) receiver->wants = false;
    Run(1000, 10 * kUs);
    EXPECT_EQ(Coming(), 0);
    EXPECT_EQ(broker_->outstanding(0), 0);
    receivers_.clear();
    now_ += 60'000 * kMs;  // what was narrow is no more
    Serve();
    EXPECT_EQ(broker_->paths(), 0);
  }

  int64_t now_ = kMs;
  double rate_ = 0;  // bytes per second
  size_t turn_ = 0;
  std::unique_ptr<CreditBroker> broker_;
  std::vector<std::unique_ptr<Receiver>> receivers_;
};

TEST_F(CreditBrokerTest, AWindowSmallerThanAFragmentLetsOneThrough) {
  Make(1, {100, kFragment});
  for (int peer = 0; peer < 5; ++peer) Add(peer);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Coming(), kFragment);
    Run(1, 10 * kUs);
  }
  for (auto& receiver : receivers_)
    EXPECT_EQ(receiver->arrived / kFragment, 20);
  Drain();
}

TEST_F(CreditBrokerTest, AWindowIsHonouredAndUsed) {
  const uint64_t window = 128 << 10;
  Make(1, {window, kFragment});
  for (int peer = 0; peer < 20; ++peer) Add(peer);
  for (int i = 0; i < 2000; ++i) {
    Run(1, 10 * kUs);
    ASSERT_LE(Coming(), window);
    ASSERT_GT(Coming() + kFragment, window) << "room and waiters";
    ASSERT_EQ(broker_->outstanding(0), Coming());
  }
  Drain();
}

TEST_F(CreditBrokerTest, AWindowFollowsTheRailsSpeed) {
  for (const double rate : {25e6, 1250e6, 12500e6}) {
    rate_ = rate;
    Make(1, {});
    for (int peer = 0; peer < 4; ++peer) Add(peer);
    const uint64_t start = broker_->window_bytes(0);
    EXPECT_GE(start, 2 * kFragment) << "it must begin somewhere";
    for (int i = 0; i < 20'000; ++i) {
      Run(1, 0);  // whatever a fragment has become
      ASSERT_LE(broker_->outstanding(0), broker_->window_bytes(0));
    }
    EXPECT_NEAR(broker_->bytes_per_second(0) / rate, 1, 0.1) << rate;
    // Some time of the rail, no more than the milliseconds a queue bears.
    EXPECT_GE(broker_->window_bytes(0),
              std::min(rate * 0.2e-3, 2.0 * (1 << 20)));
    EXPECT_LE(broker_->window_bytes(0),
              std::max<double>(2 * kFragment, rate * 10e-3));
    Drain();
  }
}

// More would wait in sockets.
TEST_F(CreditBrokerTest, AFastRailHasNoMoreOnTheWayThanTheRoundTripNeeds) {
  rate_ = 10e9;
  for (int64_t way_ns : {10 * kUs, 600 * kUs}) {
    Make(1, {});
    Receiver* const receiver = Add(1);
    for (int i = 0; i < 3000; ++i) {
      const Receiver::Grant next = receiver->coming.front();
      now_ = std::max<int64_t>(now_ + next.bytes * 1e9 / rate_,
                               next.granted_ns + way_ns);
      receiver->Arrive();
      Serve();
    }
    const double needed = std::max(2.0 * (1 << 20), way_ns * 1e-9 * rate_);
    EXPECT_GE(broker_->window_bytes(0), needed * 0.99) << way_ns;
    EXPECT_LE(broker_->window_bytes(0), needed * 1.3) << way_ns;
    Drain();
  }
}

TEST_F(CreditBrokerTest, PathsTakeTurnsHoweverManyConnectionsTheyHave) {
  Make(1, {64 << 10, kFragment});
  std::vector<uint64_t> by_peer(6);
  for (int peer = 0; peer < 6; ++peer)
    for (int i = 0; i <= peer; ++i) Add(peer);
  Run(6000, 10 * kUs);
  for (size_t i = 0, peer = 0; peer < 6; ++peer) {
    uint64_t least = UINT64_MAX, most = 0;
    for (size_t n = 0; n <= peer; ++n, ++i) {
      by_peer[peer] += receivers_[i]->arrived;
      least = std::min(least, receivers_[i]->arrived);
      most = std::max(most, receivers_[i]->arrived);
    }
    EXPECT_LE(most - least, 4 * kFragment) << "connections of one path";
    EXPECT_NEAR(by_peer[peer] / kFragment, 1000, 20) << "paths";
  }
  Drain();
}

TEST_F(CreditBrokerTest, ThousandsOfPathsAreAllServed) {
  Make(1, {64 << 10, kFragment});
  for (int peer = 0; peer < 4096; ++peer) Add(peer);
  Run(3 * 4096, 10 * kUs);
  for (auto& receiver : receivers_)
    EXPECT_NEAR(receiver->arrived / kFragment, 3, 1);
}

TEST_F(CreditBrokerTest, AStoppedPeerGivesItsRoomBack) {
  const uint64_t window = 64 << 10;
  Make(1, {window, kFragment});
  std::vector<Receiver*> stopped;
  for (int peer = 0; peer < 4; ++peer) stopped.push_back(Add(peer));
  ASSERT_EQ(broker_->outstanding(0), window) << "the window is all theirs";
  std::vector<Receiver*> works;
  for (int peer = 4; peer < 8; ++peer) works.push_back(Add(peer));
  Run(4000, 100 * kUs, stopped);
  for (Receiver* receiver : works)
    EXPECT_GT(receiver->arrived, 800 * kFragment);
  for (Receiver* receiver : stopped)
    EXPECT_LE(receiver->ticket().outstanding(), 4 * kFragment)
        << "it gets no more and no more";
  // They wake up: all that was granted arrives.
  Run(1000, 100 * kUs);
  for (Receiver* receiver : stopped) EXPECT_GT(receiver->arrived, 0);
  Drain();
}

TEST_F(CreditBrokerTest, AllPeersStopAndGoOn) {
  Make(1, {64 << 10, kFragment});
  for (int peer = 0; peer < 9; ++peer) Add(peer);
  Run(100, 10 * kUs);
  for (int i = 0; i < 50; ++i) now_ += 100 * kMs, Serve();
  const uint64_t stopped = Coming();
  EXPECT_LE(stopped, 9 * 64 << 10);
  Run(2000, 10 * kUs);
  for (auto& receiver : receivers_) EXPECT_GT(receiver->arrived, 0);
  Drain();
}

TEST_F(CreditBrokerTest, WhoLeavesTakesWhatIsOutstandingAlong) {
  Make(1, {64 << 10, kFragment});
  for (int peer = 0; peer < 10; ++peer) Add(peer);
  Receiver* const last = receivers_.back().get();
  EXPECT_EQ(last->granted, 0);
  while (receivers_.size() > 1) receivers_.erase(receivers_.begin());
  Serve();
  EXPECT_GT(last->granted, 0);
  EXPECT_EQ(broker_->outstanding(0), last->ticket().outstanding());
  EXPECT_EQ(broker_->paths(), 1);
  Drain();
}

TEST_F(CreditBrokerTest, LostBytesGiveRoomBack) {
  Make(1, {kFragment, kFragment});
  Receiver* const first = Add(1);
  Receiver* const second = Add(2);
  EXPECT_EQ(second->granted, 0);
  first->wants = false;
  first->coming.clear();
  first->ticket().Lost(kFragment);
  Serve();
  EXPECT_EQ(second->granted, kFragment);
  Drain();
}

TEST_F(CreditBrokerTest, MoreThanWasOfferedMayBeTaken) {
  Make(1, {32 << 10, kFragment});
  Receiver* const receiver = Add(1);
  receiver->Take(1 << 20);  // a fragment of a lost lane, granted again
  EXPECT_EQ(receiver->ticket().Offer(now_), 0);
  Run(3, 10 * kUs);
  EXPECT_LE(Coming(), 32 << 10);
  Drain();
}

// --- Paths that lose packets.

class NarrowTest : public CreditBrokerTest {
 protected:
  // All narrow paths together may have 20 KiB coming: one fragment.
  void Lose(Receiver* receiver, int times) {
    for (int i = 0; i < times; ++i) {
      now_ += kMs;
      receiver->ticket().Retransmitted(now_);
    }
  }
  uint64_t Coming(const std::vector<Receiver*>& receivers) {
    uint64_t sum = 0;
    for (Receiver* receiver : receivers)
      sum += receiver->ticket().outstanding();
    return sum;
  }
};

TEST_F(NarrowTest, PathsThatLosePacketsShareLittleTheOthersTheRest) {
  const uint64_t window = 256 << 10;
  Make(1, {window, kFragment});
  std::vector<Receiver*> narrow, wide;
  for (int peer = 0; peer < 4; ++peer) narrow.push_back(Add(peer));
  for (int peer = 4; peer < 8; ++peer) wide.push_back(Add(peer));
  Run(50, 10 * kUs);
  for (Receiver* receiver : narrow) Lose(receiver, 20);
  for (int i = 0; i < 400; ++i) {
    Run(1, 10 * kUs);
    if (i < 100) continue;  // what was granted before has to arrive first
    ASSERT_LE(Coming(narrow), kFragment);
    ASSERT_GT(Coming(wide), window / 4);
  }
  for (Receiver* receiver : narrow) EXPECT_GT(receiver->arrived, 5 * kFragment);
  Drain();
}

TEST_F(NarrowTest, APathThatLosesNoMoreIsAsGoodAsAnyInTheEnd) {
  Make(1, {256 << 10, kFragment});
  Receiver* const once = Add(1);
  Receiver* const other = Add(2);
  Run(50, 10 * kUs);
  Lose(once, 20);
  Run(1000, 10 * kUs);
  EXPECT_LE(Coming({once}), kFragment);
  Run(40'000, 500 * kUs);  // 20 s
  Run(2000, 10 * kUs);
  const uint64_t before = once->arrived, other_before = other->arrived;
  Run(1000, 10 * kUs);
  EXPECT_NEAR(static_cast<double>(once->arrived - before) /
                  (other->arrived - other_before),
              1, 0.1);
  Drain();
}

TEST_F(NarrowTest, AFewLossesAreNothing) {
  Make(1, {256 << 10, kFragment});
  Receiver* const receiver = Add(1);
  for (int i = 0; i < 20; ++i) {
    now_ += 5000 * kMs;
    receiver->ticket().Retransmitted(now_);
    Run(10, 10 * kUs);
  }
  EXPECT_GT(Coming({receiver}), 4 * kFragment);
  Drain();
}

// A narrow path's turn may not come for long: who waits behind it must not
// wait for that.
TEST_F(NarrowTest, APathThatBecomesNarrowInTheQueueHoldsNobodyUp) {
  Make(1, {256 << 10, kFragment});
  Receiver* const stopped = Idle(1);  // narrow, and its fragment never comes
  Receiver* const queued = Idle(2);   // narrow soon
  Receiver* const behind = Idle(3);
  stopped->Take(kFragment);
  queued->ticket().Wait();
  behind->ticket().Wait();
  Lose(stopped, 20);
  Lose(queued, 20);
  Serve();
  EXPECT_EQ(queued->granted, 0);
  EXPECT_GT(behind->granted, 0);
  Drain();
}

// --- Paths whose fragments wait in queues.

class SlowPathTest : public CreditBrokerTest {
 protected:
  // Fragments one by one, each `delay_ns` on its way and `more_ns` longer than
  // the one before.
  void Bring(Receiver* receiver, int count, int64_t delay_ns, int64_t more_ns) {
    for (int i = 0; i < count; ++i) {
      const uint64_t offer = receiver->ticket().Offer(now_);
      ASSERT_GT(offer, 0) << "one at a time may always travel";
      receiver->Take(offer);
      now_ += delay_ns + i * more_ns;
      const Receiver::Grant grant = receiver->coming.front();
      receiver->coming.clear();
      receiver->ticket().Arrived(grant.bytes,
                                 {grant.granted_ns, grant.granted_ns, now_});
    }
  }
};

TEST_F(SlowPathTest, HasOneSmallFragmentAtATimeAndHoldsNobodyUp) {
  Make(1, {256 << 10, kFragment});
  Receiver* const slow = Idle(1);
  Receiver* const behind = Idle(2);
  Bring(slow, 100, kMs, kMs);
  EXPECT_EQ(slow->ticket().Offer(now_), kFragment / 2);
  slow->Take(kFragment / 2);
  EXPECT_EQ(slow->ticket().Offer(now_), 0);
  slow->ticket().Wait();
  behind->ticket().Wait();
  Serve();
  EXPECT_GT(behind->granted, 0);
  Drain();
}

TEST_F(SlowPathTest, AFragmentIsNoMoreThanThePathBringsSoon) {
  Make(1, {});
  Receiver* const other = Idle(1);
  Receiver* const slow = Idle(2);
  Bring(other, 200, 50 * kUs, 0);  // so the rail is fast
  for (int i = 0; i < 200; ++i) {
    const uint64_t offer = slow->ticket().Offer(now_);
    slow->Take(offer);
    now_ += offer * 1000 / 2;  // 2 MB/s, and no queue
    slow->Arrive();
  }
  EXPECT_EQ(slow->ticket().Offer(now_), 8 << 10);  // 10.4 KB, whole pages
  EXPECT_GE(other->ticket().Offer(now_), kFragment);
  Drain();
}

}  // namespace
}  // namespace ithaca::rails
