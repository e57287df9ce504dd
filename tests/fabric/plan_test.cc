#include "tests/fabric/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "tests/fabric/rows.h"

namespace ithaca::fabric {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Spec Parse(const std::string& text) {
  auto spec = ParseSpec(text);
  EXPECT_TRUE(spec.ok()) << spec.status().ToString();
  return *spec;
}

// The words after "link add" and "peer name".
std::vector<std::string> DevicesMade(const std::string& links) {
  std::vector<std::string> names;
  std::stringstream words(links);
  std::string before, word;
  while (words >> word) {
    if (before == "add" || before == "name") names.push_back(word);
    before = word;
  }
  return names;
}

TEST(PlanTest, NamesAndAddressesAreUnique) {
  const Spec spec = Parse("hosts=128,rails=8,pods=64+32+32,uplink=1mbit");
  std::set<std::string> addresses;
  for (int h = 0; h < spec.hosts; ++h) {
    for (int r = 0; r < spec.rails; ++r) {
      EXPECT_TRUE(addresses.insert(Address(spec, h, r)).second);
    }
  }
  EXPECT_EQ(Address(spec, 64, 3), "10.3.1.65");
  std::set<std::string> devices;
  for (const std::string& name : DevicesMade(SwitchLinks("fab1", spec))) {
    EXPECT_LT(name.size(), 16u) << name;
    // Hosts' ends are each in a namespace of its own.
    if (name.rfind("rail", 0) == 0) continue;
    EXPECT_TRUE(devices.insert(name).second) << name;
  }
  // Ports, and per rail a core, three bridges, and two ends of three uplinks.
  EXPECT_EQ(devices.size(), 128u * 8 + 8 * (1 + 3 + 6));
}

TEST(PlanTest, QueuesAreDeepAtTheHostAndShallowInTheSwitch) {
  const Spec spec = Parse(
      "hosts=2,rate=200mbit,queue=64k,pods=1+1,uplink=50mbit,"
      "host1.rate=10mbit");
  EXPECT_EQ(HostQueues(spec, 0),
            "qdisc add dev rail0 root tbf rate 200000000bit burst 131072b "
            "limit 33554432b\n");
  const std::string queues = SwitchQueues(spec);
  EXPECT_THAT(queues, HasSubstr("dev h0r0 root tbf rate 200000000bit burst "
                                "131072b limit 65536b\n"));
  EXPECT_THAT(queues, HasSubstr("dev h1r0 root tbf rate 10000000bit"));
  for (const char* uplink : {"p0r0up", "p0r0down", "p1r0up", "p1r0down"}) {
    EXPECT_THAT(queues, HasSubstr(std::string("dev ") + uplink +
                                  " root tbf rate 50000000bit burst 131072b "
                                  "limit 65536b\n"));
  }
}

TEST(PlanTest, UnshapedHasNoQueues) {
  const Spec spec = Parse("hosts=2,rails=2");
  EXPECT_EQ(SwitchQueues(spec), "");
  EXPECT_EQ(HostQueues(spec, 1), "");
  EXPECT_THAT(SwitchLinks("fab1", spec), Not(HasSubstr("core")));
}

TEST(RowsTest, TheTableIsSound) {
  std::set<std::string> names;
  for (const Row& row : Table()) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(names.insert(row.name).second);
    const Spec spec = Parse(row.spec);
    EXPECT_EQ(spec.ranks(), 8);
    EXPECT_GE(row.must, 0.90);
    EXPECT_LE(row.must, 0.95);
    EXPECT_GT(ComputeBound(spec, row.MakeTraffic(spec), row.burst).seconds, 0);
  }
  for (const char* name :
       {"rails1-q64", "rails2-q256", "rails4-q1024", "slow-rail-4-q64",
        "slow-rail-10-q256", "pods-2to1-rails1-q64", "pods-4to1-rails2-q256",
        "pods-unequal-q256", "pods-slow-uplink-q256", "procs2-q256",
        "small-q64", "skewed-q256"}) {
    EXPECT_EQ(names.count(name), 1u) << name;
  }
}

}  // namespace
}  // namespace ithaca::fabric
