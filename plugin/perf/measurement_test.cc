#include "plugin/perf/measurement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace ithaca::perf {
namespace {

using ::testing::ElementsAre;

Sample Made() {
  Sample s;
  s.clock = "a clock";
  s.start_ns = -5;
  s.end_ns = 7;
  s.user_ns = 1;
  s.system_ns = 2;
  s.copy_ns = 3;
  s.payload_bytes = uint64_t{1} << 60;
  s.wire_bytes = 9;
  s.messages = 10;
  s.checked_bytes = 11;
  s.stalls = {12, 13, 14};
  s.network = "a network";
  s.rails = {{"eth0", 15, 16}, {"eth1", 17, 18}};
  return s;
}

Sample Span(const char* clock, int64_t start_ns, int64_t end_ns) {
  Sample s;
  s.clock = clock;
  s.start_ns = start_ns;
  s.end_ns = end_ns;
  return s;
}

TEST(SampleTest, SurvivesTheTrip) {
  const Sample s = Made();
  auto back = Sample::Decode(s.Encode());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->Encode(), s.Encode());
  EXPECT_EQ(back->payload_bytes, s.payload_bytes);
  EXPECT_EQ(back->clock, "a clock");
  EXPECT_EQ(back->stalls.count, 14);
  ASSERT_EQ(back->rails.size(), 2u);
  EXPECT_EQ(back->rails[1].name, "eth1");
  EXPECT_EQ(back->rails[1].sent, 17u);
  EXPECT_EQ(back->rails[1].received, 18u);
}

TEST(SampleTest, NonsenseIsRefused) {
  for (const char* text :
       {"", "{}", "[]", "{\"clock\":1}", "null", "{\"start_ns\":[\"a\"]}"}) {
    EXPECT_FALSE(Sample::Decode(text).ok()) << text;
  }
}

// Whatever comes is refused or is a sample that can be encoded again.
TEST(SampleTest, MutationsAreRefusedOrRead) {
  const std::string good = Made().Encode();
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = good;
    for (int n = 1 + static_cast<int>(random() % 4); n > 0; --n) {
      const size_t at = random() % text.size();
      if (random() % 3 == 0) {
        text.erase(at, 1 + random() % 8);
        if (text.empty()) text = "x";
      } else {
        text[at] = static_cast<char>(32 + random() % 95);
      }
    }
    auto sample = Sample::Decode(text);
    if (!sample.ok()) {
      ++refused;
      continue;
    }
    EXPECT_TRUE(Sample::Decode(sample->Encode()).ok()) << text;
  }
  EXPECT_GT(refused, 0);
}

TEST(IterationTest, LastsFromTheFirstStartToTheLastEnd) {
  const Iteration i = Combine({Span("x", 100, 150), Span("x", 120, 190)}, true);
  EXPECT_EQ(i.wall_ns, 90);
  EXPECT_THAT(i.rank_ns, ElementsAre(50, 70));
}

TEST(IterationTest, ClocksThatCannotBeComparedAreNot) {
  const Iteration i = Combine(
      {Span("x", 100, 150), Span("y", 7000, 7060), Span("y", 7010, 7085)},
      true);
  EXPECT_EQ(i.wall_ns, 85);
}

TEST(IterationTest, AddsUpTheRanks) {
  const Iteration i = Combine({Made(), Made()}, false);
  EXPECT_FALSE(i.measured);
  EXPECT_EQ(i.cpu_ns, 6);
  EXPECT_EQ(i.system_ns, 4);
  EXPECT_EQ(i.copy_ns, 6);
  EXPECT_EQ(i.wire_bytes, 18u);
  EXPECT_EQ(i.messages, 20u);
  EXPECT_EQ(i.checked_bytes, 22u);
}

TEST(IterationTest, TellsWhoStoodStillLongest) {
  Sample a = Made(), b = Made();
  a.stalls = {50, 40, 1};
  b.stalls = {60, 0, 0};
  const Iteration i = Combine({a, b, a}, true);
  EXPECT_EQ(i.stalled_rank, 1);
  EXPECT_EQ(i.stalls.longest_ns, 60);
  EXPECT_EQ(i.stalls.total_ns, 0);
}

TEST(IterationTest, InterfacesCountOncePerNetwork) {
  Sample a = Made(), b = Made(), c = Made();
  b.network = "another";
  c.rails[0].sent = 99;  // read a moment later than a's
  const Iteration i = Combine({a, b, c}, true);
  ASSERT_EQ(i.rails.size(), 4u);
  EXPECT_THAT(i.rails[0].ranks, ElementsAre(0, 2));
  EXPECT_EQ(i.rails[0].moved.name, "eth0");
  EXPECT_EQ(i.rails[0].moved.sent, 15u);
  EXPECT_THAT(i.rails[2].ranks, ElementsAre(1));
  const Summary s = Summarize({i, i}, 1);
  ASSERT_EQ(s.rails.size(), 4u);
  EXPECT_EQ(s.rails[0].moved.received, 32u);
  EXPECT_EQ(s.wall_sum_ns, 24);
  EXPECT_DOUBLE_EQ(MegabitsPerSecond(32, s.wall_sum_ns), 32 * 8e3 / 24);
}

Iteration Timed(std::vector<int64_t> rank_ns, uint64_t payload_bytes) {
  Iteration i;
  i.rank_ns = std::move(rank_ns);
  i.wall_ns = i.rank_ns[0];
  i.payload_bytes = payload_bytes;
  i.checked_bytes = 1;
  return i;
}

TEST(SummaryTest, TakesTheSlowestRankOfEachIteration) {
  std::vector<Iteration> all = {Timed({1, 1}, 77), Timed({100, 300}, 3000),
                                Timed({500, 400}, 3000),
                                Timed({200, 100}, 3000)};
  all[0].measured = false;
  all[0].cpu_ns = 1'000'000;
  all[1].cpu_ns = 900;
  all[2].copy_ns = 90;
  all[0].stalls = {900, 900, 1};
  all[1].stalls = {7, 7, 1};
  all[3].stalls = {8, 9, 2};
  const Summary s = Summarize(all, 1);
  EXPECT_EQ(s.ranks, 2);
  EXPECT_EQ(s.iterations, 3);
  // Slowest: 300, 500, 200.
  EXPECT_EQ(s.slowest_ns.median, 300);
  EXPECT_EQ(s.slowest_ns.min, 200);
  EXPECT_EQ(s.slowest_ns.max, 500);
  EXPECT_EQ(s.wall_ns.median, 200);
  // 9000 bytes / 3 iterations / 2 ranks / 300 ns.
  EXPECT_DOUBLE_EQ(s.gigabytes_per_second, 5.0);
  EXPECT_DOUBLE_EQ(s.cpu_seconds_per_gigabyte, 0.1);
  EXPECT_DOUBLE_EQ(s.copy_seconds_per_gigabyte, 0.01);
  EXPECT_EQ(s.stalls.longest_ns, 8);
  EXPECT_EQ(s.stalls.total_ns, 16);
  EXPECT_EQ(s.stalls.count, 3);
  EXPECT_EQ(s.checked_bytes, 4u);  // also of the warm-up
}

TEST(SummaryTest, EvenCountsTripsAndNoBytes) {
  const Summary s = Summarize(
      {Timed({10}, 0), Timed({40}, 0), Timed({20}, 0), Timed({30}, 0)}, 5);
  EXPECT_EQ(s.slowest_ns.median, 5);
  EXPECT_EQ(s.gigabytes_per_second, 0);
  EXPECT_EQ(s.cpu_seconds_per_gigabyte, 0);
}

}  // namespace
}  // namespace ithaca::perf
