// Credit between receivers of one engine, in virtual time.
#include "plugin/rails/credit_broker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace ithaca::rails {
namespace {

constexpr int64_t kUs = 1000;
constexpr int64_t kMs = 1'000'000;
constexpr uint64_t kFragment = 16 << 10;

// A connection's lane that always has more to receive.
class Receiver : public CreditWaiter {
 public:
  struct Grant {
    uint64_t bytes;
    int64_t granted_ns;
  };
  Receiver(CreditBroker* broker, int64_t* now, int rail, uint64_t peer)
      : now_(*now) {
    ticket_.Enter(broker, rail, peer, this);
  }

  // As a connection does: takes what is offered, then waits.
  void OnCredit() override {
    ++calls;
    if (on_credit) return on_credit();
    TakeAll();
  }
  void TakeAll() {
    while (const uint64_t bytes = wants ? ticket_.Offer(now_) : 0) Take(bytes);
    if (wants) ticket_.Wait();
  }
  void Take(uint64_t bytes) {
    ticket_.Take(bytes, now_);
    coming.push_back({bytes, now_});
    granted += bytes;
  }
  // The oldest grant is answered after `wait_ns`.
  void Arrive() {
    const Grant grant = coming.front();
    coming.pop_front();
    ticket_.Arrived(grant.bytes, {grant.granted_ns, grant.granted_ns, now_});
    arrived += grant.bytes;
  }
  Ticket& ticket() { return ticket_; }

  bool wants = true;
  std::function<void()> on_credit;
  int calls = 0;
  std::deque<Grant> coming;
  uint64_t granted = 0;
  uint64_t arrived = 0;

