// Which certificates are those of daemons.

#include "daemon/cluster/peer_names.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace ithaca::cluster {
namespace {

PeerIdentity Dns(const std::string& name) { return {{name}, {}}; }
PeerIdentity Uri(const std::string& name) { return {{}, {name}}; }

TEST(PeerNames, ByDefaultIthacadIsADaemon) {
  const PeerNames names;
  EXPECT_TRUE(names.Allows(Dns("ithacad")));
  EXPECT_TRUE(names.Allows(Dns("IthacaD")));
  EXPECT_TRUE(names.Allows(PeerIdentity{{"node7", "ithacad"}, {}}));
  EXPECT_TRUE(names.Allows(Uri("spiffe://example.org/ithacad")));
  EXPECT_TRUE(names.Allows(Uri("spiffe://example.org/ns/x/ithacad")));
  for (const std::string& name :
       {std::string(""), std::string("*"), std::string("ithacad."),
        std::string("ithacad\0", 8), std::string("ithacad.evil"),
        std::string("x.ithacad"), std::string("ithaca"), std::string("*thacad"),
        std::string(100'000, 'a')}) {
    EXPECT_FALSE(names.Allows(Dns(name))) << name.substr(0, 20);
  }
  for (const char* uri :
       {"", "ithacad", "spiffe:///ithacad", "spiffe://x/ithacad/",
        "spiffe://x/ithacad2", "spiffe://x/notithacad", "https://x/ithacad",
        "xspiffe://x/ithacad"}) {
    EXPECT_FALSE(names.Allows(Uri(uri))) << uri;
  }
  EXPECT_FALSE(names.Allows({}));
  EXPECT_FALSE(names.Allows(
      PeerIdentity{{}, {"spiffe://x/ithacad", "spiffe://x/other"}}));
}

TEST(PeerNames, PatternsReplaceTheDefault) {
  const auto names =
      PeerNames::Parse({"*.daemons.example", "spiffe://ours/ithacad"});
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_TRUE(names->Allows(Dns("node7.daemons.example")));
  EXPECT_FALSE(names->Allows(Dns("a.b.daemons.example")));
  EXPECT_FALSE(names->Allows(Dns(".daemons.example")));
  EXPECT_FALSE(names->Allows(Dns("daemons.example")));
  EXPECT_FALSE(names->Allows(Dns("ithacad")));
  EXPECT_TRUE(names->Allows(Uri("spiffe://ours/ithacad")));
  EXPECT_FALSE(names->Allows(Uri("spiffe://theirs/ithacad")));
  EXPECT_FALSE(PeerNames::Parse({}).ok());
  for (const char* bad : {"", "a b", "http://x", "a,b", "a\nb"}) {
    EXPECT_FALSE(PeerNames::Parse({bad}).ok()) << bad;
  }
}

TEST(PeerNames, WhatIsShownIsBoundedAndEscaped) {
  PeerIdentity peer;
  for (int i = 0; i < 100; ++i)
    peer.dns.push_back(std::string(5000, 'a') + "\n");
  EXPECT_LT(peer.Describe().size(), 1000u);
  EXPECT_EQ(Dns("a\n\"").Describe(), "DNS a\\n\\\"");
  EXPECT_EQ(PeerIdentity{}.Describe(), "no name");
}

// The matcher against the plain, slow definition of it.
bool Slow(const std::string& pattern, const std::string& text) {
  if (pattern.empty()) return text.empty();
  if (text.empty()) return false;
  if (pattern[0] != '*') {
    return pattern[0] == text[0] && Slow(pattern.substr(1), text.substr(1));
  }
  for (size_t n = 1; n <= text.size(); ++n) {
    if (text[n - 1] == '.') return false;
    if (Slow(pattern.substr(1), text.substr(n))) return true;
  }
  return false;
}

TEST(PeerNames, RandomPatternsMatchAsDefined) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto word = [&random](const std::string& of, size_t most) {
    std::string made(1 + random() % most, ' ');
    for (char& c : made) c = of[random() % of.size()];
    return made;
  };
  int matched = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string pattern = word("aab.*", 7), text = word("aab.", 9);
    const bool allowed = PeerNames::Parse({pattern})->Allows(Dns(text));
    ASSERT_EQ(allowed, Slow(pattern, text)) << pattern << " / " << text;
    matched += allowed ? 1 : 0;
  }
  EXPECT_GT(matched, 100);
}

}  // namespace
}  // namespace ithaca::cluster
