// plan, validate, max-seq and explain without a daemon.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/cli/commands.h"

namespace ithaca::cli {
namespace {

using Json = nlohmann::json;

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

Outcome Ctl(const std::vector<std::string>& line,
            const std::string& input = "") {
  std::istringstream in(input);
  std::ostringstream out, err;
  const int status = Main(line, {in, out, err, false});
  return {status, out.str(), err.str()};
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void ExpectNarrow(const std::string& text, size_t width) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(line.size(), width) << line;
}

TEST(PlanCommand, KnowsModelsByName) {
  const Outcome outcome = Ctl(
      {"plan", "--model", "Llama-3.1-8B", "--seq-len", "128K", "--ranks", "4"});
  EXPECT_EQ(outcome.status, kDone) << outcome.err;
  EXPECT_TRUE(Has(outcome.out, "32 query heads, 8 key/value heads"));
  ExpectNarrow(outcome.out, 80);
  const Outcome unknown =
      Ctl({"plan", "--model", "qwen3-8", "--seq-len", "4K", "--ranks", "4"});
  EXPECT_EQ(unknown.status, kUsage);
  EXPECT_TRUE(Has(unknown.err, "did you mean qwen3-8b?")) << unknown.err;
  const Outcome latent = Ctl(
      {"plan", "--model", "deepseek-v3", "--seq-len", "4K", "--ranks", "4"});
  EXPECT_EQ(latent.status, kUsage);
  EXPECT_TRUE(Has(latent.err, "latent attention")) << latent.err;
}

TEST(PlanCommand, PlacesRanksOnAClusterThatIsDescribed) {
  const std::string cluster =
      "ithaca_topology: 1\n"
      "nodes:\n"
      "  - {names: \"left\", accelerators: [{count: 2, type: h100-80g}]}\n"
      "  - {names: \"right\", accelerators: [{count: 2, type: h100-80g}]}\n";
  const Outcome from_file =
      Ctl({"plan", "--model", "llama-3.1-8b", "--seq-len", "4K", "--ulysses",
           "4", "--zero", "3", "--cluster", "-"},
          cluster);
  EXPECT_EQ(from_file.status, kDone) << from_file.err;
  EXPECT_TRUE(Has(from_file.out, "right")) << from_file.out;
  const Outcome uniform =
      Ctl({"plan", "--model", "llama-3.1-8b", "--seq-len", "4K", "--nodes", "2",
           "--gpus-per-node", "4", "--gpu", "h100-80g", "--ulysses", "8",
           "--zero", "3", "-o", "json"});
  EXPECT_EQ(uniform.status, kDone) << uniform.err;
  const Json answer = Json::parse(uniform.out);
  ASSERT_EQ(answer["plans"][0]["ranks"].size(), 8u);
  EXPECT_EQ(answer["plans"][0]["ranks"][7]["place"]["node"], "node1");
}

TEST(PlanCommand, MistakesAreUsageAndNamed) {
  const std::vector<std::string> good = {"plan", "--model", "llama-3.1-8b",
                                         "--seq-len", "4K"};
  const auto fails = [&good](const std::vector<std::string>& more,
                             const std::string& part) {
    std::vector<std::string> line = good;
    line.insert(line.end(), more.begin(), more.end());
    const Outcome outcome = Ctl(line);
    EXPECT_EQ(outcome.status, kUsage) << outcome.out;
    EXPECT_TRUE(Has(outcome.err, part)) << outcome.err;
  };
  fails({}, "--ranks is missing");
  fails({"--nodes", "2"}, "--gpu is missing");
  fails({"--gpu", "h1000"}, "h1000");
  fails({"--ranks", "4", "--cluster", "/no/such"}, "/no/such");
  fails({"--gpu", "h100-80g", "--cluster", "x"}, "give one of the two");
  fails({"--gpu", "h100-80g", "--rail-gbps", "fast"}, "--rail-gbps");
  fails({"--ranks", "4", "--zero", "x"}, "--zero");
  fails({"--ranks", "4", "--offload", "all"}, "optimizer, parameters");
  fails({"--ranks", "4", "--recompute", "some"}, "--recompute some");
  fails({"--ranks", "4", "--framework", "caffe"}, "megatron");
}

TEST(PlanCommand, PrintsTheLinesOfAFramework) {
  const std::vector<std::string> line = {
      "plan",    "--model", "llama-3.1-8b", "--seq-len", "128K",
      "--ranks", "8",       "--ulysses",    "8",         "--framework",
      "megatron"};
  const Outcome outcome = Ctl(line);
  EXPECT_EQ(outcome.status, kDone) << outcome.err << outcome.out;
  EXPECT_TRUE(Has(outcome.out, "--context-parallel-size 8"));
  EXPECT_TRUE(Has(outcome.out, "--cp-comm-type a2a"));
  EXPECT_TRUE(Has(outcome.out, "init_device_mesh(\"cuda\", (8,)"))
      << outcome.out;
  // 28 heads over 8 ranks: a plan, and none that Megatron can run.
  std::vector<std::string> uneven = line;
  uneven[2] = "qwen2.5-7b";
  const Outcome refused = Ctl(uneven);
  EXPECT_EQ(refused.status, kNo);
  EXPECT_TRUE(Has(refused.out, "no plan: FRAMEWORK_CANNOT_RUN"))
      << refused.out;
  EXPECT_TRUE(Has(refused.out, "Megatron-LM cannot split 28 query"))
      << refused.out;
}

TEST(ValidateCommand, FindsWhatAFrameworkGetsWrong) {
  const std::vector<std::string> line = {
      "validate",   "-",         "--framework", "deepspeed", "--model",
      "llama-2-7b", "--seq-len", "57826",       "--ranks",   "8"};
  const std::string bad =
      R"({"sequence_parallel_size": 8, "data_parallel_size": 1,
          "zero_optimization": {"stage": 3}})";
  const Outcome found = Ctl(line, bad);
  EXPECT_EQ(found.status, kNo) << found.err;
  EXPECT_TRUE(Has(found.out, "wrong result: SEQUENCE_SILENTLY_WRONG"))
      << found.out;
  EXPECT_TRUE(Has(found.out, "57832"));
  EXPECT_TRUE(Has(found.out, "NOT sound"));
  ExpectNarrow(found.out, 80);
  std::vector<std::string> sound = line;
  sound[7] = "57832";
  const Outcome fine = Ctl(sound, bad);
  EXPECT_EQ(fine.status, kDone) << fine.out;
  EXPECT_TRUE(Has(fine.out, "holds together"));
  sound.insert(sound.end(), {"-o", "json"});
  const Json answer = Json::parse(Ctl(sound, bad).out);
  EXPECT_EQ(answer["valid"], true);
  EXPECT_EQ(answer["constraints"]["ulyssesDegree"], 8);
}

