// Fragments of messages against a plain map of bytes.
#include "plugin/transport/fragments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace ithaca {
namespace {

using State = Fragment::State;

#ifdef ITHACA_SANITIZED
constexpr int kRounds = 50;
#else
constexpr int kRounds = 300;
#endif

TEST(Fragments, AnEmptyMessageIsCompleteAndWantsNothing) {
  Fragments fragments;
  fragments.Reset(0);
  EXPECT_TRUE(fragments.complete());
  EXPECT_EQ(fragments.ungranted(), 0);
  EXPECT_EQ(fragments.Find(0, 0), nullptr);
}

TEST(Fragments, AreCutInOrderAndASmallRestGoesWithTheLast) {
  Fragments fragments;
  fragments.Reset(2100);
  EXPECT_EQ(fragments.Grant(1000, 0, 0, 1).bytes, 1000);
  const Fragment last = fragments.Grant(1000, 0, 0, 2);
  EXPECT_EQ(last.offset, 1000);
  EXPECT_EQ(last.bytes, 1100);
  EXPECT_EQ(fragments.ungranted(), 0);
}

TEST(Fragments, OneLargerThanTheMessageIsTheMessage) {
  Fragments fragments;
  fragments.Reset(10);
  EXPECT_EQ(fragments.Grant(1 << 20, 0, 0, 1).bytes, 10);
}

TEST(Fragments, FindTakesExactBoundsOnly) {
  Fragments fragments;
  fragments.Reset(100);
  EXPECT_EQ(fragments.Find(0, 40), nullptr) << "not granted yet";
  fragments.Grant(40, 3, 5, 7);
  const Fragment* const found = fragments.Find(0, 40);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->lane, 3);
  EXPECT_EQ(found->via, 5);
  EXPECT_EQ(found->granted_ns, 7);
  EXPECT_EQ(fragments.Find(0, 39), nullptr);
  EXPECT_EQ(fragments.Find(0, 41), nullptr);
  EXPECT_EQ(fragments.Find(1, 39), nullptr);
  EXPECT_EQ(fragments.Find(40, 0), nullptr);
  EXPECT_EQ(fragments.Find(UINT64_MAX, UINT32_MAX), nullptr);
}

// A dead lane takes with it what it was to bring, and the grants it carried.
TEST(Fragments, ALaneLosesWhatItBringsAndWhatItsGrantsAskFor) {
  Fragments fragments;
  fragments.Reset(300);
  fragments.Grant(100, 1, 0, 1);
  fragments.Grant(100, 0, 1, 1);
  fragments.Grant(100, 0, 0, 1);
  std::vector<uint64_t> lost;
  fragments.Lose(1, [&](const Fragment& f) { lost.push_back(f.offset); });
  EXPECT_EQ(lost, (std::vector<uint64_t>{0, 100}));
  EXPECT_EQ(fragments.ungranted(), 200);
  fragments.Lose(1, [](const Fragment&) { FAIL() << "lost already"; });
  // As they were, whatever the next lane would take.
  EXPECT_EQ(fragments.Grant(1000, 2, 2, 9).bytes, 100);
  EXPECT_EQ(fragments.Find(0, 100)->lane, 2);
  EXPECT_EQ(fragments.Find(0, 100)->granted_ns, 9);
}

TEST(Fragments, ACopyFromALaneGivenUpCounts) {
  Fragments fragments;
  fragments.Reset(100);
  fragments.Grant(100, 0, 0, 1);
  fragments.Lose(0, [](const Fragment&) {});
  EXPECT_EQ(fragments.ungranted(), 100);
  fragments.Arrive(fragments.Find(0, 100));
  EXPECT_EQ(fragments.ungranted(), 0);
  EXPECT_TRUE(fragments.complete());
}

// A message of bytes, each ungranted, granted, lost or arrived.
class Model {
 public:
  explicit Model(uint64_t bytes) : bytes_(bytes, 'u') {}

