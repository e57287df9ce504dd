#include <cstdio>
#include <map>
#include <set>
#include <string>

#include "daemon/planner/adapters/check.h"
#include "daemon/planner/adapters/rule_cases_for_test.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

std::map<std::string, Harm> Check(Framework framework, const std::string& text,
                                  const Given& given) {
  ModelDims model;
  unsigned query = 0;
  unsigned kv = 0;
  CheckContext context;
  if (sscanf(given.heads, "%u/%u", &query, &kv) == 2) {
    model.hidden = 4096;
    model.query_heads = query;
    model.kv_heads = kv;
    model.head_size = 128;
    model.layers = 2;
    model.intermediate = 8192;
    model.vocabulary = 1000;
    model.experts = given.experts;
    context.model = &model;
  }
  context.sequence = given.sequence;
  if (given.ranks > 0) context.read.ranks = given.ranks;
  context.ranks_per_node = given.ranks_per_node;
  context.documents = given.documents;
  context.window = given.window;
  context.hugging_face_config = given.hugging_face;
  const auto check = CheckConfig(framework, text, context);
  EXPECT_TRUE(check.ok()) << check.status() << "\n" << text;
  std::map<std::string, Harm> found;
  if (!check.ok()) return found;
  bool ok = true;
  for (const ConfigFinding& finding : check->findings) {
    EXPECT_TRUE(found.emplace(finding.code, finding.harm).second);
    EXPECT_FALSE(finding.field.empty());
    EXPECT_FALSE(finding.message.empty());
    EXPECT_FALSE(finding.remedy.empty());
    ok &= finding.harm == Harm::kSlow || finding.harm == Harm::kInfo;
  }
  EXPECT_EQ(check->ok, ok);
  return found;
}

std::string Codes(const std::map<std::string, Harm>& found) {
  std::string codes;
  for (const auto& [code, harm] : found) codes += code + " ";
  return codes;
}

class RuleTest : public testing::TestWithParam<Case> {};

TEST_P(RuleTest, AppliesWhereItShould) {
  const Case& c = GetParam();
  const auto found = Check(c.framework, c.bad, c.given);
  EXPECT_EQ(found.count(c.code), 1u) << c.bad << "\nfound: " << Codes(found);
}

TEST_P(RuleTest, AppliesNowhereElse) {
  const Case& c = GetParam();
  const Given& given = c.good_given.empty() ? c.given : c.good_given[0];
  const auto found = Check(c.framework, c.good, given);
  EXPECT_EQ(found.count(c.code), 0u) << c.good << "\nfound: " << Codes(found);
}

INSTANTIATE_TEST_SUITE_P(Each, RuleTest, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& info) {
                           return std::string(info.param.code) + "_" +
                                  std::to_string(info.index);
                         });

TEST(Rules, EachHasItsTest) {
  std::set<std::string> tested;
  for (const Case& c : Cases()) tested.insert(c.code);
  std::set<std::string> codes;
  for (const Rule& rule : Rules()) {
    EXPECT_TRUE(codes.insert(rule.code).second) << rule.code;
    EXPECT_NE(std::string(rule.source), "");
  }
  EXPECT_EQ(tested, codes);
}

TEST(Rules, TheWorstComeFirst) {
  Harm last = Harm::kWrongResult;
  for (const Rule& rule : Rules()) {
    EXPECT_GE(static_cast<int>(rule.harm), static_cast<int>(last)) << rule.code;
    last = rule.harm;
  }
}

// A sound configuration of each of the large frameworks has no finding at all.
TEST(Rules, AreSilentAboutSoundConfigurations) {
  EXPECT_EQ(Codes(Check(kDs, kSp8, {"32/32", 131072, 8, 8})), "");
  EXPECT_EQ(Codes(Check(kMeg,
                        "--tensor-model-parallel-size 1 "
                        "--context-parallel-size 16 --cp-comm-type a2a+p2p "
                        "--hierarchical-context-parallel-sizes 8 2 "
                        "--use-distributed-optimizer --seq-length 131072",
                        {"64/16", 131072, 32, 8})),
            "");
  EXPECT_EQ(Codes(Check(kAlst,
                        "sequence_parallel_size: 8\n"
                        "model: {attn_implementation: flash_attention_2}\n"
                        "deepspeed: {zero_optimization: {stage: 3}, "
                        "seq_parallel_communication_data_type: bf16}\n",
                        {"64/16", 1048576, 8, 8})),
            "");
}

}  // namespace
}  // namespace ithaca::planner
