// Speed of the CPU attention on one core, as GFLOP/s of the 4 * S^2 / 2 * d * H
// operations that a causal pass needs.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "kernels/reference/attention.h"

namespace ithaca::ulysses {
namespace {

void Causal(benchmark::State& state) {
  AttentionSpec spec;
  spec.tokens = spec.valid_tokens = state.range(0);
  spec.num_q_heads = static_cast<int32_t>(state.range(1));
  spec.num_kv_heads = static_cast<int32_t>(state.range(2));
  spec.head_size = state.range(3);
  spec.UseAllHeads();
  const int64_t row = spec.tokens * spec.head_size;
  std::vector<uint16_t> q(row * spec.num_q_heads, 0x3C12), o(q.size());
  std::vector<uint16_t> k(row * spec.num_kv_heads, 0xBC21), v(k.size(), 0x3D01);
  ithaca_ulysses_error error;
  for (auto _ : state) {
    if (AttentionForward(spec, q.data(), k.data(), v.data(), o.data(),
                         &error)) {
      state.SkipWithError(error.message);
    }
  }
  const double flops =
      2.0 * spec.tokens * spec.tokens * spec.head_size * spec.num_q_heads;
  state.counters["GFLOP/s"] = benchmark::Counter(
      flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}
// Llama-3.1-8B's and Qwen2.5-7B's heads, and a small head size.
BENCHMARK(Causal)
    ->Args({4096, 32, 8, 128})
    ->Args({4096, 28, 4, 128})
    ->Args({1024, 8, 8, 64})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ithaca::ulysses

BENCHMARK_MAIN();