  void Grant(const Fragment& f) {
    const bool fresh = parts_.count(f.offset) == 0;
    if (!fresh) {
      EXPECT_EQ(parts_[f.offset].bytes, f.bytes) << "bounds are for good";
    }
    Paint(f, fresh ? 'u' : 'l', 'g');
    parts_[f.offset] = f;
  }
  void Arrive(const Fragment& f) {
    Paint(f, 0, 'a');
    parts_[f.offset].state = State::kArrived;
  }
  void Lose(int lane, std::vector<uint64_t>* lost) {
    for (auto& [offset, f] : parts_) {
      if (f.state != State::kGranted || (f.lane != lane && f.via != lane))
        continue;
      f.state = State::kLost;
      Paint(f, 'g', 'l');
      lost->push_back(offset);
    }
  }
  uint64_t Count(char what) const {
    return std::count(bytes_.begin(), bytes_.end(), what);
  }
  const std::map<uint64_t, Fragment>& parts() const { return parts_; }

 private:
  void Paint(const Fragment& f, char from, char to) {
    ASSERT_LE(f.offset + f.bytes, bytes_.size());
    for (uint64_t i = f.offset; i < f.offset + f.bytes; ++i) {
      if (from != 0) {
        ASSERT_EQ(bytes_[i], from) << i;
      }
      ASSERT_NE(bytes_[i], 'a') << i;
      bytes_[i] = to;
    }
  }

  std::vector<char> bytes_;
  std::map<uint64_t, Fragment> parts_;
};

class RandomMessage {
 public:
  RandomMessage(Fragments* fragments, std::mt19937* random)
      : fragments_(*fragments),
        random_(*random),
        size_(1 + Random(3000)),
        cut_(1 + Random(size_)),
        model_(size_) {
    fragments_.Reset(size_);
  }

  void Run() {
    while (!fragments_.complete() && !testing::Test::HasFailure()) {
      switch (Random(8)) {
        case 0:
          Lose(Random(4));
          break;
        case 1:
        case 2:
        case 3:
          Arrive();
          break;
        default:
          Grant();
      }
      Check();
    }
  }

 private:
  uint64_t Random(uint64_t below) { return random_() % below; }

  void Grant() {
    if (fragments_.ungranted() == 0) return;
    model_.Grant(
        fragments_.Grant(1 + Random(cut_), Random(4), Random(4), ++now_));
  }
  void Lose(int lane) {
    std::vector<uint64_t> lost, expected;
    fragments_.Lose(lane, [&](const Fragment& f) { lost.push_back(f.offset); });
    model_.Lose(lane, &expected);
    EXPECT_EQ(lost, expected);
  }
  // One that was granted, lost since or not: a late copy is as good.
  void Arrive() {
    if (model_.parts().empty()) return;
    auto it = model_.parts().lower_bound(Random(size_));
    if (it == model_.parts().end()) it = model_.parts().begin();
    const Fragment part = it->second;
    const Fragment* const own = fragments_.Find(part.offset, part.bytes);
    ASSERT_NE(own, nullptr);
    EXPECT_EQ(own->state, part.state);
    if (own->state == State::kArrived) return;
    fragments_.Arrive(own);
    model_.Arrive(part);
  }
  void Check() {
    EXPECT_EQ(fragments_.ungranted(), model_.Count('u') + model_.Count('l'));
    EXPECT_EQ(fragments_.complete(), model_.Count('a') == size_);
    const uint64_t offset = Random(size_ + 2);
    const uint32_t bytes = Random(size_ + 2);
    const auto part = model_.parts().find(offset);
    const bool known =
        part != model_.parts().end() && part->second.bytes == bytes;
    EXPECT_EQ(fragments_.Find(offset, bytes) != nullptr, known);
  }

  Fragments& fragments_;
  std::mt19937& random_;
  const uint64_t size_;
  const uint64_t cut_;
  Model model_;
  int64_t now_ = 0;
};

TEST(Fragments, CoverAMessageOnceWhateverHappensToLanes) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  Fragments fragments;  // used again, as a slot's are
  for (int i = 0; i < kRounds && !HasFailure(); ++i)
    RandomMessage(&fragments, &random).Run();
}

}  // namespace
}  // namespace ithaca
