#include "daemon/topology/hostlist.h"

#include <gmock/gmock.h>

#include <random>

namespace ithaca::topology {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ExpandHostlist, TakesEveryForm) {
  EXPECT_THAT(*ExpandHostlist("a", 10), ElementsAre("a"));
  EXPECT_THAT(*ExpandHostlist("node[001-003,130],login", 10),
              ElementsAre("node001", "node002", "node003", "node130", "login"));
  EXPECT_THAT(*ExpandHostlist("r[1-2]n[09-10]x", 10),
              ElementsAre("r1n09x", "r1n10x", "r2n09x", "r2n10x"));
  EXPECT_THAT(*ExpandHostlist("a, b", 10), ElementsAre("a", "b"));
  EXPECT_EQ(ExpandHostlist("n[0-65535]", 65536)->size(), 65536u);
}

TEST(ExpandHostlist, RefusesTheRest) {
  for (const char* bad :
       {"", ",", "a,", "a[", "a]", "a[]", "a[1", "a[1-]", "a[-1]", "a[2-1]",
        "a[1-2-3]", "a[[1]]", "a[x]", "a[1],,b", "a[0-11]", "a[0-9],b,c",
        "a[0-3]b[0-3]", "a[9999999999999999999]", "a[0-99999999999]"}) {
    const auto names = ExpandHostlist(bad, 11);
    EXPECT_FALSE(names.ok()) << bad;
    EXPECT_EQ(names.status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_THAT(std::string(ExpandHostlist("a[0-11]", 11).status().message()),
              HasSubstr("more than 11 names"));
  EXPECT_FALSE(ExpandHostlist(std::string(254, 'a'), 11).ok());
}

TEST(CompressHostlist, MakesRangesOfWhatCountsUp) {
  EXPECT_EQ(CompressHostlist({"n08", "n09", "n10", "n12", "login"}),
            "n[08-10],n12,login");
  EXPECT_EQ(CompressHostlist({"n9", "n10"}), "n[9-10]");
  EXPECT_EQ(CompressHostlist({"n09", "n10", "n011"}), "n[09-10],n011");
  EXPECT_EQ(CompressHostlist({"a1b", "a2b", "a3c"}), "a[1-2]b,a3c");
  EXPECT_EQ(CompressHostlist({}), "");
}

TEST(CompressHostlist, IsReadBack) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> names;
    for (unsigned n = 1 + random() % 20; n > 0; --n) {
      std::string name(1, static_cast<char>('a' + random() % 2));
      for (unsigned c = random() % 4; c > 0; --c)
        name += "0129-a"[random() % 6];
      if (random() % 2 && !names.empty()) {
        name = names.back();
        for (size_t i = name.size(); i-- > 0 && name[i] >= '0';) {
          if (name[i]++ != '9' || name[i] > '9') break;
        }
        for (char& c : name) c = c == ':' ? '9' : c;
      }
      names.push_back(name);
    }
    const std::string text = CompressHostlist(names);
    const auto read = ExpandHostlist(text, 100);
    ASSERT_TRUE(read.ok()) << text << read.status();
    EXPECT_EQ(*read, names) << text;
  }
}

}  // namespace
}  // namespace ithaca::topology
