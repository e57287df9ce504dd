// Pack and unpack on a GPU beside a device-to-device copy of the same bytes.
//
//   exchange_bench [--json]
//
// One line for each model, length, step and side; rates are bytes moved once,
// and `of_copy` is the copy's time over ours, measured in turn in one run.
#include <cstdio>
#include <cstring>
#include <string>

#include "kernels/reference/testing/local_group.h"
#include "kernels/reference/testing/random_plan.h"
#include "tests/gpu/device_exchange.h"

namespace ithaca::gpu {
namespace {

struct Model {
  const char* name;
  int32_t ranks, q_heads, kv_heads, head_size;
};
constexpr Model kModels[] = {
    {"llama-3.1-8b/8", 8, 32, 8, 128},
    {"qwen2.5-7b/8", 8, 28, 4, 128},
    {"mha-64/8", 8, 32, 32, 64},
};
constexpr const char* kSteps[] = {"", "seq_to_heads", "heads_to_seq",
                                  "seq_to_heads_backward",
                                  "heads_to_seq_backward"};
constexpr int kRounds = 20;

struct Row {
  std::string name;
  uint64_t bytes = 0;
  double ms = 0;
  double copy_ms = 0;
};

Row Measure(Device* device, DeviceExchange* exchange, int32_t step, bool pack) {
  const int32_t side = pack ? ITHACA_ULYSSES_PACK : ITHACA_ULYSSES_UNPACK;
  const std::vector<Memory> tensors = exchange->Tensors(step, side);
  const Memory buffer = exchange->Buffer(step, side);
  const Memory other(device, buffer.bytes());
  Row row;
  row.bytes = buffer.bytes();
  row.ms = device->TimeMs(kRounds, [&] {
    if (pack) {
      exchange->Pack(step, tensors, buffer);
    } else {
      exchange->Unpack(step, buffer, tensors);
    }
  });
  row.copy_ms = device->TimeMs(kRounds, [&] {
    device->CopyOnDevice(other.data(), buffer.data(), buffer.bytes());
  });
  return row;
}

void Print(const Row& row, bool json) {
  const double gbs = 1e-6 * static_cast<double>(row.bytes) / row.ms;
  const double copy = 1e-6 * static_cast<double>(row.bytes) / row.copy_ms;
  if (json) {
    std::printf(
        "{\"name\": \"%s\", \"bytes\": %llu, \"ms\": %.6f, \"gb_per_s\": %.1f, "
        "\"copy_gb_per_s\": %.1f, \"of_copy\": %.3f}\n",
        row.name.c_str(), static_cast<unsigned long long>(row.bytes), row.ms,
        gbs, copy, row.copy_ms / row.ms);
    return;
  }
  std::printf("%-52s %8.1f MiB %9.4f ms %8.1f GB/s %8.1f copy %6.3f\n",
              row.name.c_str(), static_cast<double>(row.bytes) / (1 << 20),
              row.ms, gbs, copy, row.copy_ms / row.ms);
}

void Run(Device* device, bool json) {
  for (const Model& m : kModels) {
    for (const int64_t tokens : {8192, 65536, 262144, 1048576}) {
      const ulysses::FlatPlan plan =
          ulysses::EvenPlan(m.ranks, tokens, m.q_heads, m.kv_heads, m.head_size,
                            ITHACA_ULYSSES_BF16);
      const ulysses::LocalGroup group(plan);
      DeviceExchange exchange(device, group.rank(1));
      for (int32_t step = 1; step <= 4; ++step) {
        for (const bool pack : {true, false}) {
          Row row = Measure(device, &exchange, step, pack);
          row.name = std::string(m.name) + "/" + std::to_string(tokens) + "/" +
                     kSteps[step] + (pack ? "/pack" : "/unpack");
          Print(row, json);
        }
      }
    }
  }
}

}  // namespace
}  // namespace ithaca::gpu

int main(int argc, char** argv) {
  std::string why;
  ithaca::gpu::Device* const device = ithaca::gpu::Device::Open(&why);
  if (device == nullptr) {
    std::printf("SKIPPED: %s\n", why.c_str());
    return 0;
  }
  const bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
  if (!json) std::printf("on %s\n", device->name().c_str());
  ithaca::gpu::Run(device, json);
}
