// Ledgers of several engines on one page, in virtual time; and pages that
// somebody scribbled on.
#include "plugin/nodepage/credit_ledger.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/nodepage/process_id.h"
#include "plugin/nodepage/test_folder.h"

namespace ithaca::nodepage {
namespace {

constexpr RailKey kA{7, 2}, kB{7, 3}, kElsewhere{8, 2};

class LedgerTest : public testing::Test {
 protected:
  std::unique_ptr<CreditLedger> Ledger(std::vector<RailKey> rails) {
    return std::make_unique<CreditLedger>(page_, std::move(rails), now_ns_);
  }
  // How many engines `ledger` counts on each of its rails.
  std::vector<int> Exchange(CreditLedger* ledger, std::vector<bool> active) {
    std::vector<RailUse> uses(active.size());
    for (size_t i = 0; i < active.size(); ++i) uses[i].active = active[i];
    std::vector<int> engines;
    for (const Share& share : ledger->Exchange(now_ns_, &uses))
      engines.push_back(share.engines);
    return engines;
  }
  Slot& slot(int index) { return page_->words().slot[index]; }

  TestFolder folder_;
  std::shared_ptr<NodePage> page_ = *NodePage::Open(folder_.path());
  int64_t now_ns_ = 1000 * kNsPerSecond;
};

using Engines = std::vector<int>;

TEST_F(LedgerTest, EnginesOfOneProcessShareTheirRails) {
  auto first = Ledger({kA, kB}), second = Ledger({kB, kA});
  EXPECT_EQ(Exchange(first.get(), {true, false}), (Engines{1, 1}));
  EXPECT_EQ(Exchange(second.get(), {true, true}), (Engines{1, 2}));
  EXPECT_EQ(Exchange(first.get(), {true, false}), (Engines{2, 2}));
  second.reset();
  EXPECT_EQ(Exchange(first.get(), {true, true}), (Engines{1, 1}));
}

TEST_F(LedgerTest, TheShareOfAnIdleOneGoesToTheOthersAtOnce) {
  auto first = Ledger({kA}), second = Ledger({kA}), third = Ledger({kA});
  Exchange(second.get(), {true}), Exchange(third.get(), {true});
  EXPECT_EQ(Exchange(first.get(), {true}), Engines{3});
  now_ns_ += kNsPerMs;
  Exchange(second.get(), {false});
  EXPECT_EQ(Exchange(first.get(), {true}), Engines{2});
  // The third one is polled no more.
  now_ns_ += kLatelyNs;
  EXPECT_EQ(Exchange(first.get(), {true}), Engines{1});
}

TEST_F(LedgerTest, TheSameIndexInAnotherNamespaceIsAnotherNic) {
  auto here = Ledger({kA}), there = Ledger({kElsewhere});
  Exchange(there.get(), {true});
  EXPECT_EQ(Exchange(here.get(), {true}), Engines{1});
}

TEST_F(LedgerTest, RailsWithoutAKeyAreNotShared) {
  auto first = Ledger({{}, kA}), second = Ledger({{}, kA});
  Exchange(second.get(), {true, true});
  EXPECT_EQ(Exchange(first.get(), {true, true}), (Engines{1, 2}));
}

TEST_F(LedgerTest, MoreRailsThanASlotHasAreNotShared) {
  std::vector<RailKey> keys;
  for (uint64_t i = 0; i < kRailsPerSlot + 2; ++i) keys.push_back({7, i});
  auto first = Ledger(keys), second = Ledger(keys);
  const std::vector<bool> all(keys.size(), true);
  Exchange(second.get(), all);
  Engines expected(keys.size(), 1);
  std::fill_n(expected.begin(), kRailsPerSlot, 2);
  EXPECT_EQ(Exchange(first.get(), all), expected);
}

TEST_F(LedgerTest, TheNicsSpeedIsThatOfAllTogether) {
  auto first = Ledger({kA}), second = Ledger({kA});
  std::vector<RailUse> a(1), b(1);
  a[0].active = b[0].active = true;
  double speed = 0;
  for (int ms = 0; ms < 500; ++ms, now_ns_ += kNsPerMs) {
    a[0].arrived += 1000, b[0].arrived += 2000;
    second->Exchange(now_ns_, &b);
    speed = first->Exchange(now_ns_, &a)[0].bytes_per_second;
  }
  EXPECT_NEAR(speed, 3e6, 1e4);
}

TEST_F(LedgerTest, WithoutAFreeSlotItStillLeavesTheOthersTheirShare) {
  std::vector<std::unique_ptr<CreditLedger>> all;
  for (int i = 0; i < kLedgerSlots; ++i) {
    all.push_back(Ledger({kA}));
    Exchange(all.back().get(), {true});
  }
  auto late = Ledger({kA});
  EXPECT_EQ(Exchange(late.get(), {true}), Engines{1 + kLedgerSlots});
  all.resize(1);
  // It asks again every second.
  now_ns_ += kNsPerSecond;
  Exchange(late.get(), {true});
  EXPECT_EQ(Exchange(all[0].get(), {true}), Engines{2});
}

TEST_F(LedgerTest, AWriterThatStoppedHalfWayIsPassedOverAndItsSlotPutRight) {
  auto reader = Ledger({kA});
  auto writer = Ledger({kA});
  Exchange(writer.get(), {true});
  ASSERT_EQ(Exchange(reader.get(), {true}), Engines{2});
  slot(1).sequence.fetch_add(1);
  EXPECT_EQ(Exchange(reader.get(), {true}), Engines{1});
  Exchange(writer.get(), {true});
  EXPECT_EQ(slot(1).sequence.load() % 2, 0u);
  EXPECT_EQ(Exchange(reader.get(), {true}), Engines{2});
}

TEST_F(LedgerTest, WhoLostItsSlotTakesAnother) {
  auto first = Ledger({kA}), second = Ledger({kA});
  Exchange(second.get(), {true});
  const uint64_t thief = ProcessWord(getppid());
  ASSERT_NE(thief, 0u);
  slot(1).owner.store(thief);
  const uint64_t sequence = slot(1).sequence.load();
  now_ns_ += kNsPerMs;
  Exchange(second.get(), {true});
  EXPECT_EQ(slot(1).sequence.load(), sequence) << "it is another's now";
  now_ns_ += kNsPerSecond;
  Exchange(second.get(), {true});
  EXPECT_EQ(slot(2).owner.load(), ProcessWord(getpid()));
  second.reset();
  EXPECT_EQ(slot(1).owner.load(), thief);
  EXPECT_EQ(slot(2).owner.load(), 0u);
}

TEST_F(LedgerTest, SlotsOfTheDeadAreTakenOverAndFreed) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  const uint64_t dead = ProcessWord(child) | 1ull << 22;
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  auto first = Ledger({kA});
  for (int i : {1, 2}) {
    slot(i).owner.store(dead);
    slot(i).process_namespace.store(ProcessNamespace());
    slot(i).sequence.store(7);  // killed in the midst of writing
  }
  page_->words().used_slots.store(3);
  auto second = Ledger({kA});
  EXPECT_EQ(slot(1).owner.load(), ProcessWord(getpid()));
  Exchange(second.get(), {true});
  EXPECT_EQ(Exchange(first.get(), {true}), Engines{2});
  for (int i = 0; i < 4; ++i) {
    now_ns_ += kNsPerSecond;
    Exchange(first.get(), {true});
  }
  EXPECT_EQ(slot(2).owner.load(), 0u);
}

TEST_F(LedgerTest, OfStrangersOnlyTheLongSilentLoseTheirSlots) {
  slot(0).owner.store(42);
  slot(0).process_namespace.store(ProcessNamespace() + 1);
  slot(0).written_ns.store(now_ns_ - 59 * kNsPerSecond);
  auto first = Ledger({kA});
  EXPECT_EQ(slot(0).owner.load(), 42u);
  slot(0).written_ns.store(now_ns_ - 61 * kNsPerSecond);
  auto second = Ledger({kA});
  EXPECT_EQ(slot(0).owner.load(), ProcessWord(getpid()));
}

TEST_F(LedgerTest, AChildMadeByForkLeavesTheSlotToItsParent) {
  auto ledger = Ledger({kA});
  const pid_t child = fork();
  if (child == 0) {
    ledger.reset();
    _exit(0);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(slot(0).owner.load(), ProcessWord(getpid()));
}

TEST_F(LedgerTest, WhateverThePageSaysTheSharesArePossible) {
  auto ledger = Ledger({kA, kB});
  std::mt19937_64 random(1234);
  // As words, as others may write any of them; all but the head, which was
  // read already.
  auto* const words = reinterpret_cast<Word*>(&page_->words());
  constexpr size_t kWords = sizeof(PageWords) / sizeof(Word);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (int round = 0; round < 50 || std::chrono::steady_clock::now() < end;
       ++round) {
    const bool all = round % 8 == 0;
    for (int i = all ? kWords : random() % 512; i > 0; --i) {
      // Mostly the first slots, and values that mean something.
      const size_t at = 8 + random() % ((all ? kWords : 2048) - 8);
      const uint64_t values[] = {random(), random() % 4, ~uint64_t{0},
                                 static_cast<uint64_t>(now_ns_), kA.network};
      words[at].store(values[random() % 5], std::memory_order_relaxed);
    }
    page_->words().used_slots.store(random());
    now_ns_ += random() % (2 * kNsPerSecond);
    for (int engines : Exchange(ledger.get(), {true, random() % 2 == 0})) {
      ASSERT_GE(engines, 1);
      ASSERT_LE(engines, kLedgerSlots + 1);
    }
    if (round % 16 == 0) ledger = Ledger({kA, kB});
  }
}

TEST(RailKeyOf, IsTheInterfaceInThisNamespace) {
  const RailKey lo = RailKeyOf("lo");
  if (lo.network == 0) GTEST_SKIP() << "no loopback interface here";
  EXPECT_EQ(lo.network, NetworkNamespace());
  EXPECT_GT(lo.interface, 0u);
  EXPECT_EQ(RailKeyOf("no-such-if").network, 0u);
}

}  // namespace
}  // namespace ithaca::nodepage
