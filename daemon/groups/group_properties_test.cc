// What holds whatever is asked of a group machine, in whatever order, with
// writes that fail and machines that are read again in between.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>

#include "daemon/groups/group_machine_fixture.h"
#include "daemon/groups/records.h"
#include "daemon/store/memory_store.h"

namespace ithaca::groups {
namespace {

constexpr const char* kNodes[] = {"", "n1", "n2"};

// Random commands; after each, what must always hold.
class RandomRun {
 public:
  explicit RandomRun(unsigned seed) : random_(seed) {
    limits_.detach_grace_ms = 40;
    limits_.empty_ttl_ms = 200;
    limits_.default_formation_timeout_ms = 100;
    limits_.replan_settle_ms = 10;
    limits_.max_history = 50;
    limits_.max_groups_per_user = 2;
    limits_.max_members_per_user = 9;
    limits_.max_blob_bytes_per_user = 8;
    Load();
  }

  void Step() {
    now_ += Pick(12);
    Effects ticked;
    machine_->Tick(now_, &ticked);
    Keep(ticked);
    Effects effects;
    Command(&effects);
    Keep(effects);
    if (Pick(100) == 0) Reload();
  }
  // Every wait ends.
  void Finish() {
    for (int i = 0; i < 20; ++i) {
      now_ += 100;
      Effects effects;
      machine_->Tick(now_, &effects);
      Keep(effects);
    }
    EXPECT_TRUE(waiting_.empty()) << "a waiter was forgotten";
  }
  // How often each event and decision came.
  const std::map<std::string, int>& seen() const { return seen_; }

 private:
  int Pick(int below) { return static_cast<int>(random_() % below); }
  std::string GroupId() { return "g" + std::to_string(Pick(3)); }
  std::string MemberId() { return "m" + std::to_string(Pick(6)); }

  Fence AnyFence() {
    Fence fence{GroupId(), 0, MemberId(), static_cast<uint64_t>(Pick(200))};
    const Group* group = machine_->Peek(fence.group_id);
    if (group == nullptr) return fence;
    fence.epoch =
        group->record().epoch - static_cast<uint64_t>(Pick(8) == 0 ? 1 : 0);
    const Seat* seat = group->roster().Find(fence.member_id);
    if (seat != nullptr) fence.incarnation = seat->member->incarnation;
    return fence;
  }

  // Keeps a random part of those who are left, and sometimes adds a rank.
  Result<ReplanAnswer> Answer(const ReplanQuestion& question, uint32_t size) {
    ReplanAnswer answer;
    const std::set<uint32_t> lost(question.lost.begin(), question.lost.end());
    for (uint32_t i = 0; i < size; ++i) {
      if (lost.count(i) == 0 && Pick(5) != 0) answer.old_ranks.emplace_back(i);
    }
    std::shuffle(answer.old_ranks.begin(), answer.old_ranks.end(), random_);
    if (Pick(3) == 0) answer.old_ranks.emplace_back();
    if (answer.old_ranks.size() < question.min_size) {
      return Refusal{absl::StatusCode::kFailedPrecondition,
                     "REPLAN_IMPOSSIBLE",
                     "too few",
                     "wait",
                     {}};
    }
    answer.plan_hash = "plan" + std::to_string(Pick(4));
    answer.plan = "bytes of " + answer.plan_hash;
    answer.text = "a random plan";
    return answer;
  }
  Replanner AnyReplanner(const std::string& group_id) {
    return [this, group_id](const ReplanQuestion& question) {
      return Answer(question, machine_->Peek(group_id)->record().size);
    };
  }

