#include "plugin/driver/pattern.h"

#include <gtest/gtest.h>

#include <vector>

namespace ithaca::driver {
namespace {

TEST(PatternTest, FindsEverySingleWrongByte) {
  for (size_t bytes : {0, 1, 7, 8, 9, 63, 200}) {
    std::vector<char> data(bytes + 1);
    FillPattern(data.data(), bytes, 5);
    EXPECT_EQ(CheckPattern(data.data(), bytes, 5), bytes);
    for (size_t i = 0; i < bytes; ++i) {
      EXPECT_EQ(static_cast<uint8_t>(data[i]), PatternByte(5, i));
      data[i] ^= 1;
      EXPECT_EQ(CheckPattern(data.data(), bytes, 5), i);
      data[i] ^= 1;
    }
  }
}

TEST(PatternTest, PoisonIsWrongInEveryByte) {
  std::vector<char> data(101);
  PoisonPattern(data.data(), 101, 9);
  for (size_t i = 0; i < 101; ++i) {
    EXPECT_EQ(static_cast<uint8_t>(data[i]) ^ PatternByte(9, i), 0xff);
  }
}

TEST(PatternTest, ShiftedOrStaleBytesAreFound) {
  constexpr size_t kBytes = 1 << 16;
  std::vector<char> data(kBytes + 64);
  FillPattern(data.data(), data.size(), PatternKey(3, 1, 2));
  for (size_t shift : {1, 7, 8, 16, 64}) {
    EXPECT_LT(CheckPattern(data.data() + shift, kBytes, PatternKey(3, 1, 2)),
              64u);
  }
  EXPECT_LT(CheckPattern(data.data(), kBytes, PatternKey(4, 1, 2)), 8u);
  EXPECT_LT(CheckPattern(data.data(), kBytes, PatternKey(3, 2, 1)), 8u);
}

}  // namespace
}  // namespace ithaca::driver
