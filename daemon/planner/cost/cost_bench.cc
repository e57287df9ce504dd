// What costing one strategy takes: bytes, operations, memory and time. A search
// over some thousands of strategies must stay far below 50 ms.
//
// hb NAME run -c opt //daemon/planner/cost:cost_bench
#include "benchmark/benchmark.h"
#include "daemon/planner/cost/flops.h"
#include "daemon/planner/cost/max_sequence.h"
#include "daemon/planner/cost/models_for_test.h"
#include "daemon/planner/cost/time.h"

namespace ithaca::planner {
namespace {

struct Case {
  ModelDims model = Mixtral8x7B();
  Work work;
  Strategy strategy;
  Hardware hardware;
  Placement where;
  HeadFigures heads;
  AttentionFigures attention;

  Case() {
    work.sequence = 1 << 20;
    work.micro_batches = 8;
    strategy.ulysses = 8;
    strategy.ring = 4;
    strategy.tensor = 2;
    strategy.pipeline = 4;
    strategy.data_parallel = 64;
    strategy.expert_parallel = 8;
    strategy.zero_stage = 1;
    strategy.recompute = Recompute::kFull;
    hardware.peak_flops = 989e12;
    hardware.memory_bytes = uint64_t{80} << 30;
    hardware.host_memory_bytes = uint64_t{2} << 40;
    hardware.memory_bytes_per_second = 3.35e12;
    hardware.host_link_bytes_per_second = 55e9;
    hardware.accelerators_per_node = 8;
    for (auto& link : hardware.links) link = LinkRate{50e9, 1e-5, {}};
    where.Of(Group::kTensor) = {{1, 0, 0, 0}};
    where.Of(Group::kUlysses) = {{3, 0, 4, 0}};
    where.Of(Group::kRing) = {{0, 0, 3, 0}};
    where.Of(Group::kData) = {{3, 0, 28, 2016}};
    where.Of(Group::kExpert) = {{3, 0, 4, 0}};
    where.Of(Group::kPipeline) = {{0, 0, 0, 3}};
    heads = FiguresOfHeads(model, strategy.tensor, strategy.ulysses);
    attention = FiguresOfAttention(work, strategy.ring, strategy.token_order);
  }
};

void Traffic(benchmark::State& state) {
  Case c;
  for (auto _ : state) {
    benchmark::DoNotOptimize(CostTraffic(c.model, c.work, c.strategy, c.heads));
  }
}
BENCHMARK(Traffic);

void Flops(benchmark::State& state) {
  Case c;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        CostFlops(c.model, c.work, c.strategy, c.heads, c.attention));
  }
}
BENCHMARK(Flops);

void Memory(benchmark::State& state) {
  Case c;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        CostMemory(c.model, c.work, c.strategy, c.heads, c.hardware));
  }
}
BENCHMARK(Memory);

void WholeStrategy(benchmark::State& state) {
  Case c;
  for (auto _ : state) {
    const TrafficCost traffic =
        CostTraffic(c.model, c.work, c.strategy, c.heads);
    const FlopCost flops =
        CostFlops(c.model, c.work, c.strategy, c.heads, c.attention);
    benchmark::DoNotOptimize(
        CostMemory(c.model, c.work, c.strategy, c.heads, c.hardware));
    benchmark::DoNotOptimize(CostTime(c.model, c.work, c.strategy, c.heads,
                                      flops, traffic, c.where, c.hardware));
  }
}
BENCHMARK(WholeStrategy);

void LongestSequenceOfOne(benchmark::State& state) {
  Case c;
  for (auto _ : state) {
    benchmark::DoNotOptimize(LongestSequence(c.model, c.work, c.strategy,
                                             c.heads, c.hardware, {}, 64));
  }
}
BENCHMARK(LongestSequenceOfOne);

// Once per pair of degrees; the second where no closed form holds.
void HeadsEven(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(FiguresOfHeads(Llama8B(), 1, 16));
  }
}
BENCHMARK(HeadsEven);

void HeadsUneven(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(FiguresOfHeads(Llama70B(), 1, 21));
  }
}
BENCHMARK(HeadsUneven);

}  // namespace
}  // namespace ithaca::planner

BENCHMARK_MAIN();