  void Command(Effects* effects) {
    switch (Pick(14)) {
      case 0:
        return Create(effects);
      case 1:
      case 2:
      case 3:
        return Join(effects);
      case 4:
        return Break(effects);
      case 5:
        (void)machine_->Leave(kOwner, AnyFence(), now_, effects);
        return;
      case 6:
        (void)machine_->Publish(kOwner, AnyFence(),
                                "b" + std::to_string(Pick(3)),
                                std::to_string(Pick(2)), now_, effects);
        return;
      case 7: {
        const auto got =
            machine_->GetBlob(kOwner, AnyFence(), "b" + std::to_string(Pick(3)),
                              ++waiter_, Pick(60), now_);
        return Waits(got.ok() && !got.value().has_value());
      }
      case 8:
      case 9:
        return Meet(effects);
      case 10:
        return Vote(effects);
      case 11: {
        ReplanCommand command;
        command.fence = AnyFence();
        if (Pick(2) == 0) command.fence.member_id.clear();
        if (Pick(2) == 0) command.lost_slots = {static_cast<uint32_t>(Pick(4))};
        command.dry_run = Pick(4) == 0;
        (void)machine_->Replan(kOwner, command,
                               AnyReplanner(command.fence.group_id), now_,
                               effects);
        return;
      }
      case 12:
        machine_->TellNode(static_cast<GroupMachine::NodeNews>(Pick(3)),
                           kNodes[1 + Pick(2)], "it is so");
        return;
      case 13:
        if (Pick(10) == 0)
          (void)machine_->Delete(kOwner, GroupId(), Pick(2) == 0, effects);
        if (Pick(2) == 0 && !waiting_.empty()) {
          const WaiterId waiter = *waiting_.begin();
          waiting_.erase(waiter);
          for (const auto& [id, group] : machine_->groups())
            machine_->CancelWaiter(id, waiter);
        }
        return;
    }
  }

  void Create(Effects* effects) {
    CreateCommand command{GroupId(), static_cast<uint32_t>(1 + Pick(4)), "hash",
                          0};
    command.on_loss = Pick(2) == 0 ? OnLoss::kReplan : OnLoss::kWait;
    command.min_size = static_cast<uint32_t>(Pick(3));
    command.plan = "bytes";
    (void)machine_->Create(kOwner, command, now_, effects);
  }
  void Join(Effects* effects) {
    JoinCommand command{GroupId(), MemberId(), std::nullopt, 0, "", "", 0};
    command.may_park = Pick(2) == 0;
    if (Pick(4) == 0) command.slot = static_cast<uint32_t>(Pick(4));
    const Group* group = machine_->Peek(command.group_id);
    const Seat* seat =
        group != nullptr ? group->roster().Find(command.member_id) : nullptr;
    if (seat != nullptr && Pick(3) == 0)
      command.incarnation = seat->member->incarnation;
    Caller caller = kOwner;
    caller.node = kNodes[Pick(3)];
    const auto answer =
        machine_->Join(caller, command, ++stream_, now_, effects);
    if (!answer.ok()) return;
    streams_[stream_] = {command.group_id, command.member_id,
                         answer.value().incarnation};
  }
  void Break(Effects* effects) {
    if (streams_.empty()) return;
    auto it = streams_.begin();
    std::advance(it, Pick(static_cast<int>(streams_.size())));
    const auto [stream, life] = *it;
    streams_.erase(it);
    if (Pick(3) == 0) {
      machine_->Detach(life.group_id, stream, 30, "the link broke", now_,
                       effects);
    } else {
      machine_->StreamBroken(life.group_id, stream, now_, effects);
    }
  }
  // Everybody of a group, most of the time, so that meetings succeed.
  void Meet(Effects* effects) {
    const std::string name = "x" + std::to_string(Pick(2));
    const uint64_t round = static_cast<uint64_t>(Pick(3));
    const Group* group = machine_->Peek(GroupId());
    if (group == nullptr) return;
    for (const Fence& fence : Everybody(*group)) {
      const auto passed = machine_->Barrier(kOwner, fence, name, round,
                                            ++waiter_, Pick(60), now_, effects);
      Waits(passed.ok() && !passed.value());
    }
  }
  void Vote(Effects* effects) {
    const std::string hash(1, static_cast<char>('a' + Pick(3)));
    const uint64_t round = static_cast<uint64_t>(Pick(6));
    const Group* group = machine_->Peek(GroupId());
    if (group == nullptr) return;
    for (const Fence& fence : Everybody(*group)) {
      const GroupMachine::Vote vote{Pick(15) == 0 ? "z" : hash, round, 0};
      const auto committed = machine_->Commit(kOwner, fence, vote, ++waiter_,
                                              Pick(60), now_, effects);
      Waits(committed.ok() && !committed.value().has_value());
      if (!committed.ok()) ++seen_[committed.refusal().reason];
      if (!committed.ok() || !committed.value().has_value()) continue;
      EXPECT_EQ(committed.value()->epoch, fence.epoch);
    }
  }
  std::vector<Fence> Everybody(const Group& group) {
    std::vector<Fence> fences;
    for (const Seat& seat : group.roster().slots()) {
      if (!seat.member.has_value() || Pick(12) == 0) continue;
      fences.push_back({group.record().id, group.record().epoch,
                        seat.member->id, seat.member->incarnation});
    }
    return fences;
  }
  void Waits(bool waits) {
    if (waits) waiting_.insert(waiter_);
  }