 private:
  int64_t& now_;
  Ticket ticket_;
};

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
    now_ += 60'000 * kMs;  // whatever pauses has its turn
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
    EXPECT_GT(broker_->window_bytes(0), rate * 0.2e-3);
    EXPECT_LE(broker_->window_bytes(0),
              std::max<double>(2 * kFragment, rate * 10e-3));
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
  // What the narrow path of all may have coming: one fragment.
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

TEST_F(NarrowTest, PathsThatLosePacketsShareOneFragmentTheOthersTheRest) {
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
  Run(40'000, 100 * kUs);  // 4 s
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

// As above, for one that has to pause between its fragments: its queue is full.
TEST_F(CreditBrokerTest, APathThatHasToPauseHoldsNobodyUp) {
  Make(1, {256 << 10, kFragment});
  Receiver* const slow = Idle(1);
  Receiver* const behind = Idle(2);
  for (int i = 0; i < 100; ++i) {  // ever longer in a queue elsewhere
    slow->Take(kFragment);
    now_ += kMs + i * kMs;
    const Receiver::Grant grant = slow->coming.front();
    slow->coming.clear();
    slow->ticket().Arrived(grant.bytes,
                           {grant.granted_ns, grant.granted_ns, now_});
  }
  ASSERT_EQ(slow->ticket().Offer(now_), 0) << "it pauses";
  now_ += 1000 * kMs;
  slow->Take(kFragment);
  now_ += 1000 * kMs;
  Serve();  // late: it may have another
  slow->ticket().Wait();
  behind->ticket().Wait();
  slow->Arrive();  // and that one has to wait again
  Serve();
  EXPECT_GT(behind->granted, 0);
  Drain();
}

// --- Anything in any order.

// Tickets enter, leave, take, lose and wait at random, inside OnCredit too;
// the sums are kept beside them.
class RandomTickets {
 public:
  static constexpr int kRails = 3;
  explicit RandomTickets(unsigned seed)
      : random_(seed), broker_(kRails, {64 << 10, kFragment}) {
    for (int i = 0; i < 24; ++i) {
      users_.push_back(std::make_unique<User>());
      users_.back()->test = this;
    }
  }

  void Step() {
    now_ += Random(20) == 0 ? Random(50 * kMs) : Random(100 * kUs);
    if (Random(3) == 0) return broker_.Serve(now_);
    Act(users_[Random(users_.size())].get());
  }
  void Check() {
    std::vector<uint64_t> coming(kRails);
    for (auto& user : users_) {
      EXPECT_EQ(user->ticket.outstanding(), user->Sum());
      coming[user->rail] += user->Sum();
    }
    for (int rail = 0; rail < kRails; ++rail)
      ASSERT_LE(broker_.outstanding(rail), coming[rail]);
  }
  void End() {
    for (auto& user : users_) Leave(user.get());
    broker_.Serve(now_ += 60'000 * kMs);  // whatever pauses has its turn
    EXPECT_EQ(broker_.paths(), 0);
    for (int rail = 0; rail < kRails; ++rail)
      EXPECT_EQ(broker_.outstanding(rail), 0);
  }
  int served() const { return served_; }

 private:
  struct User : CreditWaiter {
    void OnCredit() override { test->OnCredit(this); }
    uint64_t Sum() const {
      uint64_t sum = 0;
      for (const auto& grant : coming) sum += grant.bytes;
      return sum;
    }
    RandomTickets* test = nullptr;
    Ticket ticket;
    int rail = 0;
    bool waits = false;
    std::vector<Receiver::Grant> coming;
  };

  uint64_t Random(uint64_t below) { return random_() % below; }
  void Leave(User* user) {
    user->ticket.Leave();
    user->coming.clear();
    user->waits = false;
  }
  void Enter(User* user) {
    Leave(user);
    user->rail = Random(kRails);
    user->ticket.Enter(&broker_, user->rail, Random(4), user);
  }
  void OnCredit(User* user) {
    ++served_;
    EXPECT_TRUE(user->waits) << "it did not ask";
    user->waits = false;
    if (Random(4) == 0) return Act(users_[Random(users_.size())].get());
    if (Random(8) == 0) return Enter(user);
    Grant(user);
    if (Random(2) == 0) Wait(user);
  }
  void Grant(User* user) {
    const uint64_t offer = user->ticket.Offer(now_);
    const uint64_t bytes = Random(10) == 0 ? 1 + Random(100'000) : offer;
    if (bytes == 0) return;
    user->ticket.Take(bytes, now_);
    user->coming.push_back({bytes, now_});
  }
  void Wait(User* user) {
    user->ticket.Wait();
    user->waits = true;
  }
  // In any order: fragments overtake each other.
  void Settle(User* user) {
    if (user->coming.empty()) return;
    std::swap(user->coming[Random(user->coming.size())], user->coming.back());
    const Receiver::Grant grant = user->coming.back();
    user->coming.pop_back();
    if (Random(5) == 0) return user->ticket.Lost(grant.bytes);
    const int64_t sent = Random(2) == 0 ? static_cast<int64_t>(random_())
                                        : grant.granted_ns + 10;
    user->ticket.Arrived(grant.bytes, {grant.granted_ns, sent, now_});
  }
  void Act(User* user) {
    if (!user->ticket.entered()) return Enter(user);
    switch (Random(20)) {
      case 0:
        return Leave(user);
      case 1:
        return user->ticket.Retransmitted(now_);
      case 2:
        return Enter(user);
      case 3:
      case 4:
      case 5:
      case 6:
        return Wait(user);
      case 7:
      case 8:
      case 9:
      case 10:
        return Grant(user);
      default:
        return Settle(user);
    }
  }

  std::mt19937_64 random_;
  int64_t now_ = kMs;
  int served_ = 0;
  CreditBroker broker_;
  std::vector<std::unique_ptr<User>> users_;
};

TEST(CreditBroker, NothingIsLeftOverWhateverTheOrder) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  int served = 0;
  for (int round = 0; round < 20 && !testing::Test::HasFailure(); ++round) {
    RandomTickets tickets(seed + round);
    for (int i = 0; i < 3000; ++i) {
      tickets.Step();
      tickets.Check();
    }
    tickets.End();
    served += tickets.served();
  }
  EXPECT_GT(served, 1000);
}

// Whoever waits is called in the end when everything arrives, whatever went
// before: nobody is forgotten in a queue.
TEST(CreditBroker, WhoWaitsIsCalled) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    CreditBroker broker(1, {48 << 10, kFragment});
    int64_t now = kMs;
    std::vector<std::unique_ptr<Receiver>> all;
    for (int i = 0; i < 12; ++i) {
      all.push_back(std::make_unique<Receiver>(&broker, &now, 0, i % 7));
      all.back()->TakeAll();
    }
    for (int step = 0; step < 2000; ++step) {
      now += random() % (step % 100 == 0 ? 100 * kMs : 500 * kUs);
      Receiver* const one = all[random() % all.size()].get();
      if (random() % 50 == 0) one->ticket().Retransmitted(now);
      if (!one->coming.empty()) one->Arrive();
      broker.Serve(now);
    }
    for (auto& receiver : all) receiver->calls = 0;
    for (int step = 0; step < 5000; ++step) {
      now += 100 * kUs;
      Receiver* const one = all[step % all.size()].get();
      if (!one->coming.empty()) one->Arrive();
      broker.Serve(now);
    }
    for (auto& receiver : all) ASSERT_GT(receiver->calls, 0);
  }
}

}  // namespace
}  // namespace ithaca::rails
