#include "plugin/perf/sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ithaca::perf {
namespace {

using ::testing::ElementsAre;

TEST(SizesTest, ReadAndWritten) {
  EXPECT_THAT(ParseByteList("0,1,4K,2M").value(),
              ElementsAre(0, 1, 4096, 2 << 20));
  EXPECT_THAT(ParseByteList("1K:16K:4,7").value(),
              ElementsAre(1024, 4096, 16384, 7));
  EXPECT_THAT(ParseByteList("5:1:2,3").value(), ElementsAre(3));
  for (const char* bad :
       {"", ",", "-1", "1.5K", "K", "1:2:1", "0:8:2", "1:2:3:4",
        "99999999999999999999", "2000G", "1:1G:999999999"}) {
    EXPECT_FALSE(ParseByteList(bad).ok()) << bad;
  }
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1536), "1.50 KiB");
  EXPECT_EQ(FormatBytes(16 << 20), "16 MiB");
}

}  // namespace
}  // namespace ithaca::perf
