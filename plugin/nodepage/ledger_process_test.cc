// Several processes on one page: copies are never torn, and a writer that is
// killed hurts nobody.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/nodepage/credit_ledger.h"
#include "plugin/nodepage/process_id.h"
#include "plugin/nodepage/test_folder.h"

namespace ithaca::nodepage {
namespace {

constexpr RailKey kNic{7, 2};

// All words of a write say the same number.
void WriteForever(LedgerSlot* slot) {
  std::vector<RailUse> uses(kRailsPerSlot);
  for (uint64_t n = 1;; ++n) {
    for (RailUse& use : uses) use = {kNic, n, n, n, true};
    slot->Write(static_cast<int64_t>(n), uses.data(), kRailsPerSlot);
  }
}

bool IsWhole(const SlotUse& use) {
  for (int i = 0; i < use.rails; ++i) {
    const RailUse& rail = use.rail[i];
    if (rail.window != use.written_ns || rail.outstanding != use.written_ns ||
        rail.arrived != use.written_ns)
      return false;
  }
  return use.rails == 0 || use.rails == kRailsPerSlot;
}

class LedgerProcess : public testing::Test {
 protected:
  ~LedgerProcess() override {
    for (pid_t child : children_) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
    }
  }
  // A process of its own, which opens the page itself.
  pid_t Start(const std::function<void(std::shared_ptr<NodePage>)>& work) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(100);
      auto page = NodePage::Open(folder_.path());
      if (page.ok()) work(*page);
      _exit(1);
    }
    children_.push_back(child);
    return child;
  }
  pid_t StartWriter() {
    return Start([](std::shared_ptr<NodePage> page) {
      auto slot = LedgerSlot::Claim(page, 0);
      if (slot != nullptr) WriteForever(slot.get());
    });
  }
  void Kill(pid_t child) {
    kill(child, SIGKILL);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    children_.erase(std::find(children_.begin(), children_.end(), child));
  }
  const Slot& slot(int index) { return page_->words().slot[index]; }

  TestFolder folder_;
  std::shared_ptr<NodePage> page_ = *NodePage::Open(folder_.path());
  std::vector<pid_t> children_;
};

TEST_F(LedgerProcess, CopiesAreNeverTorn) {
  StartWriter(), StartWriter();
  std::vector<SlotUse> uses;
  int whole = 0;
  for (int i = 0; i < 100'000'000 && whole < 20'000; ++i) {
    ReadOthers(page_->words(), -1, &uses);
    for (const SlotUse& use : uses) {
      ASSERT_TRUE(IsWhole(use)) << "slot " << use.index;
      whole += use.rails > 0;
    }
  }
  EXPECT_EQ(whole >= 20'000, true);
}

TEST_F(LedgerProcess, ThreadsOfOneProcessMayReadAndWriteTogether) {
  std::atomic<bool> stop{false};
  auto mine = LedgerSlot::Claim(page_, 0), theirs = LedgerSlot::Claim(page_, 0);
  std::thread writer([&] {
    std::vector<RailUse> uses(kRailsPerSlot);
    for (uint64_t n = 1; !stop.load(); ++n) {
      for (RailUse& use : uses) use = {kNic, n, n, n, true};
      theirs->Write(n, uses.data(), kRailsPerSlot);
    }
  });
  std::vector<SlotUse> uses;
  for (int i = 0; i < 20'000; ++i) {
    ReadOthers(page_->words(), mine->index(), &uses);
    for (const SlotUse& use : uses) EXPECT_TRUE(IsWhole(use));
  }
  stop.store(true);
  writer.join();
}

// Kills writers until one dies half-way: readers pass over its slot, and the
// next one who comes gets it and puts it right.
TEST_F(LedgerProcess, AWriterKilledInTheMidstHurtsNobody) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const pid_t child = StartWriter();
    while (slot(0).sequence.load() < 1000) sched_yield();
    Kill(child);
    const uint64_t left = slot(0).sequence.load();
    std::vector<SlotUse> uses;
    ReadOthers(page_->words(), -1, &uses);
    ASSERT_EQ(uses.size(), left % 2 == 0 ? 1u : 0u);
    auto next = LedgerSlot::Claim(page_, 100 * kNsPerSecond);
    ASSERT_TRUE(next != nullptr);
    EXPECT_EQ(next->index(), 0) << "the slot of the dead one";
    ReadOthers(page_->words(), -1, &uses);
    ASSERT_EQ(uses.size(), 1u);
    EXPECT_EQ(uses[0].rails, 0);
    if (left % 2 != 0) return;
    next.reset();
    page_->words().slot[0].sequence.store(0);
  }
  FAIL() << "no writer died half-way";
}

TEST_F(LedgerProcess, AStoppedWriterIsPassedOverAndKeepsItsSlot) {
  const pid_t child = StartWriter();
  while (slot(0).sequence.load() < 1000) sched_yield();
  kill(child, SIGSTOP);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, WUNTRACED), child);
  auto mine = LedgerSlot::Claim(page_, 100 * kNsPerSecond);
  ASSERT_TRUE(mine != nullptr);
  EXPECT_EQ(mine->index(), 1);
  mine->ReclaimOther(0, 1000 * kNsPerSecond);
  EXPECT_EQ(slot(0).owner.load(), ProcessWord(child));
  kill(child, SIGCONT);
  const uint64_t before = slot(0).sequence.load();
  while (slot(0).sequence.load() < before + 1000) sched_yield();
}

TEST_F(LedgerProcess, EachOfManyProcessesGetsASlotOfItsOwn) {
  constexpr int kProcesses = 20;
  for (int i = 0; i < kProcesses; ++i) StartWriter();
  std::vector<uint64_t> owners;
  for (int i = 0; i < kProcesses; ++i) {
    while (slot(i).sequence.load() == 0) sched_yield();
    owners.push_back(slot(i).owner.load());
  }
  std::sort(owners.begin(), owners.end());
  EXPECT_EQ(std::unique(owners.begin(), owners.end()), owners.end());
}

// What a job's ranks do: each counts the others within a few looks, and has all
// to itself once they are gone.
TEST_F(LedgerProcess, ProcessesCountEachOther) {
  const auto look = [](CreditLedger* ledger) {
    std::vector<RailUse> uses(1);
    uses[0].active = true;
    return ledger->Exchange(MonotonicClock().NowNs(), &uses)[0].engines;
  };
  const pid_t child = Start([&](std::shared_ptr<NodePage> page) {
    CreditLedger ledger(page, {kNic}, MonotonicClock().NowNs());
    for (;;) look(&ledger);
  });
  CreditLedger ledger(page_, {kNic}, MonotonicClock().NowNs());
  while (look(&ledger) != 2) sched_yield();
  Kill(child);
  while (look(&ledger) != 1) sched_yield();
}

}  // namespace
}  // namespace ithaca::nodepage