TEST(ValidateCommand, ChecksPlans) {
  const Outcome plan = Ctl({"plan", "--model", "llama-3.1-8b", "--seq-len",
                            "4K", "--ranks", "4", "-o", "json"});
  ASSERT_EQ(plan.status, kDone) << plan.err;
  EXPECT_EQ(Ctl({"validate", "-"}, plan.out).status, kDone);
  Json changed = Json::parse(plan.out);
  changed["plans"][0]["ranks"][1]["rows"] = "7";
  const Outcome found = Ctl({"validate", "-"}, changed.dump());
  EXPECT_EQ(found.status, kNo);
  EXPECT_TRUE(Has(found.out, "ranks[1].rows")) << found.out;
}

TEST(ValidateCommand, MistakesAreUsage) {
  EXPECT_EQ(Ctl({"validate"}).status, kUsage);
  EXPECT_EQ(Ctl({"validate", "/no/such"}).status, kUsage);
  EXPECT_EQ(Ctl({"validate", "-"}, "no json").status, kUsage);
  const Outcome framework =
      Ctl({"validate", "-", "--framework", "caffe"}, "{}");
  EXPECT_EQ(framework.status, kUsage);
  EXPECT_TRUE(Has(framework.err, "torchtitan"));
}

TEST(ValidateCommand, WithoutADaemonThatIsAskedForItIsUnreachable) {
  EXPECT_EQ(Ctl({"validate", "-", "--framework", "deepspeed", "--socket",
                 "/tmp/no/such.sock"},
                "{}")
                .status,
            kUnreachable);
}

}  // namespace
}  // namespace ithaca::cli
