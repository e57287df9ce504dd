// The kernels' bodies, run on the CPU thread by thread, against the reference:
// every byte of every message and tensor of random plans.
#include <cstring>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cuda/launches.h"
#include "kernels/cuda/run_on_cpu.h"
#include "kernels/cuda/step_table_builder.h"
#include "kernels/reference/testing/guarded_buffer.h"
#include "kernels/reference/testing/local_group.h"
#include "kernels/reference/testing/random_plan.h"
#include "kernels/reference/testing/slice.h"

namespace ithaca::ulysses {
namespace {

void Run(const KernelArguments& arguments, uint64_t alignment) {
  for (const Launch& launch : LaunchesOf(arguments.table, alignment)) {
    ASSERT_TRUE(RunOnCpu(KernelName(launch), launch.blocks, arguments))
        << KernelName(launch);
  }
}

Geometry GeometryOf(const FlatPlan& plan, int32_t rank) {
  Geometry geometry;
  ithaca_ulysses_error error;
  const ithaca_ulysses_plan view = plan.View(rank);
  EXPECT_EQ(BuildGeometry(&view, &geometry, &error), 0) << error.message;
  return geometry;
}

std::vector<char> TableOf(const FlatPlan& plan, int32_t rank, int32_t step,
                          int32_t side) {
  std::vector<char> table;
  StepShape shape;
  EXPECT_TRUE(LookUpStep(step, &shape));
  ithaca_ulysses_error error;
  EXPECT_EQ(BuildStepTable(GeometryOf(plan, rank), shape, side, &table, &error),
            0)
      << error.message;
  return table;
}

// Runs one side of a step on a rank.
void RunSide(const std::vector<char>& bytes, RankTensors* tensors,
             GuardedBuffer* buffer, uint64_t alignment) {
  const auto* table = reinterpret_cast<const StepTable*>(bytes.data());
  TensorPointers pointers;
  for (size_t t = 0; t < tensors->size(); ++t)
    pointers.data[t] = (*tensors)[t].data();
  Run({*table, pointers, buffer->data()}, alignment);
}

std::vector<char> Joined(const std::vector<GuardedBuffer>& messages) {
  std::vector<char> all;
  for (const GuardedBuffer& m : messages) {
    const std::vector<char> bytes = m.Copy();
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

void FillTensors(std::mt19937* rng, int32_t dtype, bool any_bits,
                 RankTensors* tensors) {
  for (GuardedBuffer& t : *tensors) {
    WholeTensor flat;
    flat.data.resize(t.bytes());
    if (any_bits) {
      FillWithBytes(rng, &flat);
    } else {
      FillWithNormals(rng, dtype, &flat);
    }
    std::copy(flat.data.begin(), flat.data.end(), t.data());
  }
}

void CheckStep(const FlatPlan& plan, int32_t step, bool any_bits,
               uint64_t alignment, std::mt19937* rng) {
  const LocalGroup group(plan);
  std::vector<RankTensors> inputs;
  for (int32_t r = 0; r < plan.num_ranks(); ++r) {
    inputs.push_back(group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
    FillTensors(rng, plan.dtype, any_bits, &inputs.back());
  }
  const auto messages = group.Pack(step, inputs);
  for (int32_t r = 0; r < plan.num_ranks(); ++r) {
    const std::vector<char> expected = Joined(messages[r]);
    GuardedBuffer buffer(expected.size());
    RunSide(TableOf(plan, r, step, ITHACA_ULYSSES_PACK), &inputs[r], &buffer,
            alignment);
    ASSERT_TRUE(buffer.GuardsIntact());
    ASSERT_EQ(buffer.Copy(), expected) << "messages of rank " << r;
  }
  const std::vector<RankTensors> outputs = group.Unpack(step, messages);
  for (int32_t r = 0; r < plan.num_ranks(); ++r) {
    std::vector<char> received;
    for (int32_t peer = 0; peer < plan.num_ranks(); ++peer) {
      const std::vector<char> m = messages[peer][r].Copy();
      received.insert(received.end(), m.begin(), m.end());
    }
    GuardedBuffer buffer(received.size());
    std::copy(received.begin(), received.end(), buffer.data());
    RankTensors tensors = group.MakeTensors(r, step, ITHACA_ULYSSES_UNPACK);
    RunSide(TableOf(plan, r, step, ITHACA_ULYSSES_UNPACK), &tensors, &buffer,
            alignment);
    for (size_t t = 0; t < tensors.size(); ++t) {
      ASSERT_TRUE(tensors[t].GuardsIntact());
      ASSERT_EQ(tensors[t].Copy(), outputs[r][t].Copy())
          << "rank " << r << " tensor " << t;
    }
  }
}

class BodiesTest : public testing::TestWithParam<bool> {};

TEST_P(BodiesTest, EqualTheReferenceOnRandomPlans) {
  std::random_device seeds;
  const unsigned base = seeds();
  for (unsigned i = 0; i < 2000; ++i) {
    SCOPED_TRACE(base + i);
    std::mt19937 rng(base + i);
    RandomPlanLimits limits;
    limits.quantised = GetParam();
    limits.max_group = 8;
    limits.max_head_size = i % 10 == 0 ? 200 : 24;
    FlatPlan plan = RandomPlan(&rng, limits);
    // Wide units need head sizes that real models have.
    if (i % 2 == 0) plan.head_size = 8 << rng() % 3;
    const auto step = static_cast<int32_t>(1 + i % 4);
    // Payloads of NaNs that were added are the processor's; all others are not.
    const bool any_bits =
        !GetParam() && step != ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD;
    CheckStep(plan, step, any_bits, uint64_t{4} << rng() % 3, &rng);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(All, BodiesTest, testing::Values(false, true));

// Longer than a block on every side, so that blocks begin inside rows, ranges
// and sequences.
TEST(BodiesLongTest, BlocksMayBeginAnywhere) {
  for (unsigned seed = 0; seed < 24; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 rng(seed);
    RandomPlanLimits limits;
    limits.max_ranks = 3;
    limits.max_tokens = 700;
    limits.quantised = seed % 3 == 0;
    FlatPlan plan = RandomPlan(&rng, limits);
    plan.head_size = 72;
    CheckStep(plan, static_cast<int32_t>(1 + seed % 4), false, 16, &rng);
    if (HasFatalFailure()) return;
  }
}

TEST(LaunchesTest, UnitsAreTheWidestThatFit) {
  StepTable table;
  table.num_blocks = 3;
  table.sum_blocks = 2;
  table.head_size = 128;
  table.dtype = ITHACA_ULYSSES_BF16;
  auto launches = LaunchesOf(table, 256);
  ASSERT_EQ(launches.size(), 2u);
  EXPECT_EQ(KernelName(launches[0]), "ithaca_unpack_16");
  EXPECT_EQ(launches[0].blocks, 3u);
  EXPECT_EQ(KernelName(launches[1]), "ithaca_sum_bf16_16");
  EXPECT_EQ(launches[1].blocks, 4u);
  EXPECT_EQ(KernelName(LaunchesOf(table, 8)[0]), "ithaca_unpack_8");
  EXPECT_EQ(KernelName(LaunchesOf(table, 8)[1]), "ithaca_sum_bf16_1");
  table.head_size = 3;
  table.pack = 1;
  EXPECT_EQ(KernelName(LaunchesOf(table, 256)[0]), "ithaca_pack_2");
  table.quantised = 1;
  EXPECT_EQ(KernelName(LaunchesOf(table, 256)[0]), "ithaca_quantise_bf16_1");
  EXPECT_EQ(KernelName(LaunchesOf(table, 256)[1]),
            "ithaca_dequantise_sum_bf16_1");
  table.head_size = 64;
  EXPECT_EQ(KernelName(LaunchesOf(table, 256)[0]), "ithaca_quantise_bf16_4");
}

}  // namespace
}  // namespace ithaca::ulysses
