// What is written is what is read: random histories are encoded step by step,
// and a machine that is built from the store agrees with the one that lived
// through them.

#include "daemon/groups/records.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

#include "daemon/groups/record_keys.h"
#include "daemon/store/memory_store.h"

namespace ithaca::groups {
namespace {

const Caller kOwner{1000, 1000, 77, false};

CreateCommand CreateOf(const std::string& id) {
  CreateCommand command{id, 3, "hash", 17};
  command.plan = "bytes of the plan";
  return command;
}

// All that must survive a restart, as text.
std::string Describe(const GroupMachine& machine) {
  std::string text = std::to_string(machine.counters().last_epoch) + "/" +
                     std::to_string(machine.counters().last_incarnation) + "\n";
  for (const auto& [id, group] : machine.groups()) {
    const Group::Record& record = group->record();
    text += id + " " + std::to_string(record.epoch) + " " +
            std::to_string(record.sequence) + " " + record.plan_hash + " " +
            std::to_string(record.owner_uid) + " " +
            std::to_string(record.create_unix_ms) + " " + record.reason_code +
            " " + record.reason + "\n";
    for (const Seat& slot : group->roster().slots()) {
      text += "  [" + slot.last_member_id;
      if (slot.member.has_value()) {
        const Member& member = *slot.member;
        text += " " + member.id + " " + std::to_string(member.slot) + " " +
                std::to_string(member.incarnation) + " " + member.host + " " +
                std::to_string(member.pid) + " " + member.endpoint + " " +
                std::to_string(slot.formation_timeout_ms);
      }
      text += "]\n";
    }
    for (const auto& [name, blob] : group->blobs()) {
      text += "  " + name + "=" + *blob.data + " by " +
              std::to_string(blob.publisher_slot) + " in " +
              std::to_string(blob.epoch) + "\n";
    }
  }
  return text;
}

class History {
 public:
  explicit History(unsigned seed) : random_(seed) {}

  void Step() {
    Effects effects;
    Command(&effects);
    const auto ops = EncodeDirty(effects, machine_);
    ASSERT_LE(ops.size(), store::kMaxTxnOps - 1);
    if (ops.empty()) return;
    const auto written = store_.Txn({}, ops);
    ASSERT_TRUE(written.ok()) << written.status();
  }

  void Compare() {
    auto loaded = LoadGroups(store_, limits_, 0);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(Describe(*loaded->machine), Describe(machine_));
    const bool used = machine_.PlanUsers("hash") > 0;
    EXPECT_EQ((*store_.Get(PlanKey("hash"))).has_value(), used);
  }

  store::MemoryStore& store() { return store_; }

 private:
  int Pick(int below) { return static_cast<int>(random_() % below); }

  void Command(Effects* effects) {
    const std::string id = "g" + std::to_string(Pick(3));
    const std::string name = "m" + std::to_string(Pick(4));
    switch (Pick(6)) {
      case 0:
        (void)machine_.Create(kOwner, CreateOf(id), now_, effects);
        return;
      case 1:
      case 2:
        (void)machine_.Join(
            kOwner,
            {id, name, std::nullopt, 0, "host", std::string("e\0p", 3), 0},
            ++stream_, now_, effects);
        return;
      case 3:
        machine_.StreamBroken(
            id, 1 + static_cast<StreamId>(Pick(static_cast<int>(stream_) + 1)),
            now_, effects);
        return;
      case 4: {
        const Group* group = machine_.Peek(id);
        if (group == nullptr) return;
        for (const Seat& slot : group->roster().slots()) {
          if (!slot.member.has_value()) continue;
          const Fence fence{id, group->record().epoch, slot.member->id,
                            slot.member->incarnation};
          (void)machine_.Publish(kOwner, fence, "b" + std::to_string(Pick(3)),
                                 std::string("\0\xff", 2) + name, now_,
                                 effects);
          return;
        }
        return;
      }
      case 5:
        if (Pick(4) == 0) (void)machine_.Delete(kOwner, id, true, effects);
        return;
    }
  }

  std::mt19937 random_;
  Limits limits_;
  GroupMachine machine_{limits_};
  store::MemoryStore store_;
  Millis now_ = 0;
  StreamId stream_ = 0;
};

TEST(Records, AgreeWithTheMachineAfterEveryStep) {
  for (int run = 0; run < 5 && !testing::Test::HasFailure(); ++run) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    History history(seed);
    for (int i = 0; i < 300 && !testing::Test::HasFailure(); ++i) {
      history.Step();
      history.Compare();
    }
  }
}

TEST(Records, AnEmptyStoreIsAnEmptyMachine) {
  store::MemoryStore store;
  const auto loaded = LoadGroups(store, Limits(), 0);
  ASSERT_TRUE(loaded.ok());
  EXPECT_TRUE(loaded->machine->groups().empty());
  EXPECT_EQ(loaded->counters_revision, 0);
}

// A record that is damaged is an error that names its key, or something
// harmless; never a crash, and never an epoch below one that is on the disk.
TEST(Records, DamagedOnesNeverCrash) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  History history(seed);
  for (int i = 0; i < 200; ++i) history.Step();
  const auto all = history.store().List("groups/", "", 1000);
  ASSERT_TRUE(all.ok());
  ASSERT_FALSE(all->entries.empty());
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    const store::KeyValue& victim =
        all->entries[random() % all->entries.size()];
    std::string bad = victim.value;
    if (bad.empty()) continue;
    bad[random() % bad.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bad.resize(random() % bad.size());
    ASSERT_TRUE(
        history.store().Txn({}, {store::Op::Put(victim.key, bad)}).ok());
    const auto loaded = LoadGroups(history.store(), Limits(), 0);
    if (!loaded.ok()) {
      ++refused;
      EXPECT_EQ(loaded.status().code(), absl::StatusCode::kDataLoss);
      EXPECT_NE(loaded.status().message().find("groups/"), std::string::npos);
    } else {
      for (const auto& [id, group] : loaded->machine->groups()) {
        EXPECT_LE(group->record().epoch,
                  loaded->machine->counters().last_epoch);
      }
    }
    ASSERT_TRUE(history.store()
                    .Txn({}, {store::Op::Put(victim.key, victim.value)})
                    .ok());
  }
  EXPECT_GT(refused, 0);
}

TEST(Records, StrangeKeysAreRefused) {
  for (const char* key :
       {"groups/g/", "groups/g/x", "groups/g/x/y", "groups/g/x/m/abc",
        "groups/g/x/m/00000", "groups/g/x/record"}) {
    store::MemoryStore store;
    ASSERT_TRUE(store.Txn({}, {store::Op::Put(key, "")}).ok());
    EXPECT_EQ(LoadGroups(store, Limits(), 0).status().code(),
              absl::StatusCode::kDataLoss)
        << key;
  }
}

}  // namespace
}  // namespace ithaca::groups
