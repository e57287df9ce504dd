#include "daemon/planner/hf_config.h"

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>
#include <string>

#include "daemon/planner/field_error.h"
#include "daemon/planner/limits.h"
#include "daemon/planner/test_seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using ::testing::HasSubstr;

std::string ReadModel(const std::string& name) {
  std::ifstream file("daemon/planner/models/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

v1::Model ModelOf(const std::string& text) {
  const auto config = ParseHfConfig(text);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? config->model : v1::Model();
}

void ExpectRefused(const std::string& text, const std::string& field,
                   const std::string& problem) {
  const auto config = ParseHfConfig(text);
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_EQ(FieldOf(config.status()), field) << config.status();
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(problem));
}

TEST(ParseHfConfig, Llama) {
  const auto config = ParseHfConfig(ReadModel("llama-3.1-8b.json"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.hidden_size(), 4096u);
  EXPECT_EQ(config->model.query_heads(), 32u);
  EXPECT_EQ(config->model.kv_heads(), 8u);
  EXPECT_EQ(config->model.head_size(), 128u);
  EXPECT_EQ(config->model.layers(), 32u);
  EXPECT_EQ(config->model.intermediate_size(), 14336u);
  EXPECT_EQ(config->model.vocabulary_size(), 128256u);
  EXPECT_EQ(config->data_type, v1::DATA_TYPE_BF16);
}

TEST(ParseHfConfig, Defaults) {
  v1::Model model =
      ModelOf(R"({"hidden_size": 512, "num_attention_heads": 8})");
  EXPECT_EQ(model.kv_heads(), 8u);
  EXPECT_EQ(model.head_size(), 64u);
  EXPECT_EQ(model.layers(), 0u);
  // Null is absent, as transformers writes it.
  model = ModelOf(R"({"hidden_size": 512, "num_attention_heads": 8,
                      "num_key_value_heads": null, "head_dim": null})");
  EXPECT_EQ(model.kv_heads(), 8u);
  EXPECT_EQ(model.head_size(), 64u);
  // An explicit head size wins and need not match the width.
  model = ModelOf(
      R"({"hidden_size": 5120, "num_attention_heads": 32, "head_dim": 128})");
  EXPECT_EQ(model.head_size(), 128u);
  model = ModelOf(R"({"num_attention_heads": 32, "head_dim": 80})");
  EXPECT_EQ(model.head_size(), 80u);
}

TEST(ParseHfConfig, DataTypes) {
  const struct {
    const char* json;
    v1::DataType type;
  } cases[] = {
      {R"({"num_attention_heads":1,"head_dim":1,"torch_dtype":"float32"})",
       v1::DATA_TYPE_FP32},
      {R"({"num_attention_heads":1,"head_dim":1,"dtype":"float16"})",
       v1::DATA_TYPE_FP16},
      {R"({"num_attention_heads":1,"head_dim":1,"torch_dtype":"float8_e4m3fn"})",
       v1::DATA_TYPE_UNSPECIFIED},
      {R"({"num_attention_heads":1,"head_dim":1,"torch_dtype":16})",
       v1::DATA_TYPE_UNSPECIFIED},
      {R"({"dtype":"bfloat16","text_config":{"num_attention_heads":1,"head_dim":1}})",
       v1::DATA_TYPE_BF16},
  };
  for (const auto& c : cases) {
    const auto config = ParseHfConfig(c.json);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->data_type, c.type) << c.json;
  }
}

TEST(ParseHfConfig, NestedTextModel) {
  const v1::Model model = ModelOf(
      R"({"vision_config": {"num_attention_heads": 16, "hidden_size": 1280},
          "text_config": {"num_attention_heads": 28, "num_key_value_heads": 4,
                          "hidden_size": 3584}})");
  EXPECT_EQ(model.query_heads(), 28u);
  EXPECT_EQ(model.head_size(), 128u);
  // The outer object wins where it has heads itself.
  EXPECT_EQ(ModelOf(R"({"num_attention_heads": 2, "head_dim": 1,
                        "text_config": {"num_attention_heads": 3}})")
                .query_heads(),
            2u);
  ExpectRefused(R"({"text_config": {"num_attention_heads": 0}})",
                "hugging_face_config.text_config.num_attention_heads", "is 0");
}

