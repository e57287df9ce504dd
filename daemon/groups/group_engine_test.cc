#include "daemon/groups/group_engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "daemon/store/memory_store.h"

namespace ithaca::groups {
namespace {

const Caller kOwner{1000, 1000, 77, false};

// Remembers what it was told; its fields are read between commands, when the
// engine is quiet.
class Recorder : public EngineListener {
 public:
  void Deliver(const Effects& effects, const GroupMachine&) override {
    std::lock_guard<std::mutex> lock(mutex);
    for (const auto& notice : effects.notices) events.push_back(notice.event);
    told.notify_all();
  }
  void WriteFailed(const Effects& effects, const Refusal& why) override {
    std::lock_guard<std::mutex> lock(mutex);
    failures.push_back(why.reason);
    for (const auto& notice : effects.notices) dropped.push_back(notice.event);
  }
  void Reattach(GroupMachine* machine) override {
    std::lock_guard<std::mutex> lock(mutex);
    ++reattached;
    for (const auto& [member, incarnation] : attached) {
      machine->Attach("g", member, incarnation, incarnation);
    }
  }

  void ClaimLost(const Refusal& why) override {
    std::lock_guard<std::mutex> lock(mutex);
    claims_lost.push_back(why.Message());
  }

  std::mutex mutex;
  std::condition_variable told;
  std::vector<std::string> claims_lost;
  std::vector<EventPtr> events;
  std::vector<EventPtr> dropped;
  std::vector<std::string> failures;
  std::map<std::string, uint64_t> attached;
  int reattached = 0;
};

class GroupEngineTest : public testing::Test {
 protected:
  void SetUp() override { Restart(); }
  void Restart() {
    engine_.reset();
    engine_ = Start({});
  }
  std::unique_ptr<GroupEngine> Start(GroupEngine::Options options) {
    options.limits = limits_;
    options.store = &store_;
    options.listener = &recorder_;
    options.clock = [this] { return now_.load(); };
    options.log = [this](const std::string& line) { log_.push_back(line); };
    auto engine = GroupEngine::Start(std::move(options));
    EXPECT_TRUE(engine.ok()) << engine.status();
    return engine.ok() ? std::move(*engine) : nullptr;
  }
  // As on a cluster.
  std::unique_ptr<GroupEngine> StartAsCoordinator() {
    GroupEngine::Options options;
    options.on_claim_lost = [this](const std::string& why) {
      std::lock_guard<std::mutex> lock(recorder_.mutex);
      lost_.push_back(why);
    };
    options.wall_clock = [this] { return wall_ms_.load(); };
    options.may_answer = [this] { return may_answer_.load(); };
    return Start(std::move(options));
  }
  // Runs one command and waits for its answer, "" or the reason of the failure,
  // and for its effects, which are delivered after the answer and before the
  // next command.
  std::string Run(GroupEngine::Work work) {
    const std::string answer = Ask(std::move(work));
    Ask([](GroupEngine::Turn&) {});
    return answer;
  }
  std::string Ask(GroupEngine::Work work) {
    std::promise<std::string> answer;
    engine_->Post(
        std::move(work), [&answer](const std::optional<Refusal>& failure) {
          answer.set_value(failure.has_value() ? failure->reason : "");
        });
    return answer.get_future().get();
  }
  std::string Create() {
    return Run([](GroupEngine::Turn& turn) {
      EXPECT_TRUE(
          turn.machine
              .Create(kOwner, {"g", 2, "hash", 0}, turn.now, &turn.effects)
              .ok());
      turn.effects.plans["hash"] = "plan";
    });
  }
  std::string Join(const std::string& member, StreamId stream) {
    return Run([=](GroupEngine::Turn& turn) {
      EXPECT_TRUE(turn.machine
                      .Join(kOwner, {"g", member, std::nullopt, 0, "", "", 0},
                            stream, turn.now, &turn.effects)
                      .ok());
    });
  }
  std::string Break(StreamId stream) {
    return Run([=](GroupEngine::Turn& turn) {
      turn.machine.StreamBroken("g", stream, turn.now, &turn.effects);
    });
  }
  uint64_t Epoch() {
    uint64_t epoch = 0;
    Run([&epoch](GroupEngine::Turn& turn) {
      const Group* group = turn.machine.Peek("g");
      epoch = group == nullptr ? 0 : group->record().epoch;
    });
    return epoch;
  }

