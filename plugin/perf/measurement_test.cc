#include "plugin/perf/measurement.h"

#include <gtest/gtest.h>

namespace ithaca::perf {
namespace {

TEST(MeasurementTest, SurvivesTheTrip) {
  Measurement m;
  m.wall_ns = {5, 6, 7};
  m.user_ns = 1;
  m.system_ns = 2;
  m.copy_ns = 3;
  m.payload_bytes = uint64_t{1} << 60;
  m.wire_bytes = 9;
  m.messages = 10;
  m.checked_bytes = 11;
  auto back = Measurement::Decode(m.Encode());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->wall_ns, m.wall_ns);
  EXPECT_EQ(back->payload_bytes, m.payload_bytes);
  EXPECT_EQ(back->checked_bytes, 11u);
}

TEST(MeasurementTest, NonsenseIsRefused) {
  for (const char* text :
       {"", "{}", "[]", "{\"wall_ns\":1}", "null", "{\"wall_ns\":[\"a\"]}"}) {
    EXPECT_FALSE(Measurement::Decode(text).ok()) << text;
  }
}

TEST(SummaryTest, TakesTheSlowestRankOfEachIteration) {
  Measurement a, b;
  a.wall_ns = {100, 500, 200};
  b.wall_ns = {300, 400, 100};
  a.payload_bytes = 3000;
  b.payload_bytes = 6000;
  a.user_ns = 400;
  b.system_ns = 500;
  b.copy_ns = 90;
  const Summary s = Summarize({a, b});
  // Slowest: 300, 500, 200.
  EXPECT_EQ(s.median_ns, 300);
  EXPECT_EQ(s.min_ns, 200);
  EXPECT_EQ(s.max_ns, 500);
  // 9000 bytes / 3 iterations / 2 ranks / 300 ns.
  EXPECT_DOUBLE_EQ(s.gigabytes_per_second, 5.0);
  EXPECT_DOUBLE_EQ(s.cpu_seconds_per_gigabyte, 0.1);
  EXPECT_DOUBLE_EQ(s.copy_seconds_per_gigabyte, 0.01);
}

TEST(SummaryTest, EvenCountsAndNoBytes) {
  Measurement a;
  a.wall_ns = {10, 40, 20, 30};
  const Summary s = Summarize({a});
  EXPECT_EQ(s.median_ns, 25);
  EXPECT_EQ(s.gigabytes_per_second, 0);
  EXPECT_EQ(s.cpu_seconds_per_gigabyte, 0);
}

}  // namespace
}  // namespace ithaca::perf
