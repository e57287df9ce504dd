// How long one plan takes. Build with -c opt.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "daemon/planner/planner.h"

namespace {

namespace v1 = ithaca::planner::v1;

// Llama-3.1-70B at 1M tokens on nodes of eight, everything left to the search.
v1::PlanRequest Request(uint32_t ranks, bool topology) {
  v1::PlanRequest request;
  v1::Model& model = *request.mutable_model();
  model.set_hidden_size(8192);
  model.set_query_heads(64);
  model.set_kv_heads(8);
  model.set_layers(80);
  model.set_intermediate_size(28672);
  model.set_vocabulary_size(128256);
  request.mutable_workload()->set_sequence_length(1 << 20);
  request.mutable_workload()->set_causal(true);
  request.mutable_constraints()->set_ranks(ranks);
  request.mutable_constraints()->set_search(v1::SEARCH_ALL);
  v1::Hardware& hardware = *request.mutable_hardware();
  hardware.set_peak_flops(989e12);
  hardware.set_memory_bytes(uint64_t{80} << 30);
  hardware.set_memory_bytes_per_second(3.35e12);
  hardware.set_host_memory_bytes(uint64_t{2} << 40);
  hardware.set_host_link_bytes_per_second(5e10);
  hardware.set_accelerators_per_node(8);
  hardware.set_accelerators_per_nvlink_domain(8);
  for (v1::LinkClass c : {v1::LINK_CLASS_NVLINK, v1::LINK_CLASS_NODE,
                          v1::LINK_CLASS_LEAF, v1::LINK_CLASS_UPLINK}) {
    v1::LinkRate& link = *hardware.add_links();
    link.set_link_class(c);
    link.set_bytes_per_second(c == v1::LINK_CLASS_NVLINK ? 4.5e11 : 5e10);
    link.set_latency_seconds(5e-6);
  }
  for (uint32_t i = 0; topology && i < ranks / 8; ++i) {
    auto& node = *request.mutable_topology()->add_nodes();
    node.set_name("node-" + std::to_string(i));
    node.set_slots(8);
  }
  return request;
}

void Plan(benchmark::State& state) {
  const v1::PlanRequest request =
      Request(static_cast<uint32_t>(state.range(0)), state.range(1) != 0);
  uint64_t considered = 0;
  for (auto _ : state) {
    const auto answer = ithaca::planner::MakePlan(request);
    if (!answer.ok() || answer->plans().empty()) {
      state.SkipWithError("no plan");
      return;
    }
    considered = answer->strategies_considered();
  }
  state.counters["strategies"] = static_cast<double>(considered);
}
BENCHMARK(Plan)
    ->ArgNames({"ranks", "topology"})
    ->Args({64, 0})
    ->Args({64, 1})
    ->Args({1024, 1})
    ->Args({16384, 0})
    ->Args({16384, 1})
    ->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
