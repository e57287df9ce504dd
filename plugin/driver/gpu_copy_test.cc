#include "plugin/driver/gpu_copy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "plugin/driver/pattern.h"

namespace ithaca::driver {
namespace {

TEST(GpuCopyTest, EveryByteArrivesTimedOrNot) {
  LiveCounters counters;
  for (size_t bytes : {0, 1, 8191, 8192, 100'000}) {
    for (uint64_t key = 1; key < 12; ++key) {
      std::vector<char> from(bytes), to(bytes + 1, 'x');
      FillPattern(from.data(), bytes, key);
      CopyAsGpu(&counters, to.data(), from.data(), bytes);
      EXPECT_EQ(CheckPattern(to.data(), bytes, key), bytes);
      EXPECT_EQ(to[bytes], 'x');
    }
  }
}

// A copy that is not timed costs what the last timed one did, per byte.
TEST(GpuCopyTest, OneStandsForSeven) {
  LiveCounters counters;
  std::vector<char> from(1 << 20), to(1 << 20);
  CopyAsGpu(&counters, to.data(), from.data(), from.size());
  const uint64_t timed = counters.copy_cpu_ns.Get();
  EXPECT_GT(timed, 0u);
  for (int i = 0; i < 7; ++i) {
    CopyAsGpu(&counters, to.data(), from.data(), from.size() / 2);
  }
  EXPECT_NEAR(counters.copy_cpu_ns.Get(), timed * 4.5, timed * 0.01 + 16);
  counters.copy_ns_per_byte = 0;
  CopyAsGpu(&counters, to.data(), from.data(), from.size());
  EXPECT_GT(counters.copy_ns_per_byte, 0);  // timed again
}

TEST(GpuCopyTest, ShortWorkIsNotTimed) {
  LiveCounters counters;
  { GpuWorkTimer timer(&counters, 100); }
  EXPECT_EQ(counters.copy_cpu_ns.Get(), 0u);
  std::string text;
  {
    GpuWorkTimer timer(&counters, 1 << 20);
    for (int i = 0; i < 10'000; ++i) text += static_cast<char>(i);
  }
  EXPECT_GT(counters.copy_cpu_ns.Get(), 0u);
}

}  // namespace
}  // namespace ithaca::driver
