#include "plugin/driver/ll_lines.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "plugin/driver/pattern.h"

namespace ithaca::driver {
namespace {

TEST(LlLinesTest, AnySizeSurvivesAndNothingElseIsTouched) {
  for (size_t bytes = 0; bytes < 100; ++bytes) {
    std::vector<char> data(bytes + 1), back(bytes + 1, 0x77);
    FillPattern(data.data(), bytes, bytes);
    PoisonPattern(back.data(), bytes, bytes);
    std::vector<uint64_t> lines(LlWireBytes(bytes) / 8 + 1, ~uint64_t{0});
    LlEncode(data.data(), bytes, 42, lines.data());
    EXPECT_EQ(lines.back(), ~uint64_t{0});
    EXPECT_TRUE(LlArrived(lines.data(), bytes, 42));
    LlDecode(lines.data(), bytes, back.data());
    EXPECT_EQ(CheckPattern(back.data(), bytes, bytes), bytes);
    EXPECT_EQ(back[bytes], 0x77);
  }
}

TEST(LlLinesTest, WholeLinesOnTheWire) {
  EXPECT_EQ(LlWireBytes(0), 0u);
  EXPECT_EQ(LlWireBytes(1), 16u);
  EXPECT_EQ(LlWireBytes(8), 16u);
  EXPECT_EQ(LlWireBytes(9), 32u);
}

TEST(LlLinesTest, OneOldFlagIsNotArrived) {
  std::vector<char> data(64);
  std::vector<uint64_t> lines(LlWireBytes(64) / 8);
  LlEncode(data.data(), 64, 2, lines.data());
  EXPECT_FALSE(LlArrived(lines.data(), 64, 3));
  for (size_t i = 0; i < lines.size(); ++i) {
    const uint64_t kept = lines[i];
    lines[i] = uint64_t{1} << 32;
    EXPECT_FALSE(LlArrived(lines.data(), 64, 2)) << i;
    lines[i] = kept;
  }
  EXPECT_TRUE(LlArrived(lines.data(), 64, 2));
}

}  // namespace
}  // namespace ithaca::driver
