// The header that says on whose behalf a daemon calls.

#include "daemon/cluster/caller_header.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace ithaca::cluster {
namespace {

TEST(CallerHeader, GoesThereAndBack) {
  for (const RemoteCaller& caller :
       {RemoteCaller{0, 0, 0, "n"},
        RemoteCaller{1000, 100, 42, "node-7.rack_2"},
        RemoteCaller{4294967294u, 4294967294u, 4294967294u,
                     std::string(253, 'x')}}) {
    const std::string text = EncodeCaller(caller);
    const auto parsed = ParseCaller(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(parsed->uid, caller.uid);
    EXPECT_EQ(parsed->gid, caller.gid);
    EXPECT_EQ(parsed->pid, caller.pid);
    EXPECT_EQ(parsed->node, caller.node);
  }
}

TEST(CallerHeader, RefusesEverythingElse) {
  for (const std::string& bad : {
           std::string(""),
           std::string(","),
           std::string(",,,"),
           std::string("1,2,3"),
           std::string("1,2,3,"),
           std::string("1,2,n"),
           std::string(",2,3,n"),
           std::string("1,2,3,n,"),
           std::string("1,2,3,n,m"),
           std::string("1,2,3,n m"),
           std::string(" 1,2,3,n"),
           std::string("1 ,2,3,n"),
           std::string("+1,2,3,n"),
           std::string("-1,2,3,n"),
           std::string("01,2,3,n"),
           std::string("0x1,2,3,n"),
           std::string("1,2,3,n\n"),
           std::string("1,2,3,n\0", 8),
           std::string("4294967295,2,3,n"),
           std::string("1,4294967295,3,n"),
           std::string("4294967296,2,3,n"),
           std::string("99999999999999999999,2,3,n"),
           std::string("1,2,3,") + std::string(254, 'x'),
           std::string("1,2,3,nod\xc3\xa9"),
       }) {
    EXPECT_FALSE(ParseCaller(bad).has_value()) << bad;
  }
}

// Whatever is accepted is exactly what would have been written.
TEST(CallerHeader, MutationsAreRefusedOrCanonical) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string good = "1000,100,42,node-7";
  const std::string alphabet = "0123456789,,,aZ.-_ \n+\x7f";
  int accepted = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::string text = good;
    for (int hits = 1 + static_cast<int>(random() % 4); hits > 0; --hits) {
      const size_t at = random() % (text.size() + 1);
      const char c = random() % 4 == 0 ? static_cast<char>(random())
                                       : alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0:
          text.insert(at, 1, c);
          break;
        case 1:
          if (at < text.size()) text[at] = c;
          break;
        default:
          text.resize(at);
      }
    }
    const auto parsed = ParseCaller(text);
    if (!parsed.has_value()) continue;
    ++accepted;
    ASSERT_EQ(EncodeCaller(*parsed), text);
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace ithaca::cluster
