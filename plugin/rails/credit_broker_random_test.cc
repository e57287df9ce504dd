// Tickets of a credit broker used in any order: nothing is left over, and
// nobody is forgotten.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "plugin/rails/credit_broker.h"
#include "plugin/rails/test_receiver.h"

namespace ithaca::rails {
namespace {

constexpr int64_t kUs = 1000;
constexpr int64_t kMs = 1'000'000;
constexpr uint64_t kFragment = 16 << 10;
using Receiver = TestReceiver;

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
    broker_.Serve(now_ += 60'000 * kMs);  // what was narrow is no more
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
