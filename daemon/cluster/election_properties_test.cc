// Several daemons, a store, a network that fails and processes that are
// stopped, all in virtual time: who may answer, who takes over, and when it
// comes to rest.

#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "daemon/cluster/election.h"

namespace ithaca::cluster {
namespace {

constexpr Millis kStep = 10;
constexpr Millis kLeaseTtl = 2000;
constexpr Millis kStoreTimeout = 600;

// What happens later, in order.
class Agenda {
 public:
  void At(Millis when, std::function<void()> what) {
    things_.emplace(when, std::move(what));
  }
  void RunUntil(Millis now) {
    while (!things_.empty() && things_.begin()->first <= now) {
      auto what = std::move(things_.begin()->second);
      things_.erase(things_.begin());
      what();
    }
  }

 private:
  std::multimap<Millis, std::function<void()>> things_;
};

// The record, the engine's claim, and leases.
struct StoreModel {
  std::optional<Holder> holder;
  int64_t record_revision = 0;
  int64_t revision = 100;
  size_t record_lease = 0;
  // Who claimed last; 0: nobody.
  uint64_t claim = 0;
  // Of each daemon's lease, when the store ends it; a lease is (daemon,
  // number).
  std::map<size_t, std::pair<size_t, Millis>> leases;
  size_t next_lease = 1;
  int changes = 0;
};

class World;

// One daemon: the election and a caller of it that does each step as
// Coordinator does.
class Daemon {
 public:
  Daemon(World* world, size_t index);
  void Tick();
  bool MayAnswer() const;
  bool stopped() const;
  bool Hears() const { return coordinating_; }
  Place place() const { return election_->place(); }

  Millis stopped_until = 0;

 private:
  friend class World;
  void Do(const Step& step);
  void Call(std::function<bool()> apply, std::function<void(bool)> done,
            std::function<void()> failed);
  void StoreFailed();
  void KeepLease();
  void Beat();

  World* const world_;
  const size_t index_;
  Holder self_;
  std::unique_ptr<Election> election_;
  std::deque<std::function<void()>> inbox_;
  bool busy_ = false;
  bool coordinating_ = false;
  uint64_t claim_ = 0;
  size_t lease_ = 0;
  Millis lease_deadline_ = 0;
  Millis keep_at_ = 0;
  Millis beat_at_ = 0;
  Millis work_at_ = 0;
  std::map<size_t, Millis> reported_;
};

class World {
 public:
  World(unsigned seed, size_t daemons) : random(seed) {
    const std::vector<bool> all(daemons, true);
    link.assign(daemons, all);
    to_store = all;
    for (size_t i = 0; i < daemons; ++i)
      this->daemons.push_back(std::make_unique<Daemon>(this, i));
  }
  Millis Delay() { return static_cast<Millis>(random() % 40); }

  void RunFor(Millis span) {
    for (const Millis end = now + span; now < end; now += kStep) {
      agenda.RunUntil(now);
      ExpireLeases();
      for (auto& daemon : daemons) daemon->Tick();
      CheckAnswers();
    }
  }
  void ExpireLeases() {
    for (auto it = store.leases.begin(); it != store.leases.end();) {
      if (it->second.second > now) {
        ++it;
        continue;
      }
      if (store.holder.has_value() && store.record_lease == it->first)
        SetRecord(std::nullopt, 0);
      it = store.leases.erase(it);
    }
  }
  void SetRecord(const std::optional<Holder>& holder, size_t lease) {
    const bool change = holder.has_value() && (!last_holder_.has_value() ||
                                               !(*last_holder_ == *holder));
    if (change) ++store.changes;
    if (holder.has_value()) last_holder_ = holder;
    store.holder = holder;
    store.record_lease = lease;
    store.record_revision = ++store.revision;
    for (size_t i = 0; i < daemons.size(); ++i) Tell(i, holder, store.revision);
  }
  // The watch: late, and again and again until it comes through.
  void Tell(size_t to, std::optional<Holder> holder, int64_t revision) {
    agenda.At(now + Delay(), [this, to, holder, revision] {
      if (!to_store[to]) {
        agenda.At(now + 100,
                  [this, to, holder, revision] { Tell(to, holder, revision); });
        return;
      }
      Daemon* daemon = daemons[to].get();
      daemon->inbox_.push_back([this, daemon, holder, revision] {
        daemon->election_->RecordSeen(holder, revision, now);
      });
    });
  }
  // Whoever may answer from memory has the newest claim.
  void CheckAnswers() {
    for (auto& daemon : daemons) {
      if (daemon->MayAnswer()) {
        ASSERT_EQ(daemon->claim_, store.claim)
            << daemon->self_.node << " at " << now;
        ++answers;
      }
    }
  }
  size_t Coordinators() const {
    size_t count = 0;
    for (const auto& daemon : daemons) count += daemon->MayAnswer() ? 1 : 0;
    return count;
  }
  void Heal() {
    for (auto& row : link) row.assign(row.size(), true);
    to_store.assign(to_store.size(), true);
    for (auto& daemon : daemons) daemon->stopped_until = 0;
  }

