// Hostile plans: random changes to every field and array of a legal plan.
// Whatever is taken must be safe to use; nothing may crash, leak or read
// outside its arrays.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/reference/testing/local_group.h"
#include "kernels/reference/testing/random_plan.h"

namespace ithaca::ulysses {
namespace {

constexpr int kRounds = 20000;
constexpr uint64_t kSmall = 1 << 20;

// Extremes, neighbours of the old value, and noise; unsigned so that they may
// wrap.
int64_t HostileInteger(std::mt19937* rng, int64_t was) {
  const auto w = static_cast<uint64_t>(was);
  const uint64_t choices[] = {0,         1,
                              2,         UINT64_MAX,
                              INT32_MAX, uint64_t{1} << 31,
                              INT64_MAX, uint64_t{1} << 63,
                              w + 1,     w - 1,
                              -w,        w * 2,
                              65536,     65537,
                              (*rng)(),  uint64_t{1} << 40};
  return static_cast<int64_t>(choices[(*rng)() % std::size(choices)]);
}

template <typename T>
void ChangeOne(std::mt19937* rng, std::vector<T>* values) {
  if (values->empty()) return;
  T& v = (*values)[(*rng)() % values->size()];
  v = static_cast<T>(HostileInteger(rng, v));
}

void ChangeArrays(std::mt19937* rng, FlatPlan* plan) {
  switch ((*rng)() % 10) {
    case 0:
      return ChangeOne(rng, &plan->rank_rows);
    case 1:
      return ChangeOne(rng, &plan->rank_row_offset);
    case 2:
      return ChangeOne(rng, &plan->q_head_start);
    case 3:
      return ChangeOne(rng, &plan->q_head_count);
    case 4:
      return ChangeOne(rng, &plan->kv_offsets);
    case 5:
      return ChangeOne(rng, &plan->range_offsets);
    case 6:
      return ChangeOne(rng, &plan->range_start);
    case 7:
      return ChangeOne(rng, &plan->range_count);
    case 8:
      return ChangeOne(rng, &plan->range_stride);
    default:
      return ChangeOne(rng, &plan->kv_heads);
  }
}

// Sets one of the 32-bit fields after struct_size.
void ChangeField(std::mt19937* rng, ithaca_ulysses_plan* plan) {
  const size_t choice = (*rng)() % 13;
  const size_t field =
      choice < 11 ? 4 * (1 + choice)
                  : offsetof(ithaca_ulysses_plan, wire) + 4 * (choice - 11);
  int32_t value;
  memcpy(&value, reinterpret_cast<char*>(plan) + field, 4);
  value = static_cast<int32_t>(HostileInteger(rng, value));
  memcpy(reinterpret_cast<char*>(plan) + field, &value, 4);
}

// num_ranks and kv_heads_length may claim more entries than there are; the
// caller owes them, so the claim is cut to what is there.
void KeepReach(const FlatPlan& arrays, ithaca_ulysses_plan* plan) {
  plan->num_ranks = std::min(plan->num_ranks, arrays.num_ranks());
  plan->kv_heads_length = std::min(
      plan->kv_heads_length, static_cast<int32_t>(arrays.kv_heads.size()));
  plan->plan_hash_bytes = std::min(
      plan->plan_hash_bytes, static_cast<uint32_t>(arrays.plan_hash.size()));
}

std::vector<GuardedBuffer> Buffers(const std::vector<uint64_t>& sizes) {
  return {sizes.begin(), sizes.end()};
}

// Packs and unpacks zeros on one rank, when the plan is small enough.
void UseExchange(const ithaca_ulysses_exchange* e, int32_t ranks,
                 int32_t step) {
  uint64_t send = 0, recv = 0;
  ASSERT_EQ(ithaca_ulysses_buffer_bytes(e, step, &send, &recv, nullptr), 0);
  std::vector<uint64_t> sizes[4];  // tensors in, out; messages out, in
  for (int32_t t = 0; t < ithaca_ulysses_num_tensors(step); ++t) {
    for (int32_t side : {ITHACA_ULYSSES_PACK, ITHACA_ULYSSES_UNPACK}) {
      uint64_t bytes = 0;
      ASSERT_EQ(
          ithaca_ulysses_tensor(e, step, side, t, nullptr, &bytes, nullptr), 0);
      sizes[side - 1].push_back(bytes);
    }
  }
  uint64_t total = 0;
  for (int32_t peer = 0; peer < ranks; ++peer) {
    uint64_t s = 0, r = 0;
    ASSERT_EQ(ithaca_ulysses_message_bytes(e, step, peer, &s, &r, nullptr), 0);
    sizes[2].push_back(s);
    sizes[3].push_back(r);
    total += s + r;
  }
  ASSERT_EQ(total, send + recv);
  for (uint64_t bytes : sizes[0]) total += bytes;
  for (uint64_t bytes : sizes[1]) total += bytes;
  if (total > kSmall) return;
  std::vector<GuardedBuffer> buffers[4];
  for (int i = 0; i < 4; ++i) buffers[i] = Buffers(sizes[i]);
  std::vector<ithaca_ulysses_span> out[4];
  std::vector<ithaca_ulysses_const_span> in[4];
  for (int i = 0; i < 4; ++i) {
    for (GuardedBuffer& b : buffers[i]) {
      out[i].push_back(b.span());
      in[i].push_back(b.const_span());
    }
  }
  const auto tensors = static_cast<int32_t>(in[0].size());
  ASSERT_EQ(ithaca_ulysses_pack(e, step, in[0].data(), tensors, out[2].data(),
                                ranks, nullptr),
            0);
  ASSERT_EQ(ithaca_ulysses_unpack(e, step, in[3].data(), ranks, out[1].data(),
                                  tensors, nullptr),
            0);
  for (const auto& group : buffers) {
    for (const GuardedBuffer& b : group) ASSERT_TRUE(b.GuardsIntact());
  }
}

TEST(PlanFuzzTest, HostilePlansAreRefusedOrSafe) {
  int taken = 0, refused = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(round);
    std::mt19937 rng(round);
    RandomPlanLimits limits;
    limits.max_head_size = 4;
    limits.max_tokens = 12;
    limits.quantised = round % 3 == 0;
    FlatPlan plan = RandomPlan(&rng, limits);
    const int32_t my_rank = static_cast<int32_t>(rng() % plan.num_ranks());
    for (unsigned n = rng() % 3; n > 0; --n) ChangeArrays(&rng, &plan);
    ithaca_ulysses_plan view = plan.View(my_rank);
    for (unsigned n = rng() % 3; n > 0; --n) ChangeField(&rng, &view);
    KeepReach(plan, &view);
    ithaca_ulysses_exchange* raw = nullptr;
    ithaca_ulysses_error error;
    const int32_t code = ithaca_ulysses_create(&view, &raw, &error);
    const ExchangePtr exchange(raw);
    ASSERT_EQ(code == 0, raw != nullptr);
    ASSERT_EQ(code, error.code);
    ASSERT_EQ(code == 0, error.message[0] == '\0');
    ASSERT_NE(memchr(error.message, 0, sizeof(error.message)), nullptr);
    if (code != 0) {
      ++refused;
      continue;
    }
    ++taken;
    for (int32_t step = 1; step <= 4; ++step)
      UseExchange(raw, view.num_ranks, step);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(taken, kRounds / 10);
  EXPECT_GT(refused, kRounds / 10);
}

TEST(PlanFuzzTest, RandomBytesAsAStructAreRefused) {
  // Pointers included: checks on scalars come first, and no random struct
  // passes them.
  std::vector<uint64_t> bytes(4096 / 8 + 1);
  for (int round = 0; round < kRounds; ++round) {
    std::mt19937_64 rng(round);
    for (uint64_t& b : bytes) b = rng();
    auto* plan = reinterpret_cast<ithaca_ulysses_plan*>(bytes.data());
    if (round % 2) plan->struct_size = sizeof(*plan);
    ASSERT_NE(ithaca_ulysses_plan_validate(plan, nullptr), 0) << round;
  }
}

}  // namespace
}  // namespace ithaca::ulysses
