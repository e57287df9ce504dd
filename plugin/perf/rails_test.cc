#include "plugin/perf/rails.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace ithaca::perf {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// As Linux prints it.
constexpr char kNetDev[] =
    "Inter-|   Receive                                                |  "
    "Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes   "
    " packets errs drop fifo colls carrier compressed\n"
    "    lo:     100       1    0    0    0     0          0         0      "
    "200       2    0    0    0     0       0          0\n"
    "  eth0:18446744073709551615       1    0    0    0     0          0       "
    " "
    " 0 33    2    0    0    0     0       0          0\n"
    "enp4s0f1np1:   5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n";

std::vector<std::string> NamesOf(const std::vector<RailBytes>& rails) {
  std::vector<std::string> names;
  for (const RailBytes& rail : rails) names.push_back(rail.name);
  return names;
}

TEST(RailsTest, ReadsWhatLinuxPrints) {
  const auto rails = ParseNetDev(kNetDev);
  ASSERT_THAT(NamesOf(rails), ElementsAre("lo", "eth0", "enp4s0f1np1"));
  EXPECT_EQ(rails[0].received, 100u);
  EXPECT_EQ(rails[0].sent, 200u);
  EXPECT_EQ(rails[1].received, ~uint64_t{0});
  EXPECT_EQ(rails[1].sent, 33u);
  EXPECT_EQ(rails[2].received, 5u);
  EXPECT_EQ(rails[2].sent, 6u);
}

TEST(RailsTest, ThisMachineHasALoopback) {
  EXPECT_THAT(NamesOf(ReadRails()), ::testing::Contains("lo"));
}

TEST(RailsTest, NonsenseIsLeftOut) {
  EXPECT_THAT(ParseNetDev(""), IsEmpty());
  EXPECT_THAT(ParseNetDev("eth0 1 2 3"), IsEmpty());
  EXPECT_THAT(ParseNetDev(":1 2 3 4 5 6 7 8 9"), IsEmpty());
  EXPECT_THAT(ParseNetDev("eth0: 1 2 3 4 5 6 7 8"), IsEmpty());
  EXPECT_THAT(ParseNetDev("eth0: 99999999999999999999 2 3 4 5 6 7 8 9"),
              IsEmpty());
}

// No mutation makes more of the text than it has lines, or a name with a colon.
TEST(RailsTest, MutationsAreLeftOutOrRead) {
  std::mt19937 random(11);
  for (int i = 0; i < 20'000; ++i) {
    std::string text = kNetDev;
    for (int n = 1 + static_cast<int>(random() % 6); n > 0; --n) {
      const size_t at = random() % text.size();
      if (random() % 4 == 0) {
        text.resize(at + 1);
      } else {
        text[at] = static_cast<char>(random() % 256);
      }
    }
    const size_t lines = 1 + std::count(text.begin(), text.end(), '\n');
    const auto rails = ParseNetDev(text);
    EXPECT_LE(rails.size(), lines);
    for (const RailBytes& rail : rails) {
      EXPECT_EQ(rail.name.find(':'), std::string::npos);
      EXPECT_NE(rail.name, "");
    }
  }
}

TEST(RailsTest, DifferencesOfWhatIsThereTwice) {
  const auto moved = MovedBetween({{"a", 10, 20}, {"b", 5, 5}, {"gone", 1, 1}},
                                  {{"new", 9, 9}, {"b", 3, 8}, {"a", 11, 25}});
  ASSERT_THAT(NamesOf(moved), ElementsAre("b", "a"));
  EXPECT_EQ(moved[0].sent, 3u);  // it began anew
  EXPECT_EQ(moved[0].received, 3u);
  EXPECT_EQ(moved[1].sent, 1u);
  EXPECT_EQ(moved[1].received, 5u);
}

TEST(RailChoiceTest, NamedOnesElseBusyOnes) {
  const std::vector<RailBytes> rails = {
      {"lo", 1, 1}, {"eth0", 0, 0}, {"eth1", 7, 0}, {"ib0", 0, 0}};
  auto chosen = [&rails](const char* ithaca, const char* nccl) {
    return NamesOf(RailChoice(ithaca, nccl).Of(rails));
  };
  EXPECT_THAT(chosen(nullptr, nullptr), ElementsAre("lo", "eth1"));
  EXPECT_THAT(chosen("auto", nullptr), ElementsAre("lo", "eth1"));
  EXPECT_THAT(chosen("eth0,ib0", nullptr), ElementsAre("eth0", "ib0"));
  EXPECT_THAT(chosen("eth", nullptr), ElementsAre("lo", "eth1"));
  EXPECT_THAT(chosen(nullptr, "eth"), ElementsAre("eth0", "eth1"));
  EXPECT_THAT(chosen(nullptr, "=eth0:1,lo"), ElementsAre("lo", "eth0"));
  EXPECT_THAT(chosen(nullptr, "^lo"), ElementsAre("lo", "eth1"));
  EXPECT_THAT(chosen("ib0", "=lo"), ElementsAre("lo", "ib0"));
}

}  // namespace
}  // namespace ithaca::perf