TEST(ParseHfConfig, NamesTheFieldAtFault) {
  const std::string root = "hugging_face_config";
  ExpectRefused("", root, "not valid JSON");
  ExpectRefused("{", root, "not valid JSON");
  ExpectRefused("{} trailing", root, "not valid JSON");
  ExpectRefused("[1, 2]", root, "not a JSON object");
  ExpectRefused("null", root, "not a JSON object");
  ExpectRefused("{\"a\": \"\xff\"}", root, "not valid JSON");
  ExpectRefused("{}", root + ".num_attention_heads", "missing");
  ExpectRefused(R"({"num_attention_heads": null})",
                root + ".num_attention_heads", "missing");
  ExpectRefused(R"({"num_attention_heads": "32"})",
                root + ".num_attention_heads", "whole number");
  ExpectRefused(R"({"num_attention_heads": -4})", root + ".num_attention_heads",
                "whole number");
  ExpectRefused(R"({"num_attention_heads": 3.5})",
                root + ".num_attention_heads", "whole number");
  ExpectRefused(R"({"num_attention_heads": 1e400})", root, "not valid JSON");
  ExpectRefused(R"({"num_attention_heads": 4294967296})",
                root + ".num_attention_heads", "beyond any model");
  ExpectRefused(R"({"num_attention_heads": 99999999999999999999999})",
                root + ".num_attention_heads", "whole number");
  ExpectRefused(R"({"num_attention_heads": 8})", root + ".head_dim", "missing");
  ExpectRefused(R"({"num_attention_heads": 7, "hidden_size": 512})",
                root + ".head_dim", "not a multiple");
  ExpectRefused(R"({"num_attention_heads": 8, "hidden_size": 4})",
                root + ".head_dim", "not a multiple");
  ExpectRefused(
      R"({"num_attention_heads": 8, "head_dim": 64, "num_key_value_heads": 3})",
      root + ".num_key_value_heads", "does not divide");
  ExpectRefused(
      R"({"num_attention_heads": 8, "head_dim": 64, "num_key_value_heads": 16})",
      root + ".num_key_value_heads", "between 1 and 8");
  ExpectRefused(
      R"({"num_attention_heads": 128, "head_dim": 64, "kv_lora_rank": 512})",
      root + ".kv_lora_rank", "latent attention");
}

TEST(ParseHfConfig, BoundsSizeAndDepth) {
  std::string long_text = R"({"num_attention_heads": 8, "head_dim": 64})";
  long_text.append(kMaxConfigBytes - long_text.size(), ' ');
  EXPECT_EQ(ModelOf(long_text).query_heads(), 8u);
  ExpectRefused(long_text + " ", "hugging_face_config", "at most 1048576");
  ExpectRefused(std::string(10u << 20, '{'), "hugging_face_config", "at most");
  ExpectRefused(std::string(1u << 20, '['), "hugging_face_config",
                "nests deeper");
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  ExpectRefused(
      R"({"num_attention_heads": 8, "head_dim": 64, "x": )" + deep + "}",
      "hugging_face_config", "nests deeper");
}

// Whatever is done to a good text: a complete model or an error that names a
// field.
TEST(ParseHfConfig, SurvivesMutations) {
  std::mt19937_64 random(TestSeed());
  const std::string good = ReadModel("qwen2.5-7b.json");
  static const std::string kBits[] = {
      "{", "}",   "[",    "]", "\"", "null", "-1",  "1e99",
      "0", "\\u", "\xc3", ",", ":",  "true", "2.5", "18446744073709551616"};
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string text = good;
    const int edits = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < edits; ++i) {
      const size_t at = random() % (text.size() + 1);
      const size_t cut = random() % 3 == 0 ? random() % 20 : random() % 2;
      text.replace(at, std::min(cut, text.size() - at),
                   random() % 2 == 0
                       ? kBits[random() % std::size(kBits)]
                       : std::string(1, static_cast<char>(random())));
    }
    const auto config = ParseHfConfig(text);
    if (config.ok()) {
      EXPECT_GE(config->model.query_heads(), 1u);
      EXPECT_LE(config->model.query_heads(), kMaxQueryHeads);
      EXPECT_EQ(config->model.query_heads() % config->model.kv_heads(), 0u);
      EXPECT_GE(config->model.head_size(), 1u);
    } else {
      ++refused;
      EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(FieldOf(config.status()),
                  testing::StartsWith("hugging_face_config"))
          << text;
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace ithaca::planner
