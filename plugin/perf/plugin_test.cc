// ithaca-perf over Ithaca's own plugin, on the loopback interface.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace ithaca::perf {
namespace {

using ithaca::testing::Program;

// No --plugin: it lies beside the program.
constexpr char kProgram[] = "plugin/ithaca-perf";

#ifdef ITHACA_SANITIZED
constexpr char kBytes[] = "--bytes=0,1,4K,128K,1M";
constexpr size_t kCases = 5;
#else
constexpr char kBytes[] = "--bytes=0,1,4K,128K,1M,16M";
constexpr size_t kCases = 6;
#endif

class PluginTest : public ::testing::TestWithParam<int> {
 protected:
  nlohmann::json Measure(std::vector<std::string> args) {
    args.insert(args.end(), {"--abi=" + std::to_string(GetParam()),
                             "--warmup=1", "-o", "json"});
    Program program(kProgram, args,
                    {{"ITHACA_RAILS", "lo"}, {"ITHACA_SHM", "0"}});
    const int status = program.Wait();
    EXPECT_EQ(status, 0) << program.err();
    if (status != 0) return nlohmann::json();
    const auto result = nlohmann::json::parse(program.out());
    EXPECT_EQ(result["plugin"]["name"], "ithaca");
    EXPECT_EQ(result["plugin"]["abi"], GetParam());
    return result;
  }
};

TEST_P(PluginTest, AllToAllEveryByte) {
  const auto json = Measure({"--ranks=4", "--iters=2", kBytes});
  ASSERT_EQ(json["results"].size(), kCases);
  for (const auto& result : json["results"]) {
    const uint64_t bytes = result["bytes"];
    // 16 pairs with the ranks' own, 12 between ranks.
    EXPECT_EQ(result["checked_bytes"], bytes * 16 * 3);
    EXPECT_EQ(result["payload_bytes"], bytes * 12 * 2);
    // The interface that ITHACA_RAILS names, once for all ranks behind it. The
    // rendezvous is on it too.
    ASSERT_EQ(result["rails"].size(), 1u);
    EXPECT_EQ(result["rails"][0]["interface"], "lo");
    EXPECT_EQ(result["rails"][0]["ranks"], nlohmann::json({0, 1, 2, 3}));
    EXPECT_GT(result["rails"][0]["sent_bytes"], 0);
    EXPECT_GT(result["longest_stall_us"], 0);
  }
}

TEST_P(PluginTest, UserBuffersEveryByte) {
  const auto json = Measure(
      {"--ranks=3", "--iters=2", "--user-buffers", "--bytes=0,1,100K,3000001"});
  ASSERT_EQ(json["results"].size(), 4u);
}

TEST_P(PluginTest, NullPointersAndOddChunks) {
  const auto json =
      Measure({"--ranks=3", "--iters=2", "--null-pointers", "--chunk=5000",
               "--channels=3", "--depth=8", "--bytes=0,1,4999,100K,1000003"});
  ASSERT_EQ(json["results"].size(), 5u);
}

// Sizes that leave the last streams shorter, empty, or all but the first.
TEST_P(PluginTest, GroupedReceives) {
  for (const char* group : {"--group=2", "--group=8"}) {
    const auto json = Measure({"--ranks=3", "--iters=2", group, "--chunk=16K",
                               "--bytes=0,1,10K,100K,1000003"});
    ASSERT_EQ(json["results"].size(), 5u);
    EXPECT_EQ(json["results"][4]["checked_bytes"], 9 * 3 * 1000003);
  }
  ASSERT_EQ(Measure({"--ranks=2", "--iters=2", "--group=5", "--user-buffers",
                     "--null-pointers", "--bytes=0,3,3000001"})["results"]
                .size(),
            3u);
}

TEST_P(PluginTest, PingPong) {
  const auto json = Measure(
      {"--ranks=2", "--iters=2", "--pattern=latency", "--bytes=0,8,16K,100K"});
  ASSERT_EQ(json["results"].size(), 4u);
}

INSTANTIATE_TEST_SUITE_P(Abi, PluginTest, ::testing::Values(8, 9, 10, 11, 12),
                         [](const auto& info) {
                           return "v" + std::to_string(info.param);
                         });

}  // namespace
}  // namespace ithaca::perf