  // Writes what changed, or fails to.
  void Keep(const Effects& effects) {
    if (effects.dirty.empty()) return Check(effects);
    if (Pick(50) == 0) return Reload();
    const auto ops = EncodeDirty(effects, *machine_);
    EXPECT_LE(ops.size(), store::kMaxTxnOps - 1);
    const auto written = store_.Txn({}, ops);
    ASSERT_TRUE(written.ok()) << written.status();
    Check(effects);
  }
  void Load() {
    auto loaded = LoadGroups(store_, limits_, now_);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    machine_ = std::move(loaded->machine);
    machine_->SetReplanner([this](const ReplanQuestion& question) {
      return Answer(question, question.lost.back() + 1);
    });
  }
  // The machine is thrown away, with its waits, and read again; some streams
  // are still open.
  void Reload() {
    Load();
    waiting_.clear();
    for (auto it = streams_.begin(); it != streams_.end();) {
      const bool open =
          Pick(4) != 0 &&
          machine_->Attach(it->second.group_id, it->second.member_id,
                           it->second.incarnation, it->first);
      it = open ? std::next(it) : streams_.erase(it);
    }
    // Numbers that nobody was told may come again.
    for (const auto& [id, group] : machine_->groups())
      sequence_[id] = group->record().sequence;
    Effects effects;
    machine_->Tick(now_, &effects);
    Keep(effects);
  }

  void Check(const Effects& effects) {
    for (const auto& answer : effects.answers) {
      // Of those whose call just ended, some never began to wait.
      waiting_.erase(answer.waiter);
      if (!answer.answer.ok()) ++seen_[answer.answer.refusal().reason];
      EXPECT_TRUE(answered_.insert(answer.waiter).second) << "answered twice";
    }
    for (const auto& end : effects.ended) {
      streams_.erase(end.stream);
      if (end.why.has_value()) ++seen_[end.why->reason];
    }
    for (const auto& notice : effects.notices) {
      const Event& event = *notice.event;
      ++seen_[event.reason_code];
      if (event.type == EventType::kComplete) ++seen_["COMPLETE"];
      if (event.type == EventType::kResumed) ++seen_["RESUMED"];
      uint64_t& last = sequence_[notice.group_id];
      if (event.sequence == 1) last = 0;
      EXPECT_TRUE(last == 0 || event.sequence == last + 1)
          << last << " then " << event.sequence;
      last = event.type == EventType::kDeleted ? 0 : event.sequence;
    }
    size_t members = 0, bytes = 0;
    for (const auto& [id, group] : machine_->groups()) {
      CheckGroup(*group);
      members += group->usage().members;
      bytes += group->usage().blob_bytes;
    }
    const Usage usage = machine_->UsageOf(kOwner.uid);
    EXPECT_EQ(usage.groups, machine_->groups().size());
    EXPECT_EQ(usage.members, members);
    EXPECT_EQ(usage.blob_bytes, bytes);
    EXPECT_LE(usage.groups, limits_.max_groups_per_user);
    EXPECT_LE(usage.members, limits_.max_members_per_user);
  }

  void CheckGroup(const Group& group) {
    const Group::Record& record = group.record();
    uint64_t& epoch = epoch_of_[record.id];
    EXPECT_GE(record.epoch, epoch);
    EXPECT_LE(record.epoch, machine_->counters().last_epoch);
    if (record.epoch != epoch) {
      EXPECT_TRUE(epochs_.insert(record.epoch).second) << "epoch used twice";
    }
    epoch = record.epoch;
    CheckRoster(group);
    for (const auto& [name, blob] : group.blobs())
      EXPECT_EQ(blob.epoch, record.epoch);
    seen_["BARRIER"] += static_cast<int>(group.barriers().size());
    const Committed& commit = record.last_commit;
    EXPECT_LE(commit.epoch, record.epoch);
    if (commit.epoch == 0) return;
    const auto known = committed_.emplace(
        std::make_tuple(record.id, commit.epoch, commit.round), commit.hash);
    EXPECT_EQ(known.first->second, commit.hash) << "two commits of one round";
    if (known.second) ++seen_["COMMIT"];
  }

