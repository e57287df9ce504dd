#include "daemon/planner/cost/heads.h"

#include <random>

#include "daemon/planner/cost/models_for_test.h"
#include "daemon/planner/head_map.h"
#include "daemon/planner/test_seed.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

ModelDims WithHeads(uint32_t query, uint32_t kv) {
  ModelDims model = Llama8B();
  model.query_heads = query;
  model.kv_heads = kv;
  return model;
}

TEST(Heads, EvenMapsHaveTheClosedForm) {
  const HeadFigures f = FiguresOfHeads(WithHeads(32, 8), 1, 4);
  EXPECT_EQ(f.kv_copies, 8u);
  EXPECT_EQ(f.most_query_exchange, 24u);  // 32 * 3 / 4
  EXPECT_EQ(f.most_kv_exchange, 6u);
  EXPECT_EQ(f.Imbalance(), 1);
}

TEST(Heads, OneRankExchangesNothing) {
  const HeadFigures f = FiguresOfHeads(WithHeads(32, 8), 2, 1);
  EXPECT_EQ(f.query_heads, 16u);
  EXPECT_EQ(f.kv_heads, 4u);
  EXPECT_EQ(f.most_query_exchange, 0u);
  EXPECT_EQ(f.most_kv_exchange, 0u);
}

TEST(Heads, PublishedCasesOfUnevenHeads) {
  struct Case {
    uint32_t query, kv, ranks;
    double imbalance;
    uint32_t copies;
  };
  for (const Case& c : {Case{40, 8, 16, 1.2, 16},
                        {40, 8, 40, 1, 40},
                        {28, 4, 8, 8.0 / 7, 8},
                        {16, 2, 8, 1, 8},
                        {9, 3, 2, 10.0 / 9, 4},
                        {9, 3, 8, 16.0 / 9, 9}}) {
    SCOPED_TRACE(testing::Message()
                 << c.query << "/" << c.kv << " at " << c.ranks);
    const HeadFigures f = FiguresOfHeads(WithHeads(c.query, c.kv), 1, c.ranks);
    EXPECT_DOUBLE_EQ(f.Imbalance(), c.imbalance);
    EXPECT_GE(f.kv_copies, std::max(c.kv, c.ranks));
    EXPECT_LE(f.kv_copies, c.copies);
  }
}

TEST(Heads, KeyValueHeadsAreSharedByTensorRanksBeyondTheirNumber) {
  const HeadFigures f = FiguresOfHeads(WithHeads(32, 2), 8, 2);
  EXPECT_EQ(f.query_heads, 4u);
  EXPECT_EQ(f.kv_heads, 1u);
  EXPECT_EQ(f.kv_copies, 2u);
}

TEST(Heads, RandomMaps) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 3000; ++i) {
    const uint32_t kv = 1 + random() % 12;
    const uint32_t group = 1 + random() % 12;
    const uint32_t heads = kv * group;
    const uint32_t ranks = 1 + random() % heads;
    SCOPED_TRACE(testing::Message() << heads << "/" << kv << " at " << ranks);
    const HeadFigures f = FiguresOfHeads(WithHeads(heads, kv), 1, ranks);
    EXPECT_EQ(f.most_query_heads, (heads + ranks - 1) / ranks);
    if (kv % ranks == 0 || ranks % kv == 0) {
      EXPECT_EQ(f.kv_copies, std::max(kv, ranks));
    }
    if (ranks % kv == 0) {
      const uint32_t k = ranks / kv;
      EXPECT_DOUBLE_EQ(f.Imbalance(),
                       static_cast<double>((group + k - 1) / k) * k / group);
    }
    uint32_t query = 0, kv_exchange = 0;
    for (const HeadShare& s : MapHeads(heads, kv, ranks)) {
      query = std::max({query, s.count * (ranks - 1), heads - s.count});
      kv_exchange = std::max(
          {kv_exchange, s.kv_count * (ranks - 1), f.kv_copies - s.kv_count});
    }
    EXPECT_EQ(f.most_query_exchange, query);
    EXPECT_EQ(f.most_kv_exchange, kv_exchange);
  }
}

}  // namespace
}  // namespace ithaca::planner
