#include "plugin/perf/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ithaca::perf {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

StatusOr<Config> Parse(std::vector<std::string> args) {
  args.insert(args.begin(), "ithaca-perf");
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  return ParseCommandLine(static_cast<int>(args.size()), argv.data());
}

TEST(ConfigTest, DefaultsAreNccls) {
  auto config = Parse({});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->driver.channels, 2);
  EXPECT_EQ(config->driver.chunk_bytes, 0u);
  EXPECT_EQ(config->driver.ll_threshold_bytes, 16384u);
  EXPECT_EQ(config->driver.pipeline_depth, 0);
  EXPECT_EQ(config->rank, -1);
  EXPECT_EQ(config->verify, Verify::kAll);
}

TEST(ConfigTest, EveryFlag) {
  auto config = Parse({"--plugin",
                       "p.so",
                       "--abi=9",
                       "--ranks",
                       "8",
                       "--rank=7",
                       "--rendezvous",
                       "h:1#a",
                       "--pattern",
                       "alltoallv",
                       "--counts",
                       "c",
                       "--exchange",
                       "heads_to_seq",
                       "--iters",
                       "3",
                       "--warmup",
                       "0",
                       "--channels",
                       "4",
                       "--chunk",
                       "512K",
                       "--depth",
                       "8",
                       "--ll-threshold",
                       "0",
                       "--user-buffers",
                       "--null-pointers",
                       "--verify",
                       "first",
                       "-o",
                       "json",
                       "-v",
                       "--timeout",
                       "1.5",
                       "--device",
                       "1",
                       "--round-trips",
                       "9"});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->plugin, "p.so");
  EXPECT_EQ(config->abi, 9);
  EXPECT_EQ(config->ranks, 8);
  EXPECT_EQ(config->rank, 7);
  EXPECT_EQ(config->pattern, Pattern::kAllToAllv);
  EXPECT_EQ(config->exchange, "heads_to_seq");
  EXPECT_EQ(config->warmup, 0);
  EXPECT_EQ(config->driver.channels, 4);
  EXPECT_EQ(config->driver.chunk_bytes, 512u << 10);
  EXPECT_EQ(config->driver.pipeline_depth, 8);
  EXPECT_TRUE(config->driver.user_buffers);
  EXPECT_EQ(config->driver.call_style, driver::CallStyle::kBootstrap);
  EXPECT_EQ(config->verify, Verify::kFirst);
  EXPECT_EQ(config->output, Output::kJson);
  EXPECT_TRUE(config->verbose);
  EXPECT_EQ(config->timeout_ms, 1500);
  EXPECT_EQ(config->driver.timeout_ms, 1500);
  EXPECT_EQ(config->round_trips, 9);
}

TEST(ConfigTest, SkewReplacesTheCounts) {
  auto config = Parse({"--pattern=alltoallv", "--skew=8", "--bytes=1M"});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->skew, 8);
}

TEST(ConfigTest, Compare) {
  auto config = Parse({"--compare=/a,b/p.so,new", "--compare-env=A=1",
                       "--compare-env=B=", "--turns=7", "--group=8"});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_TRUE(config->compare);
  EXPECT_EQ(config->compare_plugin, "/a,b/p.so");
  EXPECT_EQ(config->compare_name, "new");
  EXPECT_THAT(config->compare_environment, ElementsAre("A=1", "B="));
  EXPECT_EQ(config->turns, 7);
  EXPECT_EQ(config->driver.group, 8);
  EXPECT_EQ(Parse({"--compare=p.so"})->compare_plugin, "p.so");
  EXPECT_EQ(Parse({"--compare=,again"})->compare_plugin, "");
  EXPECT_TRUE(Parse({"--compare=,again"})->compare);
  EXPECT_FALSE(Parse({"--compare=p.so", "--compare="})->compare);
}

TEST(ConfigTest, OutputFormats) {
  EXPECT_EQ(Parse({})->output, Output::kTable);
  EXPECT_EQ(Parse({"--json"})->output, Output::kJsonLines);
  EXPECT_EQ(Parse({"-o", "jsonl"})->output, Output::kJsonLines);
  EXPECT_EQ(Parse({"-o", "json"})->output, Output::kJson);
}

TEST(ConfigTest, MistakesAreNamedWithTheRemedy) {
  struct Case {
    std::vector<std::string> args;
    const char* message;
  };
  for (const Case& c : {
           Case{{"--nonsense"}, "--nonsense is no flag"},
           Case{{"--ranks"}, "--ranks needs a value"},
           Case{{"--ranks=x"}, "--ranks=x: 1 to 4096"},
           Case{{"--ranks=0"}, "1 to 4096"},
           Case{{"--abi=5"}, "--abi=5: 6 to 12"},
           Case{{"--pattern=foo"}, "choose alltoall alltoallv"},
           Case{{"--bytes=1X"}, "\"1X\" is no size"},
           Case{{"--bytes=1:2"}, "BEGIN:END:FACTOR"},
           Case{{"--compare-env=A"}, "write NAME=VALUE"},
           Case{{"--turns=0"}, "--turns=0: 1 to 10000"},
           Case{{"--group=9"}, "--group=9: 1 to 8"},
           Case{{"--stall=0"}, "--stall=0: 1 to 3600000 milliseconds"},
           Case{{"--timeout=-1"}, "seconds above 0"},
           Case{{"extra"}, "\"extra\" belongs to no flag"},
           Case{{"--rank=0"}, "--rank needs --ranks"},
           Case{{"--rank=2", "--ranks=2"}, "ranks count from 0"},
           Case{{"--rank=1", "--ranks=2"}, "needs --rendezvous HOST:PORT"},
           Case{{"--rank=1", "--ranks=2", "--rendezvous=h"}, "not HOST:PORT"},
           Case{{"--rendezvous=h:1"}, "--rendezvous needs --rank"},
           Case{{"--pattern=alltoallv"}, "needs either --counts FILE"},
           Case{{"--counts=f"}, "are for --pattern=alltoallv"},
           Case{{"--skew=2"}, "are for --pattern=alltoallv"},
           Case{{"--pattern=alltoallv", "--skew=0"}, "--skew=0: 1 to"},
           Case{{"--pattern=alltoallv", "--skew=2", "--counts=f"}, "either"},
           Case{{"--pattern=latency", "--ranks=1"}, "needs two ranks"},
       }) {
    auto config = Parse(c.args);
    EXPECT_EQ(config.status().code(), Code::kInvalidArgument) << c.args[0];
    EXPECT_THAT(config.status().message(), HasSubstr(c.message));
  }
}

TEST(ConfigTest, HelpNamesEveryFlagAndExitStatus) {
  const std::string help = HelpText();
  for (const char* flag :
       {"--plugin",       "--abi",           "--ranks",        "--rank",
        "--rendezvous",   "--pattern",       "--bytes",        "--counts",
        "--exchange",     "--iters",         "--warmup",       "--round-trips",
        "--channels",     "--chunk",         "--depth",        "--ll-threshold",
        "--user-buffers", "--null-pointers", "--verify",       "--output",
        "--verbose",      "--timeout",       "--device",       "--skew",
        "--json",         "--rails",         "--no-own-share", "--group ",
        "--compare ",     "--compare-env",   "--turns",        "--stall ",
        "--pause ",       "Exit status"}) {
    EXPECT_THAT(help, HasSubstr(flag));
  }
  EXPECT_TRUE(Parse({"--help"})->help);
}

}  // namespace
}  // namespace ithaca::perf
