#include "plugin/driver/stall_meter.h"

#include <gtest/gtest.h>

namespace ithaca::driver {
namespace {

TEST(StallMeterTest, SpansBetweenMovesAreWhatCounts) {
  StallMeter meter(100);
  meter.Start(1'000);
  for (int64_t now : {1'010, 1'109, 1'209, 1'210, 1'460}) meter.Progress(now);
  EXPECT_EQ(meter.stalls().longest_ns, 250);
  EXPECT_EQ(meter.stalls().total_ns, 350);  // 100 and 250, not the 99
  EXPECT_EQ(meter.stalls().count, 2);
}

TEST(StallMeterTest, NothingBeforeTheStartCounts) {
  StallMeter meter(5);
  meter.Start(1'000'000);
  meter.Progress(1'000'004);
  EXPECT_EQ(meter.stalls().longest_ns, 4);
  EXPECT_EQ(meter.stalls().count, 0);
}

}  // namespace
}  // namespace ithaca::driver
