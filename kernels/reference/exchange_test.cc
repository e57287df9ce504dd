// Pack and unpack against their definition, element by element, on random
// plans.
#include <cstring>
#include <random>

#include "gtest/gtest.h"
#include "kernels/reference/float_convert.h"
#include "kernels/reference/testing/local_group.h"
#include "kernels/reference/testing/random_plan.h"
#include "kernels/reference/testing/slice.h"

namespace ithaca::ulysses {
namespace {

constexpr unsigned kPlans = 600;

// How a step moves one of its tensors.
struct TensorCase {
  bool to_heads;
  bool kv;
};

std::vector<TensorCase> TensorsOf(int32_t step) {
  const bool to_heads = step == ITHACA_ULYSSES_SEQ_TO_HEADS ||
                        step == ITHACA_ULYSSES_HEADS_TO_SEQ_BACKWARD;
  if (ithaca_ulysses_num_tensors(step) == 1) return {{to_heads, false}};
  return {{to_heads, false}, {to_heads, true}, {to_heads, true}};
}

// First head and number of heads of rank r.
std::pair<int64_t, int64_t> HeadsOf(const FlatPlan& plan, int32_t r, bool kv) {
  if (!kv) return {plan.q_head_start[r], plan.q_head_count[r]};
  const int64_t begin = plan.kv_offsets[r], end = plan.kv_offsets[r + 1];
  return {begin == end ? 0 : plan.kv_heads[begin], end - begin};
}

WholeTensor TokenSlice(const FlatPlan& plan, const WholeTensor& whole,
                       int32_t r) {
  return Slice(whole, PositionsOf(plan, r), 0, whole.heads, plan.layout);
}

WholeTensor HeadSlice(const FlatPlan& plan, const WholeTensor& whole, int32_t r,
                      bool kv) {
  const auto [first, count] = HeadsOf(plan, r, kv);
  return Slice(whole, 0, whole.tokens, first, count, plan.layout);
}

// The tensors of one step over the whole model, as they were before the
// exchange.
std::vector<WholeTensor> RandomWholes(const FlatPlan& plan, int32_t step,
                                      std::mt19937* rng) {
  std::vector<WholeTensor> wholes;
  for (const TensorCase& t : TensorsOf(step)) {
    wholes.push_back(MakeWhole(plan, TotalTokens(plan),
                               t.kv ? plan.num_kv_heads : plan.num_q_heads));
    FillWithBytes(rng, &wholes.back());
  }
  return wholes;
}

std::vector<char> ExpectedTensor(const FlatPlan& plan, const WholeTensor& whole,
                                 int32_t r, const TensorCase& t,
                                 bool pack_side) {
  const bool by_tokens = t.to_heads == pack_side;
  return by_tokens ? TokenSlice(plan, whole, r).data
                   : HeadSlice(plan, whole, r, t.kv).data;
}

std::vector<char> ExpectedMessage(const FlatPlan& plan,
                                  const std::vector<WholeTensor>& wholes,
                                  int32_t step, int32_t sender,
                                  int32_t receiver) {
  std::vector<char> message;
  const std::vector<TensorCase> tensors = TensorsOf(step);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const int32_t owner = tensors[i].to_heads ? sender : receiver;
    const int32_t worker = tensors[i].to_heads ? receiver : sender;
    const auto [first, count] = HeadsOf(plan, worker, tensors[i].kv);
    const WholeTensor part = Slice(wholes[i], PositionsOf(plan, owner), first,
                                   count, ITHACA_ULYSSES_BATCH_FIRST);
    message.insert(message.end(), part.data.begin(), part.data.end());
  }
  return message;
}

// Whether some KV head is on more than one rank.
bool Replicates(const FlatPlan& plan) {
  return plan.kv_heads.size() > static_cast<size_t>(plan.num_kv_heads);
}

class ExchangeStepTest : public testing::TestWithParam<int32_t> {};

// With all copies of a head equal a backward step moves data too, and, where no
// head is on two ranks, unpacks without a sum.
TEST_P(ExchangeStepTest, MovesEveryByteOfRandomPlansAsDefined) {
  const int32_t step = GetParam();
  for (unsigned seed = 0; seed < kPlans; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 rng(seed);
    const FlatPlan plan = RandomPlan(&rng);
    const LocalGroup group(plan);
    const std::vector<WholeTensor> wholes = RandomWholes(plan, step, &rng);
    const std::vector<TensorCase> tensors = TensorsOf(step);
    std::vector<RankTensors> inputs;
    for (int32_t r = 0; r < plan.num_ranks(); ++r) {
      inputs.push_back(group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
      for (size_t i = 0; i < tensors.size(); ++i) {
        const auto expected =
            ExpectedTensor(plan, wholes[i], r, tensors[i], true);
        ASSERT_EQ(inputs[r][i].bytes(), expected.size());
        std::copy(expected.begin(), expected.end(), inputs[r][i].data());
      }
    }
    const auto messages = group.Pack(step, inputs);
    for (int32_t s = 0; s < plan.num_ranks(); ++s) {
      for (int32_t r = 0; r < plan.num_ranks(); ++r) {
        ASSERT_EQ(messages[s][r].Copy(),
                  ExpectedMessage(plan, wholes, step, s, r))
            << s << " -> " << r;
      }
    }
    const std::vector<RankTensors> outputs = group.Unpack(step, messages);
    const bool sums = step == ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD;
    for (int32_t r = 0; r < plan.num_ranks(); ++r) {
      for (size_t i = 0; i < tensors.size(); ++i) {
        if (sums && tensors[i].kv && Replicates(plan)) continue;
        ASSERT_EQ(outputs[r][i].Copy(),
                  ExpectedTensor(plan, wholes[i], r, tensors[i], false))
            << "rank " << r << " tensor " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ExchangeStepTest,
                         testing::Values(ITHACA_ULYSSES_SEQ_TO_HEADS,
                                         ITHACA_ULYSSES_HEADS_TO_SEQ,
                                         ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD,
                                         ITHACA_ULYSSES_HEADS_TO_SEQ_BACKWARD));

// Values of one KV gradient on the rank that computed it.
struct HeldGradient {
  int32_t rank;
  WholeTensor tensor;
};

// The definition: fp32, ascending ranks, one rounding.
WholeTensor ExpectedSum(const FlatPlan& plan,
                        const std::vector<HeldGradient>& held) {
  WholeTensor sum = MakeWhole(plan, TotalTokens(plan), plan.num_kv_heads);
  WithDtype(plan.dtype, [&](auto type) {
    using T = decltype(type);
    using Storage = typename T::Storage;
    std::vector<float> total(sum.data.size() / sizeof(Storage));
    std::vector<char> seen(total.size(), 0);
    for (const HeldGradient& g : held) {
      const auto [first, count] = HeadsOf(plan, g.rank, true);
      for (int64_t bi = 0; bi < sum.batch; ++bi) {
        for (int64_t s = 0; s < sum.tokens; ++s) {
          for (int64_t h = 0; h < count; ++h) {
            for (int64_t c = 0; c < sum.head_size; ++c) {
              Storage raw;
              memcpy(
                  &raw,
                  &g.tensor
                       .data[g.tensor.Offset(bi, s, h) + c * sizeof(Storage)],
                  sizeof(raw));
              const size_t i =
                  sum.Offset(bi, s, first + h) / sizeof(Storage) + c;
              total[i] = seen[i] ? total[i] + T::Load(raw) : T::Load(raw);
              seen[i] = 1;
            }
          }
        }
      }
    }
    for (size_t i = 0; i < total.size(); ++i) {
      EXPECT_TRUE(seen[i]);
      const Storage raw = T::Store(total[i]);
      memcpy(&sum.data[i * sizeof(Storage)], &raw, sizeof(raw));
    }
  });
  return sum;
}

TEST(ExchangeSumTest, AddsReplicatedGradientsInRankOrderAndRoundsOnce) {
  int replicating = 0;
  for (unsigned seed = 0; seed < kPlans; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 rng(seed + 1000);
    RandomPlanLimits limits;
    limits.max_group = 12;
    const FlatPlan plan = RandomPlan(&rng, limits);
    replicating += Replicates(plan);
    const LocalGroup group(plan);
    const int32_t step = ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD;
    std::vector<HeldGradient> held[2];
    std::vector<RankTensors> inputs;
    for (int32_t r = 0; r < plan.num_ranks(); ++r) {
      inputs.push_back(group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
      for (int i = 0; i < 3; ++i) {
        WholeTensor t =
            MakeWhole(plan, TotalTokens(plan), HeadsOf(plan, r, i > 0).second);
        FillWithNormals(&rng, plan.dtype, &t);
        std::copy(t.data.begin(), t.data.end(), inputs[r][i].data());
        if (i > 0) held[i - 1].push_back({r, t});
      }
    }
    const std::vector<RankTensors> outputs = group.Exchange(step, inputs);
    for (int i : {1, 2}) {
      const WholeTensor sum = ExpectedSum(plan, held[i - 1]);
      for (int32_t r = 0; r < plan.num_ranks(); ++r) {
        ASSERT_EQ(outputs[r][i].Copy(), TokenSlice(plan, sum, r).data)
            << "rank " << r << " tensor " << i;
      }
    }
  }
  EXPECT_GT(replicating, static_cast<int>(kPlans / 3));
}

TEST(ExchangeSumTest, OneFp32SumIsNotAChainOfRoundings) {
  // bf16: 256 + 1 + 1 rounds to 258; rounding after each addition would stay at
  // 256.
  FlatPlan plan;
  plan.dtype = ITHACA_ULYSSES_BF16;
  plan.head_size = 1;
  plan.num_q_heads = 3;
  plan.num_kv_heads = 1;
  plan.AddRank(1, 0, 0, 1);
  plan.AddRank(0, 1, 1, 1);
  plan.AddRank(0, 1, 2, 1);
  const LocalGroup group(plan);
  const int32_t step = ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD;
  std::vector<RankTensors> inputs;
  for (int32_t r = 0; r < 3; ++r) {
    inputs.push_back(group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
    const uint16_t value = FloatToBf16(r == 0 ? 256.0f : 1.0f);
    for (GuardedBuffer& t : inputs[r]) memcpy(t.data(), &value, 2);
  }
  const std::vector<RankTensors> outputs = group.Exchange(step, inputs);
  uint16_t dk;
  memcpy(&dk, outputs[0][1].data(), 2);
  EXPECT_EQ(Bf16ToFloat(dk), 258.0f);
}

}  // namespace
}  // namespace ithaca::ulysses
