// Tables of measured times, from the command line to the plan's time.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/cli/commands.h"

namespace ithaca::cli {
namespace {

using Json = nlohmann::json;

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

const std::vector<std::string> kJob = {
    "--model",   "llama-3.1-8b", "--seq-len", "1M",          "--nodes",
    "2",         "--gpu",        "h100-80g",  "--rail-gbps", "400",
    "--ulysses", "16",           "--zero",    "3",           "--recompute",
    "full",      "--host-gib",   "1900",      "--offload",   "optimizer",
    "--tiled",   "mlp,loss",     "--causal"};

Outcome Ctl(const std::string& command, const std::vector<std::string>& more,
            const std::string& input = "") {
  std::vector<std::string> line = {command};
  line.insert(line.end(), kJob.begin(), kJob.end());
  line.insert(line.end(), more.begin(), more.end());
  std::istringstream in(input);
  std::ostringstream out, err;
  const int status = Main(line, {in, out, err, false});
  return {status, out.str(), err.str()};
}

// ithaca-perf's summary of 4 ranks: a rank sends 1 KiB and 1 GiB to the others.
std::string Perf(double seconds) {
  return absl::StrCat(
      R"({"tool":"ithaca-perf","run":{"pattern":"alltoall","ranks":4},)"
      R"("results":[{"iterations":1,"payload_bytes":4096,"median_us":50},)"
      R"({"iterations":1,"payload_bytes":4294967296,"median_us":)",
      seconds * 1e6, "}]}");
}

// Seconds of a step that the links of Ulysses take.
double UlyssesSeconds(const Json& plan) {
  double sum = 0;
  for (const Json& part : plan["estimate"]["time"]["parts"]) {
    if (part["name"].get<std::string>().rfind("ulysses", 0) == 0)
      sum += part["seconds"].get<double>();
  }
  return sum;
}

bool Assumes(const Json& plan, const std::string& text) {
  for (const Json& line : plan["estimate"]["assumptions"]) {
    if (line.get<std::string>().find(text) != std::string::npos) return true;
  }
  return false;
}

Json PlanOf(const Outcome& outcome) {
  EXPECT_EQ(outcome.status, kDone) << outcome.err << outcome.out;
  const Json answer = Json::parse(outcome.out, nullptr, false);
  if (answer.is_discarded()) return Json::object();
  return answer.contains("plans") ? answer["plans"][0] : answer["plan"];
}

TEST(MeasuredOptions, TheTimeFollowsTheTable) {
  const std::vector<std::string> json = {"-o", "json"};
  const Json plain = PlanOf(Ctl("plan", json));
  ASSERT_GT(UlyssesSeconds(plain), 0);
  EXPECT_FALSE(Assumes(plain, "measured"));

  const std::vector<std::string> measured = {"--measured", "leaf=-", "-o",
                                             "json"};
  const Json slow = PlanOf(Ctl("plan", measured, Perf(0.2)));
  const Json slower = PlanOf(Ctl("plan", measured, Perf(0.8)));
  // 400 Gbit/s take 0.02 s for what the table says takes 0.2.
  EXPECT_GT(UlyssesSeconds(slow), 5 * UlyssesSeconds(plain));
  EXPECT_NEAR(UlyssesSeconds(slower), 4 * UlyssesSeconds(slow),
              0.01 * UlyssesSeconds(slower));
  EXPECT_GT(slower["estimate"]["time"]["stepSeconds"],
            slow["estimate"]["time"]["stepSeconds"]);
  EXPECT_TRUE(
      Assumes(slow,
              "Between hosts of one pod, an exchange takes the times measured "
              "at 2 sizes from 1024 to 1073741824 bytes (standard input)."))
      << slow["estimate"]["assumptions"];
}

TEST(MeasuredOptions, NcclTestsToo) {
  const std::string text =
      "# Collective test starting: alltoall_perf\n"
      "#  size  count  type  redop  root  time  algbw  busbw  #wrong\n"
      " 1073741824 268435456 float none -1 200000 5.3 5.0 0\n";
  const Json plan = PlanOf(Ctl(
      "plan", {"--measured", "leaf=-", "--measured-ranks", "16", "-o", "json"},
      text));
  EXPECT_TRUE(Assumes(plan, "measured at 1 size of 1006632960 bytes"))
      << plan["estimate"]["assumptions"];
  const Outcome unknown = Ctl("plan", {"--measured", "leaf=-"}, text);
  EXPECT_EQ(unknown.status, kUsage);
  EXPECT_NE(unknown.err.find("number of ranks"), std::string::npos)
      << unknown.err;
}

TEST(MeasuredOptions, MaxSeqAndExplainTakeThem) {
  const Outcome longest =
      Ctl("max-seq", {"--measured", "leaf=-", "-o", "json"}, Perf(0.2));
  EXPECT_TRUE(Assumes(PlanOf(longest), "standard input")) << longest.out;
  const Outcome why = Ctl("explain", {"--measured", "leaf=-"}, Perf(0.2));
  EXPECT_EQ(why.status, kDone) << why.err;
  EXPECT_NE(why.out.find("(standard input)"), std::string::npos) << why.out;
}

TEST(MeasuredOptions, TablesOfLinksThatAreNotUsedAreNotClaimed) {
  const Json plan =
      PlanOf(Ctl("plan", {"--measured", "uplink=-", "-o", "json"}, Perf(0.2)));
  EXPECT_FALSE(Assumes(plan, "measured")) << plan["estimate"]["assumptions"];
}

TEST(MeasuredOptions, MistakesAreUsageAndNamed) {
  const auto fails = [](const std::vector<std::string>& more,
                        const std::string& input, const std::string& part) {
    const Outcome outcome = Ctl("plan", more, input);
    EXPECT_EQ(outcome.status, kUsage) << outcome.out;
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
  };
  fails({"--measured", "spine=-"}, "", "nvlink, node, leaf, uplink");
  fails({"--measured", "leaf"}, "", "CLASS=FILE");
  fails({"--measured", "leaf="}, "", "CLASS=FILE");
  fails({"--measured", "leaf=/no/such"}, "", "/no/such");
  fails({"--measured", "leaf=-"}, "{}", "measurements");
  fails({"--measured", "leaf=-,leaf=-"}, Perf(0.2), "leaf twice");
  fails({"--measured", "leaf=-", "--measured-ranks", "1"}, Perf(0.2),
        "--measured-ranks");
}

}  // namespace
}  // namespace ithaca::cli
