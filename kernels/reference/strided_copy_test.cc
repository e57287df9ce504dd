// Both ways of storing, rows of all lengths and alignments, with canaries
// around and between the rows.
#include "kernels/reference/strided_copy.h"

#include <cstring>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace ithaca::ulysses {
namespace {

// Byte by byte, as the header defines it.
void Expected(const RowRun& run, bool to_wire, const std::vector<char>& from,
              std::vector<char>* to) {
  for (int64_t i = 0; i < run.rows; ++i) {
    for (uint64_t b = 0; b < run.row_bytes; ++b) {
      const uint64_t tensor = run.tensor_offset + i * run.row_stride + b;
      const uint64_t wire = run.wire_offset + i * run.wire_stride + b;
      (*to)[to_wire ? wire : tensor] = from[to_wire ? tensor : wire];
    }
  }
}

RowRun RandomRun(std::mt19937* rng) {
  auto draw = [&](uint64_t high) { return (*rng)() % (high + 1); };
  RowRun run;
  run.rows = static_cast<int64_t>(draw(12));
  run.row_bytes = draw(3) == 0   ? draw(70)
                  : draw(1) == 0 ? draw(2500)
                                 : 64 * draw(40);
  run.row_stride = run.row_bytes + (draw(3) == 0 ? 0 : draw(300));
  run.wire_stride = run.row_bytes + (draw(3) == 0 ? 0 : draw(300));
  run.tensor_offset = draw(130);
  run.wire_offset = draw(130);
  return run;
}

std::vector<char> RandomBytes(std::mt19937* rng, size_t n) {
  std::vector<char> bytes(n);
  for (char& b : bytes) b = static_cast<char>((*rng)());
  return bytes;
}

TEST(StridedCopyTest, MovesTheRowsAndNothingElse) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    std::mt19937 rng(seed);
    const RowRun run = RandomRun(&rng);
    std::vector<char> tensor =
        RandomBytes(&rng, 256 + run.rows * run.row_stride);
    std::vector<char> wire =
        RandomBytes(&rng, 256 + run.rows * run.wire_stride);
    std::vector<char> expected = wire;
    Expected(run, true, tensor, &expected);
    CopyToWire(run, tensor.data(), wire.data());
    ASSERT_EQ(wire, expected) << seed;
    for (StoreMode mode : {StoreMode::kCached, StoreMode::kStreaming}) {
      wire = RandomBytes(&rng, wire.size());
      expected = tensor;
      Expected(run, false, wire, &expected);
      CopyFromWire(run, wire.data(), tensor.data(), mode);
      FinishStores(mode);
      ASSERT_EQ(tensor, expected) << seed;
    }
  }
}

TEST(StridedCopyTest, EmptyRunsTouchNoPointer) {
  RowRun run;
  run.tensor_offset = run.wire_offset = 64;
  run.rows = 5;
  CopyToWire(run, nullptr, nullptr);
  CopyFromWire(run, nullptr, nullptr, StoreMode::kStreaming);
  run.rows = 0;
  run.row_bytes = 5;
  CopyToWire(run, nullptr, nullptr);
  CopyFromWire(run, nullptr, nullptr, StoreMode::kCached);
}

}  // namespace
}  // namespace ithaca::ulysses
