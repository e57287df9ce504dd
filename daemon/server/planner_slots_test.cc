#include "daemon/server/planner_slots.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace ithaca::server {
namespace {

using std::chrono::system_clock;

const auto kFar = system_clock::time_point::max();

PlannerSlots::Options Sizes(size_t at_once, size_t max_waiting) {
  PlannerSlots::Options options;
  options.at_once = at_once;
  options.max_waiting = max_waiting;
  return options;
}

TEST(PlannerSlots, SoManyAtOnceAndNoMore) {
  std::atomic<int> told{0};
  auto options = Sizes(2, 100);
  options.held = [&told](double seconds) {
    EXPECT_GE(seconds, 0);
    ++told;
  };
  PlannerSlots slots(std::move(options));
  std::atomic<int> inside{0}, most{0}, done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const auto place = slots.Enter(kFar, nullptr);
        ASSERT_TRUE(place.ok());
        const int now = ++inside;
        int before = most;
        while (before < now && !most.compare_exchange_weak(before, now)) {
        }
        std::this_thread::yield();
        --inside;
        ++done;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(done, 400);
  EXPECT_EQ(told, 400);
  EXPECT_LE(most, 2);
}

TEST(PlannerSlots, TooManyWaitingIsARefusalWithADelay) {
  std::string told;
  auto options = Sizes(1, 0);
  options.refused = [&told](const char* reason) { told = reason; };
  PlannerSlots slots(std::move(options));
  auto place = slots.Enter(kFar, nullptr);
  ASSERT_TRUE(place.ok());
  const auto refused = slots.Enter(kFar, nullptr);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.refusal().reason, "PLANNER_BUSY");
  EXPECT_EQ(refused.refusal().code, absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.refusal().facts.count("retry_after_ms"), 1u);
  EXPECT_EQ(told, "PLANNER_BUSY");
  place.value().reset();
  EXPECT_TRUE(slots.Enter(kFar, nullptr).ok());
}

TEST(PlannerSlots, AWaitEndsWithItsDeadlineOrItsCaller) {
  PlannerSlots slots(Sizes(1, 10));
  const auto place = slots.Enter(kFar, nullptr);
  ASSERT_TRUE(place.ok());
  EXPECT_EQ(slots.Enter(system_clock::now(), nullptr).refusal().code,
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(slots.Enter(kFar, [] { return true; }).refusal().code,
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace ithaca::server