  std::mt19937 random;
  Millis now = 0;
  Agenda agenda;
  StoreModel store;
  std::vector<std::vector<bool>> link;
  std::vector<bool> to_store;
  std::vector<std::unique_ptr<Daemon>> daemons;
  uint64_t next_claim = 1;
  size_t answers = 0;

 private:
  std::optional<Holder> last_holder_;
};

Daemon::Daemon(World* world, size_t index) : world_(world), index_(index) {
  const std::string name(1, static_cast<char>('a' + index));
  self_ = Holder{name, name + ":1", 1 + index};
  Election::Options options;
  options.self = self_;
  options.jitter_ms = static_cast<Millis>(20 * index);
  election_ = std::make_unique<Election>(options, 0);
}

bool Daemon::stopped() const { return world_->now < stopped_until; }

bool Daemon::MayAnswer() const {
  return !stopped() && coordinating_ && claim_ != 0 &&
         world_->now < election_->answer_until() &&
         world_->now < lease_deadline_;
}

void Daemon::StoreFailed() { election_->StoreFailed("no answer", world_->now); }

// One call of the store: it may be done and not answered, or be done late.
void Daemon::Call(std::function<bool()> apply, std::function<void(bool)> done,
                  std::function<void()> failed) {
  busy_ = true;
  auto answered = std::make_shared<bool>(false);
  const auto finish = [this, answered](std::function<void()> what) {
    if (*answered) return;
    *answered = true;
    inbox_.push_front(std::move(what));
    busy_ = false;
  };
  world_->agenda.At(world_->now + kStoreTimeout, [=] { finish(failed); });
  world_->agenda.At(world_->now + world_->Delay(), [=] {
    if (!world_->to_store[index_]) return;
    const bool won = apply();
    world_->agenda.At(world_->now + world_->Delay(), [=] {
      if (world_->to_store[index_]) finish([=] { done(won); });
    });
  });
}

void Daemon::Do(const Step& step) {
  StoreModel& store = world_->store;
  const Millis sent_at = world_->now;
  auto revision = std::make_shared<int64_t>(0);
  switch (step.kind) {
    case Step::Kind::kWait:
      return;
    case Step::Kind::kRead: {
      auto holder = std::make_shared<std::optional<Holder>>();
      Call(
          [&store, holder, revision] {
            *holder = store.holder;
            *revision = store.holder.has_value() ? store.record_revision : 0;
            return true;
          },
          [this, holder, revision](bool) {
            election_->RecordRead(*holder, *revision, world_->now);
          },
          [this] { StoreFailed(); });
      return;
    }
    case Step::Kind::kTake:
    case Step::Kind::kSign:
      Call(
          [this, &store, revision, lease = lease_, expected = step.revision] {
            const int64_t is =
                store.holder.has_value() ? store.record_revision : 0;
            if (is != expected || store.leases.count(lease) == 0) return false;
            world_->SetRecord(self_, lease);
            *revision = store.revision;
            return true;
          },
          [this, revision, sent_at](bool won) {
            if (won)
              election_->Written(*revision, sent_at, world_->now);
            else
              election_->NotWritten(world_->now);
          },
          [this] { StoreFailed(); });
      return;
    case Step::Kind::kCoordinate: {
      const uint64_t claim = world_->next_claim++;
      coordinating_ = true;
      claim_ = 0;
      Call(
          [&store, claim, expected = step.revision] {
            if (!store.holder.has_value() || store.record_revision != expected)
              return false;
            store.claim = claim;
            return true;
          },
          [this, claim](bool won) {
            if (won)
              claim_ = claim;
            else
              election_->CoordinatingEnded("not claimed", world_->now);
          },
          [this] { election_->CoordinatingEnded("no answer", world_->now); });
      return;
    }
    case Step::Kind::kStandDown:
      coordinating_ = false;
      claim_ = 0;
      if (!step.release) return;
      Call(
          [this, &store, expected = step.revision] {
            if (store.holder.has_value() && store.record_revision == expected)
              world_->SetRecord(std::nullopt, 0);
            return true;
          },
          [](bool) {}, [] {});
      return;
  }
}

void Daemon::KeepLease() {
  const Millis now = world_->now;
  if (lease_ != 0 && now >= lease_deadline_) {
    lease_ = 0;
    election_->LeaseChanged(false, now);
  }
  // A new one only after the loss of the old one has had its step.
  if (lease_ == 0 && (busy_ || coordinating_)) return;
  if (now < keep_at_) return;
  keep_at_ = now + kLeaseTtl / 3;
  if (!world_->to_store[index_]) return;
  auto& leases = world_->store.leases;
  if (lease_ == 0) {
    lease_ = world_->store.next_lease++;
    leases[lease_] = {index_, 0};
    election_->LeaseChanged(true, now);
  }
  const auto lease = leases.find(lease_);
  if (lease == leases.end()) return;
  lease->second.second = now + kLeaseTtl;
  lease_deadline_ = now + kLeaseTtl;
}

void Daemon::Beat() {
  const Millis now = world_->now;
  if (now >= beat_at_ && !coordinating_) {
    beat_at_ = now + 250;
    const Place place = election_->place();
    for (size_t to = 0; to < world_->daemons.size(); ++to) {
      Daemon* other = world_->daemons[to].get();
      if (place.kind != Place::Kind::kThere ||
          other->self_.node != place.node || !world_->link[index_][to])
        continue;
      world_->agenda.At(now + world_->Delay(), [this, other, to] {
        if (other->stopped() || !other->coordinating_) return;
        other->reported_[index_] = world_->now;
        if (!world_->link[to][index_]) return;
        inbox_.push_back([this, other] {
          election_->CoordinatorHeard(other->self_.incarnation, world_->now);
        });
      });
    }
  }
  if (coordinating_) {
    size_t live = 0, reporting = 0;
    for (size_t i = 0; i < world_->daemons.size(); ++i) {
      if (i == index_ || !world_->to_store[i]) continue;
      ++live;
      const auto heard = reported_.find(i);
      if (heard != reported_.end() && now - heard->second < 2500) ++reporting;
    }
    election_->Reports(reporting, live, now);
  }
  // The engine finds out that its claim went to another one when it writes.
  if (coordinating_ && claim_ != 0 && now >= work_at_) {
    work_at_ = now + 300;
    if (world_->to_store[index_] && world_->store.claim != claim_) {
      election_->CoordinatingEnded("claim lost", now);
      coordinating_ = false;
    }
  }
}

void Daemon::Tick() {
  if (stopped()) return;
  while (!inbox_.empty() && !busy_) {
    auto event = std::move(inbox_.front());
    inbox_.pop_front();
    event();
  }
  KeepLease();
  Beat();
  if (busy_) return;
  Do(election_->Next(world_->now));
}

int Rounds(int usual) {
  const char* given = std::getenv("ITHACA_ELECTION_ROUNDS");
  if (given != nullptr) return std::atoi(given);
#ifdef ITHACA_SANITIZED
  return usual / 10;
#else
  return usual;
#endif
}

// Anything may fail at any time. Nobody ever answers from memory after another
// engine has claimed the store; and when all is well again, one coordinates.
TEST(ElectionProperty, NobodyAnswersAfterAnotherClaimed) {
  const unsigned seed = std::random_device{}();
  for (int round = 0; round < Rounds(400); ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " round " << round);
    World world(seed + static_cast<unsigned>(round), 2 + round % 4);
    std::mt19937& random = world.random;
    const size_t n = world.daemons.size();
    for (int i = 0; i < 60; ++i) {
      switch (random() % 5) {
        case 0: {
          const bool up = random() % 2 == 0;
          world.link[random() % n][random() % n] = up;
          break;
        }
        case 1:
          world.to_store[random() % n] = random() % 2 == 0;
          break;
        case 2:
          world.daemons[random() % n]->stopped_until =
              world.now + static_cast<Millis>(random() % 6000);
          break;
        case 3:
          if (random() % 3 == 0) world.Heal();
          break;
        default:
          break;
      }
      world.RunFor(static_cast<Millis>(random() % 1500));
      if (testing::Test::HasFatalFailure()) return;
    }
    world.Heal();
    world.RunFor(20'000);
    ASSERT_EQ(world.Coordinators(), 1u);
    const int changes = world.store.changes;
    world.RunFor(10'000);
    ASSERT_EQ(world.Coordinators(), 1u);
    ASSERT_EQ(world.store.changes, changes) << "it does not come to rest";
    ASSERT_GT(world.answers, 0u);
    for (const auto& daemon : world.daemons)
      ASSERT_EQ(daemon->place().node, world.store.holder->node);
  }
}

// A daemon that cannot reach the coordinator, while others can, leaves it
// alone.
TEST(ElectionProperty, OneCutLinkChangesNothing) {
  const unsigned seed = std::random_device{}();
  for (int round = 0; round < Rounds(200); ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " round " << round);
    World world(seed + static_cast<unsigned>(round), 3);
    world.RunFor(5000);
    ASSERT_EQ(world.Coordinators(), 1u);
    ASSERT_EQ(world.store.changes, 1);
    const size_t a = static_cast<size_t>(world.store.holder->node[0] - 'a');
    const size_t c = (a + 1 + world.random() % 2) % 3;
    // In one direction, or in both.
    world.link[a][c] = false;
    world.link[c][a] = world.random() % 2 == 0;
    world.RunFor(60'000);
    ASSERT_EQ(world.store.changes, 1);
    ASSERT_EQ(world.Coordinators(), 1u);
  }
}

// Of three daemons one is reached by nobody: it does not stay coordinator.
TEST(ElectionProperty, WhoIsReachedByNobodyGivesWay) {
  const unsigned seed = std::random_device{}();
  for (int round = 0; round < Rounds(200); ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " round " << round);
    World world(seed + static_cast<unsigned>(round), 3);
    world.RunFor(5000);
    ASSERT_EQ(world.Coordinators(), 1u);
    const size_t a = static_cast<size_t>(world.store.holder->node[0] - 'a');
    for (size_t other = 0; other < 3; ++other) world.link[other][a] = false;
    world.RunFor(60'000);
    ASSERT_EQ(world.store.changes, 2);
    ASSERT_NE(static_cast<size_t>(world.store.holder->node[0] - 'a'), a);
  }
}

// Whatever links are cut for good while all reach the store: changes become
// rare.
TEST(ElectionProperty, CutLinksNeverMakeItFlap) {
  const unsigned seed = std::random_device{}();
  for (int round = 0; round < Rounds(200); ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << " round " << round);
    const size_t n = 2 + static_cast<size_t>(round) % 4;
    World world(seed + static_cast<unsigned>(round), n);
    world.RunFor(3000);
    for (size_t i = 0; i < n * n; ++i)
      world.link[world.random() % n][world.random() % n] = false;
    world.RunFor(600'000);
    const int before = world.store.changes;
    world.RunFor(300'000);
    ASSERT_LE(world.store.changes - before, 8);
  }
}

}  // namespace
}  // namespace ithaca::cluster
