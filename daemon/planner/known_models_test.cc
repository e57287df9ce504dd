#include "daemon/planner/known_models.h"

#include <set>
#include <string>

#include "daemon/planner/hf_config.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

// Weights of a dense model of this shape, without norms and biases; tells a
// slip of the pen by a layer or a digit.
double Billions(const v1::Model& m, bool tied) {
  const double h = m.hidden_size();
  const double heads = m.query_heads();
  const double d = m.head_size();
  const double attention = 2 * h * heads * d + 2 * h * m.kv_heads() * d;
  const double mlp = 3 * h * m.intermediate_size();
  return (m.layers() * (attention + mlp) +
          (tied ? 1.0 : 2.0) * h * m.vocabulary_size()) /
         1e9;
}

TEST(KnownModels, AllCanBeReadButThoseWithLatentAttention) {
  std::set<std::string> names;
  for (const KnownModel& model : KnownModels()) {
    EXPECT_TRUE(names.insert(model.name).second);
    EXPECT_FALSE(model.source.empty());
    const auto config = ParseHfConfig(model.config);
    if (model.name == "deepseek-v3") {
      EXPECT_NE(config.status().message().find("latent attention"),
                std::string::npos);
      continue;
    }
    ASSERT_TRUE(config.ok()) << model.name << config.status();
    EXPECT_GE(config->model.layers(), 1u);
  }
  EXPECT_GE(names.size(), 40u);
}

TEST(KnownModels, HaveTheSizesOfTheirNames) {
  const struct {
    const char* name;
    double billions;
    bool tied;
  } cases[] = {
      {"llama-2-7b", 6.74, false},
      {"llama-2-13b", 13.02, false},
      {"llama-2-70b", 68.98, false},
      {"llama-3-8b", 8.03, false},
      {"llama-3.1-8b", 8.03, false},
      {"llama-3.1-70b", 70.55, false},
      {"llama-3.1-405b", 405.9, false},
      {"llama-3.2-1b", 1.24, true},
      {"llama-3.2-3b", 3.21, true},
      {"qwen2.5-0.5b", 0.494, true},
      {"qwen2.5-7b", 7.62, false},
      {"qwen2.5-14b", 14.77, false},
      {"qwen2.5-32b", 32.76, false},
      {"qwen2.5-72b", 72.7, false},
      {"qwen3-0.6b", 0.596, true},
      {"qwen3-8b", 8.19, false},
      {"qwen3-14b", 14.77, false},
      {"qwen3-32b", 32.76, false},
      {"mistral-7b", 7.25, false},
      {"mistral-nemo-12b", 12.25, false},
      {"mistral-small-24b", 23.57, false},
      {"gemma-2-2b", 2.61, true},
      {"gemma-2-9b", 9.24, true},
      {"gemma-2-27b", 27.2, true},
      {"gemma-3-1b", 1.0, true},
      {"gemma-3-27b", 27.0, true},
      {"phi-3-mini", 3.82, false},
      {"phi-3-medium", 13.96, false},
      {"phi-4", 14.66, false},
      {"phi-4-mini", 3.84, true},
  };
  for (const auto& c : cases) {
    const KnownModel* model = FindKnownModel(c.name);
    ASSERT_NE(model, nullptr) << c.name;
    const auto config = ParseHfConfig(model->config);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_NEAR(Billions(config->model, c.tied) / c.billions, 1, 0.01)
        << c.name;
  }
}

TEST(KnownModels, AreFoundByName) {
  EXPECT_EQ(FindKnownModel("Llama-3.1-8B")->name, "llama-3.1-8b");
  EXPECT_EQ(FindKnownModel("llama"), nullptr);
  EXPECT_EQ(NearestKnownModel("qwen3-8"), "qwen3-8b");
  EXPECT_EQ(NearestKnownModel("x"), "");
}

}  // namespace
}  // namespace ithaca::planner