  Limits limits_;
  store::MemoryStore store_;
  Recorder recorder_;
  std::atomic<Millis> now_{1000};
  std::vector<std::string> log_;
  std::vector<std::string> lost_;
  std::atomic<int64_t> wall_ms_{5};
  std::atomic<bool> may_answer_{true};
  std::unique_ptr<GroupEngine> engine_;
};

TEST_F(GroupEngineTest, WhatIsAnsweredIsDurable) {
  EXPECT_EQ(Create(), "");
  EXPECT_EQ(Join("a", 1), "");
  EXPECT_EQ(Break(1), "");
  EXPECT_EQ(Epoch(), 2u);
  Restart();
  EXPECT_EQ(Epoch(), 2u);
  EXPECT_TRUE((*store_.Get("plans/hash")).has_value());
}

TEST_F(GroupEngineTest, EpochsGoOnOverRestarts) {
  uint64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(Create(), "");
    EXPECT_GT(Epoch(), last);
    last = Epoch();
    Run([](GroupEngine::Turn& turn) {
      EXPECT_TRUE(turn.machine.Delete(kOwner, "g", true, &turn.effects).ok());
    });
    Restart();
  }
}

TEST_F(GroupEngineTest, AFailedWriteIsRefusedAndForgotten) {
  EXPECT_EQ(Create(), "");
  const uint64_t epoch = Epoch();
  const size_t events = recorder_.events.size();
  store_.FailWritesForTest(absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(Join("a", 1), "STORE_FAILED");
  EXPECT_EQ(Join("b", 2), "STORE_FAILED");
  EXPECT_EQ(Epoch(), epoch) << "reading still works";
  EXPECT_EQ(recorder_.events.size(), events) << "nobody was told";
  EXPECT_EQ(recorder_.failures.size(), 2u);
  EXPECT_EQ(log_.size(), 1u) << "logged once";
  store_.FailWritesForTest(absl::OkStatus());
  EXPECT_EQ(Join("a", 3), "");
  ASSERT_EQ(recorder_.events.size(), events + 1);
  EXPECT_EQ(recorder_.events.back()->sequence, 1u);
  EXPECT_EQ(log_.size(), 2u);
}

TEST_F(GroupEngineTest, ALossThatCannotBeWrittenIsToldAndTriedAgain) {
  EXPECT_EQ(Create(), "");
  EXPECT_EQ(Join("a", 1), "");
  EXPECT_EQ(Join("b", 2), "");
  const uint64_t epoch = Epoch();
  // Incarnations are 1 and 2, like the streams; only a's is still open.
  recorder_.attached = {{"a", 1}};
  store_.FailWritesForTest(absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(Break(2), "STORE_FAILED");
  ASSERT_EQ(recorder_.dropped.size(), 1u);
  EXPECT_EQ(recorder_.dropped[0]->type, EventType::kLost);
  EXPECT_EQ(recorder_.reattached, 1);
  EXPECT_EQ(Epoch(), epoch);
  store_.FailWritesForTest(absl::OkStatus());
  now_ += 1000;
  EXPECT_GT(Epoch(), epoch) << "lost at the second try";
  EXPECT_EQ(recorder_.events.back()->member->id, "b");
}

TEST_F(GroupEngineTest, AnotherWriterIsNoticed) {
  EXPECT_EQ(Create(), "");
  ASSERT_TRUE(store_.Txn({}, {store::Op::Put("groups/counters", "")}).ok());
  EXPECT_EQ(Join("a", 1), "STORE_FAILED");
  EXPECT_EQ(Join("a", 1), "") << "after reading again";
}

TEST_F(GroupEngineTest, AnOlderCoordinatorCanDoNothingMore) {
  engine_ = StartAsCoordinator();
  EXPECT_EQ(Create(), "");
  EXPECT_EQ(Join("a", 1), "");
  const uint64_t epoch = Epoch();
  const size_t events = recorder_.events.size();
  std::unique_ptr<GroupEngine> older = std::move(engine_);
  engine_ = StartAsCoordinator();
  std::swap(older, engine_);
  EXPECT_EQ(Join("b", 2), "NOT_COORDINATOR");
  EXPECT_EQ(recorder_.events.size(), events) << "nobody was told";
  EXPECT_EQ(recorder_.claims_lost.size(), 1u);
  EXPECT_EQ(lost_,
            std::vector<std::string>{"another daemon claimed the store"});
  EXPECT_EQ(Run([](GroupEngine::Turn&) { FAIL(); }), "NOT_COORDINATOR");
  EXPECT_EQ(lost_.size(), 1u) << "once";
  std::swap(older, engine_);
  EXPECT_EQ(Epoch(), epoch);
  EXPECT_EQ(Join("b", 3), "");
}

// Its store failed while another one took over: it must not claim it back.
TEST_F(GroupEngineTest, AReloadDoesNotTakeTheStoreBack) {
  engine_ = StartAsCoordinator();
  EXPECT_EQ(Create(), "");
  store_.FailWritesForTest(absl::UnavailableError("cut off"));
  EXPECT_EQ(Join("a", 1), "STORE_FAILED");
  store_.FailWritesForTest(absl::OkStatus());
  std::unique_ptr<GroupEngine> older = std::move(engine_);
  engine_ = StartAsCoordinator();
  EXPECT_EQ(Join("a", 2), "");
  std::swap(older, engine_);
  now_ += 1000;
  EXPECT_EQ(Join("b", 3), "NOT_COORDINATOR");
  std::swap(older, engine_);
  EXPECT_EQ(Join("b", 4), "");
  EXPECT_EQ(lost_.size(), 1u);
}

TEST_F(GroupEngineTest, ItsOwnClaimIsTakenUpAgain) {
  engine_ = StartAsCoordinator();
  EXPECT_EQ(Create(), "");
  store_.FailWritesForTest(absl::UnavailableError("no leader"));
  EXPECT_EQ(Join("a", 1), "STORE_FAILED");
  store_.FailWritesForTest(absl::OkStatus());
  now_ += 1000;
  EXPECT_EQ(Join("a", 2), "");
  EXPECT_TRUE(lost_.empty());
}

TEST_F(GroupEngineTest, ClaimsOnlyWhileItMay) {
  ASSERT_TRUE(store_.Txn({}, {store::Op::Put("coordinator", "me")}).ok());
  const int64_t mine = (*store_.Get("coordinator"))->mod_revision;
  ASSERT_TRUE(store_.Txn({}, {store::Op::Put("coordinator", "other")}).ok());
  GroupEngine::Options options;
  options.store = &store_;
  options.listener = &recorder_;
  options.clock = [] { return Millis{1}; };
  options.claim_while = {{"coordinator", mine}};
  const auto engine = GroupEngine::Start(std::move(options));
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Create(), "") << "the one before was left alone";
}

TEST_F(GroupEngineTest, TellsNothingFromMemoryWhenItMayNot) {
  engine_ = StartAsCoordinator();
  EXPECT_EQ(Create(), "");
  may_answer_ = false;
  EXPECT_EQ(Run([](GroupEngine::Turn&) {}), "NOT_COORDINATOR");
  EXPECT_EQ(Join("a", 1), "") << "a write is its own proof";
  may_answer_ = true;
  EXPECT_EQ(Run([](GroupEngine::Turn&) {}), "");
}

TEST_F(GroupEngineTest, NumbersBeginAtTheTime) {
  wall_ms_ = 1'000'000;
  engine_ = StartAsCoordinator();
  EXPECT_EQ(Create(), "");
  EXPECT_EQ(Epoch(), (uint64_t{1'000'000} << 20) + 1);
  // A clock that goes back changes nothing.
  wall_ms_ = 5;
  engine_.reset();
  engine_ = StartAsCoordinator();
  EXPECT_EQ(Break(9), "");
  EXPECT_EQ(Join("a", 1), "");
  EXPECT_EQ(Break(1), "");
  EXPECT_EQ(Epoch(), (uint64_t{1'000'000} << 20) + 2);
}

TEST_F(GroupEngineTest, DeadlinesRunWithoutCommands) {
  EXPECT_EQ(Create(), "");
  EXPECT_EQ(Join("a", 1), "");
  now_ += limits_.default_formation_timeout_ms;
  // Any command wakes the engine, which looks at the clock; the real clock
  // needs none.
  Epoch();
  std::unique_lock<std::mutex> lock(recorder_.mutex);
  recorder_.told.wait(lock, [this] {
    return recorder_.events.back()->reason_code == "FORMATION_TIMEOUT";
  });
}

// A join and the group's deletion that wait for the engine together: the join
// is told while the group is there, and the two are one write each.
TEST_F(GroupEngineTest, WhatIsApartFindsTheOthersTold) {
  EXPECT_EQ(Create(), "");
  std::promise<void> queued;
  std::vector<std::string> told;
  engine_->Post([&queued](GroupEngine::Turn&) { queued.get_future().wait(); },
                [](const std::optional<Refusal>&) {});
  engine_->Post(
      [](GroupEngine::Turn& turn) {
        EXPECT_TRUE(turn.machine
                        .Join(kOwner, {"g", "a", std::nullopt, 0, "", "", 0}, 1,
                              turn.now, &turn.effects)
                        .ok());
      },
      [&](const std::optional<Refusal>& failure) {
        ASSERT_FALSE(failure.has_value());
        told.push_back(engine_->machine().Peek("g") != nullptr ? "there"
                                                               : "gone");
      });
  engine_->Post(
      [&](GroupEngine::Turn& turn) {
        told.push_back("deletes");
        EXPECT_TRUE(turn.machine.Delete(kOwner, "g", true, &turn.effects).ok());
      },
      [](const std::optional<Refusal>&) {}, GroupEngine::Batching::kApart);
  queued.set_value();
  EXPECT_EQ(Epoch(), 0u);
  EXPECT_EQ(told, (std::vector<std::string>{"there", "deletes"}));
}

TEST_F(GroupEngineTest, ManyThreadsAreServedInOrder) {
  EXPECT_EQ(Create(), "");
  std::vector<std::thread> threads;
  std::atomic<int> answered{0};
  std::vector<int> order;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        engine_->Post(
            [&order](GroupEngine::Turn&) { order.push_back(1); },
            [&answered](const std::optional<Refusal>&) { ++answered; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  engine_->Stop();
  EXPECT_EQ(answered, 2000);
  EXPECT_EQ(order.size(), 2000u);
  EXPECT_EQ(Run([](GroupEngine::Turn&) { FAIL(); }), "DRAINING");
}

}  // namespace
}  // namespace ithaca::groups
