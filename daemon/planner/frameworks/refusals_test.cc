// For every framework strategies that it can run and some that it cannot.
#include "daemon/planner/frameworks/refusals.h"

#include <algorithm>
#include <functional>
#include <string>

#include "daemon/planner/frameworks/framework_message.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using F = Framework;

// One strategy for a model of 32 query and 8 key/value heads, 64 Ki tokens.
struct Case {
  Strategy strategy;
  Demand demand;
  ModelDims model;
};

struct Row {
  Framework framework;
  void (*change)(Case& c);
  const char* code;  // null: it can
};

void Ring(Case& c, uint32_t degree, TokenOrder order, RingGradients gradients) {
  c.strategy.ring = degree;
  c.strategy.token_order = order;
  c.strategy.ring_gradients = gradients;
}

void ZigzagFp32(Case& c, uint32_t degree) {
  Ring(c, degree, TokenOrder::kZigzag, RingGradients::kFp32);
}

void ZigzagElement(Case& c, uint32_t degree) {
  Ring(c, degree, TokenOrder::kZigzag, RingGradients::kElement);
}

// Key/value heads that 16 ranks share only as copies.
void Sixteen(Case& c) { c.strategy.ulysses = 16; }

const Row kRows[] = {
    {F::kDeepSpeed, [](Case& c) { c.strategy.ulysses = 8; }, nullptr},
    {F::kDeepSpeed,
     [](Case& c) {
       c.strategy.ulysses = 3;
       c.model.kv_heads = 32;
       c.demand.sequence = 3 * 1024;
     },
     nullptr},
    {F::kDeepSpeed, Sixteen, "heads-not-divisible"},
    {F::kDeepSpeed, [](Case& c) { ZigzagFp32(c, 2); }, "no-ring"},
    {F::kDeepSpeed,
     [](Case& c) {
       c.strategy.ulysses = 4;
       c.strategy.tensor = 2;
     },
     "tensor-parallel"},
    {F::kDeepSpeed,
     [](Case& c) {
       c.strategy.ulysses = 4;
       c.strategy.pipeline = 2;
     },
     "pipeline"},
    {F::kDeepSpeed,
     [](Case& c) {
       c.strategy.ulysses = 8;
       c.demand.sequence = 1001;
     },
     "sequence-not-divisible"},
    {F::kAlst,
     [](Case& c) {
       Sixteen(c);
       c.strategy.zero_stage = 3;
       c.strategy.tiled_mlp = true;
     },
     nullptr},
    {F::kAlst, [](Case& c) { c.strategy.tensor = 2; }, "tensor-parallel"},
    {F::kAlst, [](Case& c) { c.strategy.recompute = Recompute::kSelective; },
     "recompute"},
    {F::kMegatron,
     [](Case& c) {
       ZigzagElement(c, 2);
       c.strategy.ulysses = 4;
       c.strategy.tensor = 2;
       c.strategy.pipeline = 2;
     },
     nullptr},
    {F::kMegatron, [](Case& c) { ZigzagFp32(c, 2); }, "ring-gradients"},
    {F::kMegatron, Sixteen, "heads-not-divisible"},
    {F::kMegatron,
     [](Case& c) {
       ZigzagElement(c, 2);
       c.demand.mask = AttentionMask::kSlidingWindow;
     },
     "window-with-ring"},
    {F::kMegatron, [](Case& c) { c.demand.mask = AttentionMask::kBlockSparse; },
     "block-sparse"},
    {F::kMegatron, [](Case& c) { c.strategy.tensor = 16; },
     "kv-heads-not-whole"},
    {F::kMegatron, [](Case& c) { c.strategy.tiled_loss = true; }, "tiled"},
    {F::kMegatron,
     [](Case& c) {
       c.strategy.ulysses = 8;
       c.demand.sequence = 8 * 1001;
     },
     "sequence-not-divisible"},
    {F::kMegatron,
     [](Case& c) {
       Ring(c, 2, TokenOrder::kContiguous, RingGradients::kElement);
     },
     "token-order"},
    {F::kAccelerate, Sixteen, nullptr},
    {F::kAccelerate,
     [](Case& c) {
       ZigzagFp32(c, 4);
       c.strategy.zero_stage = 3;
     },
     nullptr},
    {F::kAccelerate, [](Case& c) { ZigzagFp32(c, 4); }, "zero-stage"},
    {F::kAccelerate, [](Case& c) { c.strategy.pipeline = 2; }, "pipeline"},
    {F::kTorchtitan,
     [](Case& c) {
       ZigzagFp32(c, 4);
       c.strategy.zero_stage = 2;
       c.strategy.pipeline = 2;
     },
     nullptr},
    {F::kTorchtitan, [](Case& c) { c.strategy.zero_stage = 1; }, "zero-stage"},
    {F::kTorchtitan,
     [](Case& c) {
       ZigzagFp32(c, 4);
       c.strategy.zero_stage = 2;
       c.demand.documents = true;
     },
     "documents-with-ring"},
    {F::kVerl,
     [](Case& c) {
       Sixteen(c);
       c.strategy.zero_stage = 3;
       c.demand.sequence = 1001;
     },
     nullptr},
    {F::kVerl, [](Case& c) { c.strategy.zero_stage = 0; }, "zero-stage"},
    {F::kSwift,
     [](Case& c) {
       ZigzagFp32(c, 3);
       c.strategy.ulysses = 8;
     },
     nullptr},
    {F::kSwift, [](Case& c) { ZigzagFp32(c, 4); }, "swift-split"},
    {F::kYunchang,
     [](Case& c) {
       Ring(c, 4, TokenOrder::kStriped, RingGradients::kFp32);
       c.strategy.ulysses = 8;
       c.strategy.hybrid_order = HybridOrder::kRingInside;
     },
     nullptr},
    {F::kYunchang, Sixteen, "heads-not-divisible"},
    {F::kYunchang,
     [](Case& c) {
       c.strategy.ulysses = 8;
       c.strategy.attention_chunk = 4096;
     },
     "attention-chunk"},
    {F::kXdit,
     [](Case& c) {
       Ring(c, 2, TokenOrder::kContiguous, RingGradients::kFp32);
       c.strategy.ulysses = 8;
       c.demand.training = false;
     },
     nullptr},
    {F::kXdit, [](Case& c) { c.strategy.ulysses = 8; }, "inference-only"},
    {F::kVllm,
     [](Case& c) {
       Sixteen(c);
       c.demand.training = false;
     },
     nullptr},
    {F::kVllm, Sixteen, "inference-only"},
    {F::kMaxtext,
     [](Case& c) {
       ZigzagElement(c, 4);
       c.strategy.zero_stage = 3;
     },
     nullptr},
    {F::kMaxtext,
     [](Case& c) {
       ZigzagElement(c, 4);
       c.strategy.ulysses = 2;
       c.strategy.zero_stage = 3;
     },
     "no-hybrid"},
    {F::kVeomni,
     [](Case& c) {
       ZigzagFp32(c, 2);
       Sixteen(c);
       c.strategy.hybrid_order = HybridOrder::kRingInside;
     },
     nullptr},
    {F::kVeomni,
     [](Case& c) {
       ZigzagFp32(c, 2);
       Sixteen(c);
     },
     "ulysses-inside"},
    {F::kInternevo,
     [](Case& c) {
       ZigzagFp32(c, 2);
       Sixteen(c);
     },
     nullptr},
    {F::kInternevo, [](Case& c) { c.strategy.tensor = 2; }, "tensor-parallel"},
};

