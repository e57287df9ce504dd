// Who looks after charges that nobody polls.
#include "plugin/net/caretaker.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>

namespace ithaca::net {
namespace {

class Looked : public Caretaker::Charge {
 public:
  // Wants to be looked after `times` times, then no more. `gone` outlives it.
  explicit Looked(int times, bool* gone) : left_(times), gone_(gone) {}
  ~Looked() override { *gone_ = true; }
  bool LookAfter() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    over_ = left_ == 0;
    changed_.notify_all();
    return left_-- > 0;
  }
  void WaitOver() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return over_; });
  }
  void Again(int times) {
    const std::lock_guard<std::mutex> lock(mutex_);
    left_ = times;
    over_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int left_;
  bool over_ = false;
  bool* const gone_;
};

TEST(Caretaker, LooksUntilItIsToldNotTo) {
  bool gone = false;
  Caretaker caretaker;
  auto charge = std::make_shared<Looked>(3, &gone);
  caretaker.Care(charge);
  charge->WaitOver();
  charge->Again(2);
  caretaker.Care(charge);
  charge->WaitOver();
}

TEST(Caretaker, KeepsNothingAlive) {
  bool gone = false, other_gone = false;
  auto caretaker = std::make_unique<Caretaker>();
  auto charge = std::make_shared<Looked>(1 << 30, &gone);
  auto other = std::make_shared<Looked>(2, &other_gone);
  caretaker->Care(charge);
  charge.reset();
  caretaker->Care(other);
  other->WaitOver();
  other.reset();
  caretaker.reset();  // after its thread
  EXPECT_TRUE(gone);
  EXPECT_TRUE(other_gone);
}

}  // namespace
}  // namespace ithaca::net
