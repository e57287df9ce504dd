// The kernels on a GPU against the CPU: every byte of random plans, for every
// step, layout, dtype, head map, token order and wire.
//
//   kernels_device_test [PLANS]     2000 by default
//
// Skips itself without a GPU. Small enough a run (PLANS 50) for
// compute-sanitizer.
#include <cstdlib>
#include <random>

#include "gtest/gtest.h"
#include "kernels/reference/testing/local_group.h"
#include "kernels/reference/testing/random_plan.h"
#include "kernels/reference/testing/slice.h"
#include "tests/gpu/device_exchange.h"

namespace ithaca::gpu {
namespace {

using ulysses::FlatPlan;
using ulysses::GuardedBuffer;
using ulysses::LocalGroup;
using ulysses::RankTensors;

unsigned g_plans = 2000;

std::vector<char> Joined(const std::vector<std::vector<char>>& messages) {
  std::vector<char> all;
  for (const auto& m : messages) all.insert(all.end(), m.begin(), m.end());
  return all;
}

void Fill(std::mt19937* rng, int32_t dtype, bool any_bits, GuardedBuffer* t) {
  ulysses::WholeTensor flat;
  flat.data.resize(t->bytes());
  if (any_bits) {
    ulysses::FillWithBytes(rng, &flat);
  } else {
    ulysses::FillWithNormals(rng, dtype, &flat);
  }
  std::copy(flat.data.begin(), flat.data.end(), t->data());
}

void CheckRank(Device* device, const LocalGroup& group, int32_t r, int32_t step,
               const RankTensors& inputs, const std::vector<char>& packed,
               const std::vector<char>& received, const RankTensors& outputs) {
  DeviceExchange exchange(device, group.rank(r));
  std::vector<Memory> in = exchange.Tensors(step, ITHACA_ULYSSES_PACK);
  for (size_t t = 0; t < in.size(); ++t) in[t].Set(inputs[t].Copy());
  const Memory sent = exchange.Buffer(step, ITHACA_ULYSSES_PACK);
  exchange.Pack(step, in, sent);
  ASSERT_EQ(sent.Get(), packed) << "messages of rank " << r;
  Memory recv = exchange.Buffer(step, ITHACA_ULYSSES_UNPACK);
  recv.Set(received);
  const std::vector<Memory> out = exchange.Tensors(step, ITHACA_ULYSSES_UNPACK);
  exchange.Unpack(step, recv, out);
  for (size_t t = 0; t < out.size(); ++t)
    ASSERT_EQ(out[t].Get(), outputs[t].Copy()) << "rank " << r << ", " << t;
}

void CheckPlan(Device* device, unsigned seed) {
  std::mt19937 rng(seed);
  ulysses::RandomPlanLimits limits;
  limits.quantised = seed % 3 == 0;
  limits.max_group = 8;
  limits.max_ranks = 6;
  limits.max_tokens = seed % 5 == 0 ? 400 : 40;
  FlatPlan plan = RandomPlan(&rng, limits);
  if (seed % 2 == 0) plan.head_size = 8 << rng() % 5;
  const auto step = static_cast<int32_t>(1 + seed / 6 % 4);
  const LocalGroup group(plan);
  // The payload of a NaN that was added is the processor's.
  const bool any_bits =
      !limits.quantised && step != ITHACA_ULYSSES_SEQ_TO_HEADS_BACKWARD;
  std::vector<RankTensors> inputs;
  for (int32_t r = 0; r < plan.num_ranks(); ++r) {
    inputs.push_back(group.MakeTensors(r, step, ITHACA_ULYSSES_PACK));
    for (GuardedBuffer& t : inputs[r]) Fill(&rng, plan.dtype, any_bits, &t);
  }
  const auto messages = group.Pack(step, inputs);
  const auto outputs = group.Unpack(step, messages);
  for (int32_t r = 0; r < plan.num_ranks(); ++r) {
    std::vector<std::vector<char>> sent, received;
    for (int32_t peer = 0; peer < plan.num_ranks(); ++peer) {
      sent.push_back(messages[r][peer].Copy());
      received.push_back(messages[peer][r].Copy());
    }
    CheckRank(device, group, r, step, inputs[r], Joined(sent), Joined(received),
              outputs[r]);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(KernelsDeviceTest, EqualTheCpu) {
  std::string why;
  Device* const device = Device::Open(&why);
  if (device == nullptr) GTEST_SKIP() << "SKIPPED: " << why;
  std::printf("on %s\n", device->name().c_str());
  for (unsigned seed = 0; seed < g_plans; ++seed) {
    SCOPED_TRACE(seed);
    CheckPlan(device, seed);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ithaca::gpu

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1)
    ithaca::gpu::g_plans = static_cast<unsigned>(std::atoi(argv[1]));
  return RUN_ALL_TESTS();
}
