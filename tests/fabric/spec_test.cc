#include "tests/fabric/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <random>

namespace ithaca::fabric {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kCompact[] =
    "hosts=8,rails=2,procs=2,rate=200mbit,queue=64k,pods=4+3+1,uplink=400mbit,"
    "host3.rail1.rate=50mbit,host2.rate=1.5gbit,host2.rail0.rate=0,"
    "pod1.uplink=100mbit,pod0.rail1.uplink=64kbit,burst=32k,nic_queue=8m,"
    "gso=16k,cc=reno";
constexpr char kJson[] = R"({"hosts": 8, "rails": "2", "procs": 2,
    "rate": "200mbit", "queue": "64k", "pods": [4, 3, 1], "uplink": "400mbit",
    "host3.rail1.rate": "50mbit", "host2.rate": "1.5gbit",
    "host2.rail0.rate": 0, "pod1.uplink": "100mbit",
    "pod0.rail1.uplink": "64kbit", "burst": "32k", "nic_queue": "8m",
    "gso": "16k", "cc": "reno"})";

void CheckAll(const Spec& s) {
  EXPECT_EQ(s.hosts, 8);
  EXPECT_EQ(s.rails, 2);
  EXPECT_EQ(s.procs, 2);
  EXPECT_EQ(s.queue_bytes, 65536u);
  EXPECT_EQ(s.burst_bytes, 32768u);
  EXPECT_EQ(s.nic_queue_bytes, 8u << 20);
  EXPECT_EQ(s.gso_bytes, 16384u);
  EXPECT_EQ(s.congestion, "reno");
  EXPECT_THAT(s.pods, ElementsAre(4, 3, 1));
  ASSERT_EQ(s.rate_bps.size(), 8u);
  EXPECT_THAT(s.rate_bps[0], ElementsAre(200'000'000, 200'000'000));
  EXPECT_THAT(s.rate_bps[2], ElementsAre(0, 1'500'000'000));
  EXPECT_THAT(s.rate_bps[3], ElementsAre(200'000'000, 50'000'000));
  ASSERT_EQ(s.uplink_bps.size(), 3u);
  EXPECT_THAT(s.uplink_bps[0], ElementsAre(400'000'000, 64'000));
  EXPECT_THAT(s.uplink_bps[1], ElementsAre(100'000'000, 100'000'000));
  EXPECT_THAT(s.uplink_bps[2], ElementsAre(400'000'000, 400'000'000));
}

TEST(SpecTest, CompactForm) {
  auto spec = ParseSpec(kCompact);
  ASSERT_TRUE(spec.ok()) << spec.status().ToString();
  CheckAll(*spec);
}

TEST(SpecTest, JsonForm) {
  auto spec = ParseSpec(kJson);
  ASSERT_TRUE(spec.ok()) << spec.status().ToString();
  CheckAll(*spec);
}

TEST(SpecTest, JsonFile) {
  const std::string path = ::testing::TempDir() + "/spec.json";
  std::ofstream(path) << kJson;
  auto spec = ReadSpec(path);
  ASSERT_TRUE(spec.ok()) << spec.status().ToString();
  CheckAll(*spec);
  std::ofstream(path) << "{\"hosts\": 0}";
  EXPECT_THAT(ReadSpec(path).status().message(), HasSubstr(path));
}

TEST(SpecTest, TextOfASpecGivesItBack) {
  auto spec = ParseSpec(kCompact);
  ASSERT_TRUE(spec.ok());
  auto again = ParseSpec(spec->ToString());
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  CheckAll(*again);
  EXPECT_EQ(again->ToString(), spec->ToString());
}

TEST(SpecTest, Defaults) {
  auto spec = ParseSpec("");
  ASSERT_TRUE(spec.ok()) << spec.status().ToString();
  EXPECT_EQ(spec->hosts, 2);
  EXPECT_EQ(spec->ranks(), 2);
  EXPECT_THAT(spec->pods, ElementsAre(2));
  EXPECT_THAT(spec->rate_bps, ElementsAre(ElementsAre(0), ElementsAre(0)));
}

TEST(SpecTest, RanksAndPods) {
  auto spec = ParseSpec("hosts=4,procs=3,pods=1+2+1");
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->ranks(), 12);
  EXPECT_EQ(spec->HostOfRank(2), 0);
  EXPECT_EQ(spec->HostOfRank(3), 1);
  EXPECT_EQ(spec->PodOfHost(0), 0);
  EXPECT_EQ(spec->PodOfHost(1), 1);
  EXPECT_EQ(spec->PodOfHost(2), 1);
  EXPECT_EQ(spec->PodOfHost(3), 2);
}

struct BadCase {
  const char* text;
  const char* says;
};

TEST(SpecTest, ErrorsSayWhatIsWrong) {
  const BadCase cases[] = {
      {"hosts=0", "1 to 128"},
      {"hosts=129", "1 to 128"},
      {"rails=9", "1 to 8"},
      {"hosts", "neither KEY=VALUE nor a file"},
      {"hosts=2,hosts=3", "twice"},
      {"hots=2", "no such key"},
      {"host2.rate=1mbit", "no such key, host"},
      {"host0.rail1.rate=1mbit", "no such key, host"},
      {"rate=200", "want a rate"},
      {"rate=-1mbit", "want a rate"},
      {"rate=1bit", "want a rate"},
      {"rate=9999gbit", "want a rate"},
      {"rate=1.2.3mbit", "want a rate"},
      {"queue=64q", "want a size"},
      {"queue=10", "want 3000 bytes"},
      {"queue=2g", "to 1g"},
      {"pods=1+2", "holds 3 hosts"},
      {"pods=1+x", "hosts of each pod"},
      {"uplink=1mbit", "needs pods"},
      {"cc=Cubic;", "congestion control"},
      {"{", "not a JSON object"},
      {"[1]", "neither KEY=VALUE"},
      {"{\"hosts\": 2.5}", "a string or a number"},
      {"{\"hosts\": [2]}", "a string or a number"},
      {"{\"pods\": [[2]]}", "hosts of each pod"},
  };
  for (const BadCase& c : cases) {
    SCOPED_TRACE(c.text);
    auto spec = ParseSpec(c.text);
    ASSERT_FALSE(spec.ok());
    EXPECT_EQ(spec.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(spec.status().message(), HasSubstr(c.says));
  }
}

TEST(SpecTest, HugeTextIsRefused) {
  EXPECT_FALSE(ParseSpec(std::string(1 << 20, ',')).ok());
  EXPECT_FALSE(ParseSpec("pods=" + std::string(60'000, '+')).ok());
}

// Whatever bytes come, the answer is an error or a spec that makes sense.
TEST(SpecTest, MutationsNeverCrash) {
  const unsigned seed = std::random_device{}();
  printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const std::string seeds[] = {kCompact, kJson, "hosts=3,pods=1+2"};
  const std::string alphabet = "=,+.{}[]\":0123456789mbkgithostrail \\\n\xff";
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  int good = 0;
  while (std::chrono::steady_clock::now() < end) {
    std::string text = seeds[random() % 3];
    for (int i = random() % 4; i >= 0; --i) {
      const size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      const int how = random() % 3;
      if (how == 0) text[at] = c;
      if (how == 1) text.insert(at, 1, c);
      if (how == 2 && text.size() > 1) text.erase(at, 1 + random() % 3);
    }
    auto spec = ParseSpec(text);
    if (!spec.ok()) continue;
    ++good;
    ASSERT_EQ(spec->rate_bps.size(), static_cast<size_t>(spec->hosts)) << text;
    ASSERT_EQ(spec->uplink_bps.size(), spec->pods.size()) << text;
    int hosts = 0;
    for (int pod : spec->pods) hosts += pod;
    ASSERT_EQ(hosts, spec->hosts) << text;
    ASSERT_TRUE(ParseSpec(spec->ToString()).ok()) << text;
  }
  EXPECT_GT(good, 0);
}

}  // namespace
}  // namespace ithaca::fabric
