#include "kernels/cuda/run_on_cpu.h"

#include <functional>
#include <map>

#include "kernels/cuda/copy_body.h"
#include "kernels/cuda/fp8_body.h"
#include "kernels/cuda/sum_body.h"

namespace ithaca::ulysses {
namespace {

// One block of threads.
using Block = std::function<void(const KernelArguments&, uint64_t block)>;

template <typename Unit, bool kPack>
void CopyAll(const KernelArguments& a, uint64_t block) {
  if (block >= a.table.num_blocks) return;
  for (uint32_t thread = 0; thread < kThreads; ++thread)
    CopyThread<Unit, kPack>(a.table, a.tensors, a.buffer, block, thread);
}

// As the kernels: dk's blocks, then dv's.
template <typename T, typename Unit>
void SumAll(const KernelArguments& a, uint64_t block) {
  if (block >= 2 * a.table.sum_blocks) return;
  const bool is_v = block >= a.table.sum_blocks;
  for (uint32_t thread = 0; thread < kThreads; ++thread) {
    SumThread<T, Unit>(a.table, a.tensors, a.buffer, is_v,
                       is_v ? block - a.table.sum_blocks : block, thread);
  }
}

// One lane for each group: what the lanes of a GPU share is then one lane's.
template <typename T, uint32_t kWide>
void QuantiseAll(const KernelArguments& a, uint64_t block) {
  if (block >= a.table.num_blocks) return;
  for (uint32_t group = 0; group < kThreads / kLanes; ++group)
    QuantiseThread<T, 1, kWide>(a.table, a.tensors, a.buffer, block, group, 0);
}

template <typename T, uint32_t kWide>
void DequantiseAll(const KernelArguments& a, uint64_t block) {
  if (block >= a.table.num_blocks) return;
  for (uint32_t group = 0; group < kThreads / kLanes; ++group) {
    DequantiseThread<T, 1, kWide>(a.table, a.tensors, a.buffer, block, group,
                                  0);
  }
}

template <typename T, uint32_t kWide>
void DequantiseSumAll(const KernelArguments& a, uint64_t block) {
  if (block >= 2 * a.table.sum_blocks) return;
  const bool is_v = block >= a.table.sum_blocks;
  for (uint32_t group = 0; group < kThreads / kLanes; ++group) {
    DequantiseSumThread<T, 1, kWide>(a.table, a.tensors, a.buffer, is_v,
                                     is_v ? block - a.table.sum_blocks : block,
                                     group, 0);
  }
}

using Kernels = std::map<std::string, Block>;

template <typename T>
void AddTyped(const std::string& dtype, Kernels* kernels) {
  const auto add = [&](const std::string& family, const char* width,
                       Block block) {
    (*kernels)["ithaca_" + family + "_" + dtype + "_" + width] =
        std::move(block);
  };
  add("sum", "16", SumAll<T, Unit16>);
  add("sum", "1", SumAll<T, typename T::Storage>);
  add("quantise", "4", QuantiseAll<T, 4>);
  add("quantise", "1", QuantiseAll<T, 1>);
  add("dequantise", "4", DequantiseAll<T, 4>);
  add("dequantise", "1", DequantiseAll<T, 1>);
  add("dequantise_sum", "4", DequantiseSumAll<T, 4>);
  add("dequantise_sum", "1", DequantiseSumAll<T, 1>);
}

Kernels AllKernels() {
  Kernels kernels = {
      {"ithaca_pack_16", CopyAll<Unit16, true>},
      {"ithaca_pack_8", CopyAll<uint64_t, true>},
      {"ithaca_pack_4", CopyAll<uint32_t, true>},
      {"ithaca_pack_2", CopyAll<uint16_t, true>},
      {"ithaca_unpack_16", CopyAll<Unit16, false>},
      {"ithaca_unpack_8", CopyAll<uint64_t, false>},
      {"ithaca_unpack_4", CopyAll<uint32_t, false>},
      {"ithaca_unpack_2", CopyAll<uint16_t, false>},
  };
  AddTyped<F32>("f32", &kernels);
  AddTyped<Bf16>("bf16", &kernels);
  AddTyped<F16>("f16", &kernels);
  return kernels;
}

}  // namespace

bool RunOnCpu(const std::string& kernel, uint64_t blocks,
              const KernelArguments& arguments) {
  static const Kernels* const kernels = new Kernels(AllKernels());
  const auto found = kernels->find(kernel);
  if (found == kernels->end()) return false;
  for (uint64_t block = 0; block < blocks; ++block)
    found->second(arguments, block);
  return true;
}

}  // namespace ithaca::ulysses
