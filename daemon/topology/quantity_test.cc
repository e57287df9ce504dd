#include "daemon/topology/quantity.h"

#include <gmock/gmock.h>

#include <random>

namespace ithaca::topology {
namespace {

using ::testing::HasSubstr;

TEST(ParseQuantity, IsExact) {
  EXPECT_EQ(*ParseQuantity("80GiB", Unit::kBytes), uint64_t{80} << 30);
  EXPECT_EQ(*ParseQuantity("22.5 GiB", Unit::kBytes), uint64_t{45} << 29);
  EXPECT_EQ(*ParseQuantity("1B", Unit::kBytes), 1u);
  EXPECT_EQ(*ParseQuantity("3.35TB/s", Unit::kBytesPerSecond), 3350000000000u);
  EXPECT_EQ(*ParseQuantity("400Gbps", Unit::kMegabits), 400000u);
  EXPECT_EQ(*ParseQuantity("0.8Tb/s", Unit::kMegabits), 800000u);
  EXPECT_EQ(*ParseQuantity("989.4TFLOPS", Unit::kFlops), 989400000000000u);
}

TEST(ParseQuantity, RefusesTheRest) {
  for (const char* bad :
       {"", "GiB", "80", "80gib", "80Gbps", "-1GiB", "+1GiB", "1e3B", ".GiB",
        "0GiB", "0.3B", "nanB", "99999999999999999999B", "8192PiB", "1..5GiB",
        "1.0000000000000000000000000001GiB", "80GiB ", "80GiBx"}) {
    EXPECT_FALSE(ParseQuantity(bad, Unit::kBytes).ok()) << bad;
  }
  EXPECT_THAT(
      std::string(ParseQuantity("400", Unit::kMegabits).status().message()),
      HasSubstr("write e.g. 400Gbps"));
}

TEST(QuantityText, IsReadBack) {
  std::mt19937_64 random(3);
  for (Unit unit :
       {Unit::kBytes, Unit::kBytesPerSecond, Unit::kMegabits, Unit::kFlops}) {
    for (int i = 0; i < 2000; ++i) {
      const uint64_t value = (random() >> (1 + random() % 62)) | 1u;
      const uint64_t shifted = i % 2 ? value : value << (random() % 20) >> 1;
      const uint64_t number = shifted == 0 ? 1 : shifted;
      if (number >= uint64_t{1} << 63) continue;
      EXPECT_EQ(*ParseQuantity(QuantityText(number, unit), unit), number);
    }
  }
  EXPECT_EQ(QuantityText(uint64_t{2} << 40, Unit::kBytes), "2TiB");
  EXPECT_EQ(QuantityText(400000, Unit::kMegabits), "400Gbps");
}

TEST(RoundedText, HasThreeDigits) {
  EXPECT_EQ(RoundedText(uint64_t{80} << 30, Unit::kBytes), "80GiB");
  EXPECT_EQ(RoundedText(uint64_t{1020} << 30, Unit::kBytes), "1020GiB");
  EXPECT_EQ(RoundedText(3350000000000, Unit::kBytesPerSecond), "3.35TB/s");
  EXPECT_EQ(RoundedText(25000, Unit::kMegabits), "25Gbps");
  EXPECT_EQ(RoundedText(1, Unit::kMegabits), "1Mbps");
}

}  // namespace
}  // namespace ithaca::topology
