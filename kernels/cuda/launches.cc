#include "kernels/cuda/launches.h"

#include <algorithm>

#include "kernels/api/ithaca_ulysses.h"
#include "kernels/reference/float_convert.h"

namespace ithaca::ulysses {
namespace {

// The largest power of two up to 16 that divides both.
uint32_t CommonUnit(uint64_t a, uint64_t b) {
  uint32_t unit = 16;
  while (a % unit != 0 || b % unit != 0) unit /= 2;
  return unit;
}

const char* DtypeName(int32_t dtype) {
  switch (dtype) {
    case ITHACA_ULYSSES_F32:
      return "f32";
    case ITHACA_ULYSSES_BF16:
      return "bf16";
    default:
      return "f16";
  }
}

}  // namespace

std::vector<Launch> LaunchesOf(const StepTable& table, uint64_t alignment) {
  const auto dtype = static_cast<int32_t>(table.dtype);
  const uint64_t element = ElementBytes(dtype);
  // Everything begins and ends at whole heads.
  const uint32_t unit = CommonUnit(table.head_size * element, alignment);
  const uint32_t four =
      table.head_size % 4 == 0 && alignment % (4 * element) == 0 ? 4 : 1;
  std::vector<Launch> launches;
  if (table.num_blocks > 0) {
    Launch launch;
    launch.dtype = dtype;
    launch.blocks = table.num_blocks;
    if (table.quantised) {
      launch.family = table.pack ? Family::kQuantise : Family::kDequantise;
      launch.width = four;
    } else {
      launch.family = table.pack ? Family::kPack : Family::kUnpack;
      launch.width = unit;
    }
    launches.push_back(launch);
  }
  if (table.sum_blocks > 0) {
    Launch launch;
    launch.dtype = dtype;
    launch.blocks = 2 * table.sum_blocks;  // dk and dv
    launch.family = table.quantised ? Family::kDequantiseSum : Family::kSum;
    launch.width = table.quantised ? four : unit == 16 ? 16 : 1;
    launches.push_back(launch);
  }
  return launches;
}

std::string KernelName(const Launch& launch) {
  static constexpr const char* kNames[kNumFamilies] = {
      "pack", "unpack", "sum", "quantise", "dequantise", "dequantise_sum"};
  std::string name =
      std::string("ithaca_") + kNames[static_cast<int>(launch.family)];
  if (launch.family != Family::kPack && launch.family != Family::kUnpack)
    name += std::string("_") + DtypeName(launch.dtype);
  return name + "_" + std::to_string(launch.width);
}

}  // namespace ithaca::ulysses
