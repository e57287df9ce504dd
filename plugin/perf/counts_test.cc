#include "plugin/perf/counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace ithaca::perf {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kPlan[] = R"({
  "plans": [{
    "workload": {"dataType": "DATA_TYPE_BF16"},
    "ulyssesGroups": [{"ranks": [0, 2]}, {"ranks": [1, 3]}],
    "ranks": [
      {"seqToHeads": {"send": ["10", "20"]}, "headsToSeq": {"send": ["1", "2"]}},
      {"rank": 1, "ulyssesGroup": 1, "seqToHeads": {"send": ["30", "40"]},
       "headsToSeq": {"send": ["3", "4"]}},
      {"rank": 2, "seqToHeads": {"send": ["50", "60"]},
       "headsToSeq": {"send": ["5", "6"]}},
      {"rank": 3, "ulyssesGroup": 1, "seqToHeads": {"send": ["70", "80"]},
       "headsToSeq": {"send": ["7", "8"]}}
    ]
  }]
})";

TEST(CountsTest, Matrix) {
  auto counts = ParseCounts("[[0, 5], [\"7\", 1]]", "");
  ASSERT_TRUE(counts.ok()) << counts.status().ToString();
  EXPECT_THAT((*counts)[0], ElementsAre(0, 5));
  EXPECT_THAT((*counts)[1], ElementsAre(7, 1));
}

TEST(CountsTest, PlanWithTwoGroups) {
  auto counts = ParseCounts(kPlan, "seq_to_heads");
  ASSERT_TRUE(counts.ok()) << counts.status().ToString();
  // Two bytes per element; nothing between the groups.
  EXPECT_THAT((*counts)[0], ElementsAre(20, 0, 40, 0));
  EXPECT_THAT((*counts)[1], ElementsAre(0, 60, 0, 80));
  EXPECT_THAT((*counts)[2], ElementsAre(100, 0, 120, 0));
  EXPECT_THAT((*counts)[3], ElementsAre(0, 140, 0, 160));
  EXPECT_THAT((*ParseCounts(kPlan, "heads_to_seq"))[3],
              ElementsAre(0, 14, 0, 16));
}

TEST(CountsTest, NonsenseIsRefused) {
  for (const char* text :
       {"", "{", "[]", "[[]]", "[[1,2]]", "[[1],[2]]", "[[-1]]", "[[1.5]]",
        "[[\"x\"]]", "[[\"99999999999999999999\"]]", "[[2199023255552]]", "{}",
        "{\"ranks\":[]}", "{\"ranks\":[{}]}", "{\"plans\":[]}", "7", "null",
        "\"a\""}) {
    auto counts = ParseCounts(text, "seq_to_heads");
    EXPECT_EQ(counts.status().code(), Code::kInvalidArgument) << text;
  }
  EXPECT_THAT(ReadCounts("/no/such/file", "").status().message(),
              HasSubstr("cannot read --counts /no/such/file"));
}

TEST(CountsTest, MutatedPlansNeitherCrashNorOverrun) {
  const uint32_t seed = 99;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string good = kPlan;
  int accepted = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string text = good;
    for (int m = random() % 4; m >= 0; --m) {
      text[random() % text.size()] = good[random() % good.size()];
    }
    if (random() % 5 == 0) text.resize(random() % text.size());
    auto counts = ParseCounts(text, "seq_to_heads");
    if (!counts.ok()) continue;
    ++accepted;
    for (const auto& row : *counts) EXPECT_EQ(row.size(), counts->size());
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace ithaca::perf