TEST(Refusals, AreThoseOfTheFramework) {
  int can[kFrameworks] = {};
  int cannot[kFrameworks] = {};
  for (const Row& row : kRows) {
    Case c;
    c.model.query_heads = 32;
    c.model.kv_heads = 8;
    c.demand.sequence = 49152;
    row.change(c);
    c.demand.model = &c.model;
    const char* name = LimitsOf(row.framework).name;
    const auto refusals =
        FindRefusals(row.framework, EngineOf(row.framework, c.strategy),
                     c.strategy, c.demand);
    EXPECT_EQ(CountRefusals(row.framework, c.strategy, c.demand),
              static_cast<int>(refusals.size()))
        << name;
    for (const Refusal& refusal : refusals) {
      EXPECT_EQ(refusal.reason.find(LimitsOf(row.framework).title), 0u);
      EXPECT_FALSE(refusal.remedy.empty());
    }
    if (row.code == nullptr) {
      ++can[static_cast<int>(row.framework)];
      EXPECT_TRUE(refusals.empty()) << name << ": " << refusals[0].reason;
      continue;
    }
    ++cannot[static_cast<int>(row.framework)];
    EXPECT_TRUE(std::any_of(
        refusals.begin(), refusals.end(),
        [&](const Refusal& refusal) { return refusal.code == row.code; }))
        << name << " should say " << row.code;
  }
  for (int i = 0; i < kFrameworks; ++i) {
    EXPECT_GT(can[i], 0) << LimitsOf(static_cast<Framework>(i)).name;
    EXPECT_GT(cannot[i], 0) << LimitsOf(static_cast<Framework>(i)).name;
  }
}

TEST(Frameworks, AreThoseOfTheApi) {
  int known = 0;
  for (int i = v1::Framework_MIN; i <= v1::Framework_MAX; ++i) {
    if (!v1::Framework_IsValid(i) || i == v1::FRAMEWORK_UNSPECIFIED) continue;
    const auto message = static_cast<v1::Framework>(i);
    const auto framework = FrameworkOf(message);
    ASSERT_TRUE(framework) << v1::Framework_Name(message);
    EXPECT_EQ(MessageOf(*framework), message);
    EXPECT_EQ(FindFramework(LimitsOf(*framework).name), &LimitsOf(*framework));
    ++known;
  }
  EXPECT_EQ(known, kFrameworks);
  EXPECT_FALSE(FrameworkOf(v1::FRAMEWORK_UNSPECIFIED));
  EXPECT_EQ(FindFramework("caffe"), nullptr);
}

}  // namespace
}  // namespace ithaca::planner
