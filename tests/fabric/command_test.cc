// The command as people use it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/fabric/fabric.h"
#include "tests/support/program.h"

namespace ithaca::fabric {
namespace {

using ::testing::HasSubstr;

struct Outcome {
  int exit = -1;
  std::string out;
  std::string err;
};

Outcome RunFabric(const std::vector<std::string>& arguments) {
  testing::Program program("tests/fabric/fabric", arguments);
  Outcome outcome;
  outcome.exit = program.Wait();
  outcome.out = program.out();
  outcome.err = program.err();
  return outcome;
}

TEST(CommandTest, HelpTeaches) {
  for (const char* word : {"--help", "help", "-h"}) {
    const Outcome help = RunFabric({word});
    EXPECT_EQ(help.exit, 0);
    EXPECT_THAT(help.out, HasSubstr("fabric bench --list"));
  }
}

TEST(CommandTest, WrongUsageIsTwoAndSaysWhy) {
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"upp"},
      {"up"},
      {"up", "hosts=0"},
      {"list", "x"},
      {"down", "a", "b"},
      {"bound"},
      {"bound", "rate=x"},
      {"bench", "--only", "nothing-like-this"},
      {"bench", "--iterations", "0"},
      {"bench", "--iterations"},
      {"bench", "--bytes", "1m"},
      {"bench", "--spec", "hosts=x"},
      {"bench", "--env", "X"},
      {"bench", "--wrong", "1"},
      {"bench", "rails1"},
  };
  for (const auto& arguments : cases) {
    const Outcome outcome = RunFabric(arguments);
    EXPECT_EQ(outcome.exit, 2) << ::testing::PrintToString(arguments);
    EXPECT_THAT(outcome.err, HasSubstr("fabric --help"));
    EXPECT_EQ(outcome.out, "");
  }
}

TEST(CommandTest, Bound) {
  EXPECT_EQ(RunFabric({"bound", "hosts=8,rate=200mbit"}).out,
            "306.984 ms, out of host 0\n");
  EXPECT_EQ(RunFabric({"bound", "hosts=8,rate=200mbit", "--bytes", "128k",
                       "--skew=8"})
                .out,
            "306.984 ms, into host 0\n");
  EXPECT_EQ(RunFabric({"bound", "hosts=8,rate=200mbit", "--bytes=64k",
                       "--count-burst"})
                .out,
            "13.944 ms, out of host 0\n");
}

TEST(CommandTest, TheTableIsListed) {
  const Outcome list = RunFabric({"bench", "--list"});
  EXPECT_EQ(list.exit, 0);
  EXPECT_THAT(list.out, HasSubstr("slow-rail-10-q256"));
}

class UpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Status supported = Fabric::Supported();
    if (!supported.ok()) {
      GTEST_SKIP() << "no fabrics here: " << supported.message();
    }
  }
};

TEST_F(UpTest, UpExecFaultDown) {
  const Outcome up = RunFabric({"up", "hosts=2,rails=2,rate=100mbit"});
  ASSERT_EQ(up.exit, 0) << up.err;
  const std::string id = up.out.substr(0, up.out.size() - 1);
  EXPECT_THAT(RunFabric({"list"}).out, HasSubstr(id + " "));
  EXPECT_THAT(
      RunFabric({"exec", "--id", id, "1", "--", "ip", "-br", "address"}).out,
      HasSubstr("10.1.0.2/16"));
  EXPECT_THAT(
      RunFabric({"exec", "--id", id, "switch", "--", "ip", "-br", "link"}).out,
      HasSubstr("h1r1"));
  EXPECT_EQ(RunFabric({"exec", "--id", id, "2", "--", "true"}).exit, 2);
  EXPECT_EQ(
      RunFabric({"exec", "--id", id, "0", "--", "sh", "-c", "exit 5"}).exit, 5);
  EXPECT_EQ(RunFabric({"fault", "--id", id, "0", "1", "30mbit"}).exit, 0);
  EXPECT_THAT(RunFabric({"exec", "--id", id, "0", "--", "tc", "qdisc"}).out,
              HasSubstr("dev rail1 root refcnt 3 rate 30Mbit"));
  EXPECT_EQ(RunFabric({"fault", "--id", id, "0", "2", "link-down"}).exit, 2);
  EXPECT_EQ(RunFabric({"fault", "--id", id, "0", "0", "burn"}).exit, 2);
  const Outcome down = RunFabric({"down", id});
  EXPECT_EQ(down.exit, 0) << down.err;
  EXPECT_EQ(RunFabric({"down", id}).exit, 1);
}

// The whole way, against physics: nothing is faster than the bound.
TEST_F(UpTest, Bench) {
  const Outcome bench =
      RunFabric({"bench", "--spec", "hosts=2,rails=2,rate=50mbit,queue=64k",
                 "--bytes", "256k", "--count-burst", "--iterations", "1",
                 "--warmup", "0", "--json"});
  ASSERT_EQ(bench.exit, 0) << bench.err;
  const auto document = nlohmann::json::parse(bench.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << bench.out;
  ASSERT_EQ(document["rows"].size(), 1u);
  const auto& row = document["rows"][0];
  const double bound_ms = row["bound_ms"], measured_ms = row["measured_ms"];
  EXPECT_GT(bound_ms, 0);
  EXPECT_GE(measured_ms, bound_ms);
  EXPECT_NEAR(row["fraction"].get<double>(), bound_ms / measured_ms, 1e-9);
}

TEST_F(UpTest, BenchNamesTheRankThatFails) {
  const Outcome bench =
      RunFabric({"bench", "--spec", "hosts=2,rate=50mbit", "--env",
                 "ITHACA_RAILS=nosuch0", "--timeout", "5"});
  EXPECT_EQ(bench.exit, 1);
  EXPECT_THAT(bench.err, HasSubstr("rank "));
  EXPECT_THAT(bench.err, HasSubstr("nosuch0"));
}

}  // namespace
}  // namespace ithaca::fabric
