#include "daemon/server/rate_limiter.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace ithaca::server {
namespace {

RateLimits Limits(double cheap, double planning, double stream) {
  RateLimits limits;
  limits.cheap = cheap;
  limits.planning = planning;
  limits.stream = stream;
  return limits;
}

TEST(RateLimiter, ABurstThenItsRate) {
  RateLimiter limiter(Limits(100, 0, 0));
  for (int i = 0; i < 1000; ++i)
    ASSERT_FALSE(limiter.Take("a", Cost::kCheap, 5).has_value()) << i;
  // One token takes 10 ms.
  EXPECT_EQ(limiter.Take("a", Cost::kCheap, 5), 10);
  EXPECT_EQ(limiter.Take("a", Cost::kCheap, 11), 4);
  EXPECT_FALSE(limiter.Take("a", Cost::kCheap, 15).has_value());
  EXPECT_TRUE(limiter.Take("a", Cost::kCheap, 15).has_value());
  // Another identity, another class: not touched by it.
  EXPECT_FALSE(limiter.Take("b", Cost::kCheap, 15).has_value());
  EXPECT_FALSE(limiter.Take("a", Cost::kPlanning, 15).has_value());
}

TEST(RateLimiter, WhoWaitsAsToldIsLetIn) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    const double rate = 0.01 * static_cast<double>(1 + random() % 1'000'000);
    RateLimiter limiter(Limits(rate, 0, 0));
    int64_t now = 0;
    int64_t admitted = 0;
    for (int i = 0; i < 300; ++i) {
      if (const auto wait = limiter.Take("a", Cost::kCheap, now)) {
        ASSERT_GT(*wait, 0);
        now += *wait;
        ASSERT_FALSE(limiter.Take("a", Cost::kCheap, now).has_value()) << rate;
      }
      ++admitted;
      now += static_cast<int64_t>(random() % 3);
    }
    // Never more than the burst and what came in since.
    EXPECT_LE(static_cast<double>(admitted),
              std::max(1.0, rate * RateLimiter::kBurstSeconds) +
                  rate * static_cast<double>(now) / 1000 + 1);
  }
}

TEST(RateLimiter, AClockThatStandsOrGoesBackGivesNothing) {
  RateLimiter limiter(Limits(1, 0, 0));
  for (int i = 0; i < 10; ++i) limiter.Take("a", Cost::kCheap, 1000);
  EXPECT_TRUE(limiter.Take("a", Cost::kCheap, 500).has_value());
  EXPECT_TRUE(limiter.Take("a", Cost::kCheap, 1000).has_value());
}

TEST(RateLimiter, TheTableIsBounded) {
  RateLimiter limiter(Limits(1, 1, 1));
  for (int i = 0; i < 5000; ++i)
    limiter.Take("id" + std::to_string(i), Cost::kCheap, 0);
  EXPECT_EQ(limiter.identities(), RateLimiter::kMaxIdentities);
  // The others share one bucket, which is empty now; those inside do not care.
  EXPECT_TRUE(limiter.Take("new", Cost::kCheap, 0).has_value());
  EXPECT_FALSE(limiter.Take("id1", Cost::kCheap, 0).has_value());
  // Idle ones make room.
  EXPECT_FALSE(limiter.Take("new", Cost::kCheap, 20'000).has_value());
  EXPECT_EQ(limiter.identities(), 1u);
}

TEST(ParseRateLimits, SaysWhatIsWrong) {
  EXPECT_EQ(ParseRateLimits("")->cheap, RateLimits{}.cheap);
  const auto limits = ParseRateLimits("planning=0,cheap=2.5");
  ASSERT_TRUE(limits.ok());
  EXPECT_EQ(limits->planning, 0);
  EXPECT_EQ(limits->cheap, 2.5);
  EXPECT_EQ(limits->stream, RateLimits{}.stream);
  for (const char* bad : {"cheap", "cheap=", "cheap=-1", "cheap=nan",
                          "cheap=1e10", "other=1", "cheap=1,cheap=2"}) {
    EXPECT_FALSE(ParseRateLimits(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace ithaca::server