  void CheckRoster(const Group& group) {
    const Roster& roster = group.roster();
    ASSERT_EQ(roster.slots().size(), group.record().size);
    std::set<std::string> ids;
    uint32_t held = 0;
    const auto look = [&](const Seat& seat, bool parked) {
      const Member& member = *seat.member;
      EXPECT_EQ(member.parked, parked);
      EXPECT_TRUE(ids.insert(member.id).second) << "one id at two places";
      EXPECT_EQ(roster.Find(member.id), &seat);
      EXPECT_EQ(roster.FindLife(member.incarnation), &seat);
      EXPECT_LE(member.incarnation, machine_->counters().last_incarnation);
      EXPECT_EQ(seat.stream != 0, member.attached);
      EXPECT_TRUE(member.attached || seat.detach_deadline.has_value());
      EXPECT_EQ(seat.formation_deadline.has_value(),
                !parked && !group.complete());
    };
    for (uint32_t i = 0; i < roster.slots().size(); ++i) {
      const Seat& seat = roster.slots()[i];
      EXPECT_EQ(roster.free_slots().count(i),
                seat.member.has_value() ? 0u : 1u);
      if (!seat.member.has_value()) continue;
      ++held;
      EXPECT_EQ(seat.member->slot, i);
      look(seat, false);
    }
    EXPECT_EQ(held, roster.member_count());
    for (const auto& [life, seat] : roster.spares()) {
      look(seat, true);
      EXPECT_TRUE(group.complete() || !seat.member->attached ||
                  seat.member->suspect)
          << "a slot is free while a spare waits";
    }
  }

  struct Life {
    std::string group_id;
    std::string member_id;
    uint64_t incarnation = 0;
  };

  std::mt19937 random_;
  Limits limits_;
  store::MemoryStore store_;
  std::unique_ptr<GroupMachine> machine_;
  Millis now_ = 0;
  StreamId stream_ = 0;
  WaiterId waiter_ = 0;
  // Open streams.
  std::map<StreamId, Life> streams_;
  std::set<WaiterId> waiting_;
  std::set<WaiterId> answered_;
  std::set<uint64_t> epochs_;
  std::map<std::string, uint64_t> epoch_of_;
  std::map<std::string, uint64_t> sequence_;
  std::map<std::tuple<std::string, uint64_t, uint64_t>, std::string> committed_;
  std::map<std::string, int> seen_;
};

// ITHACA_GROUP_STEPS: how many, for a long run by hand.
TEST(GroupMachineProperties, HoldOverRandomCommands) {
  const char* wanted = std::getenv("ITHACA_GROUP_STEPS");
  std::map<std::string, int> seen;
  const int runs = wanted != nullptr ? std::atoi(wanted) / 1000 : 30;
  for (int run = 0; run < runs && !testing::Test::HasFailure(); ++run) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomRun random(seed);
    for (int i = 0; i < 1000 && !testing::Test::HasFailure(); ++i)
      random.Step();
    random.Finish();
    for (const auto& [code, times] : random.seen()) seen[code] += times;
  }
  // The commands reach what they are there for.
  for (const char* code :
       {"STREAM_BROKEN",     "NOT_RESUMED",     "LEFT",
        "FORMATION_TIMEOUT", "SUPERSEDED",      "NODE_SILENT",
        "NODE_BACK",         "NODE_LOST",       "GROUP_FULL",
        "SLOT_FREE",         "NO_SLOT_IN_PLAN", "REPLAN_ON_LOSS",
        "REPLAN_ASKED",      "COMPLETE",        "RESUMED",
        "BARRIER",           "COMMIT",          "COMMIT_DIFFERS",
        "COMMIT_TIMEOUT",    "BARRIER_TIMEOUT", "BLOB_NOT_PUBLISHED",
        "STALE_EPOCH",       "GROUP_DELETED",   "DELETED"}) {
    EXPECT_GT(seen[code], 0) << code;
  }
}

}  // namespace
}  // namespace ithaca::groups
