// Every instruction set of this machine against the definition, over random and
// over special values.
#include "kernels/reference/head_sum.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/reference/cpu_level.h"
#include "kernels/reference/float_convert.h"

namespace ithaca::ulysses {
namespace {

using Function = void (*)(const SumArgs&);

std::vector<Function> Functions() {
  std::vector<Function> all = {SumRows, SumRowsSse2};
  if (DetectCpu() >= CpuLevel::kAvx2) all.push_back(SumRowsAvx2);
  if (DetectCpu() >= CpuLevel::kAvx512) all.push_back(SumRowsAvx512);
  return all;
}

// Random messages of `count` ranks and where the rows lie in them.
struct Case {
  Case(int32_t type, int32_t count, unsigned seed) : dtype(type), rng(seed) {
    element = ElementBytes(dtype);
    args.dtype = dtype;
    args.part = static_cast<int>(rng() % 2);
    args.first_row = rng() % 4;
    args.run.rows = 1 + rng() % 5;
    args.run.row_bytes = element * (1 + rng() % 700);
    args.run.row_stride = args.run.row_bytes + element * (rng() % 9);
    args.run.tensor_offset = element * (rng() % 9);
    tensor_bytes =
        args.run.tensor_offset + args.run.rows * args.run.row_stride + 64;
    for (int32_t c = 0; c < count; ++c) {
      Contribution from;
      from.rank =
          count - 1 - c;  // the order of contributions is not that of memory
      from.row_bytes = args.run.row_bytes + element * (rng() % 9);
      from.part_offset[args.part] = element * (rng() % 9);
      contributions.push_back(from);
      const uint64_t rows = args.first_row + args.run.rows;
      messages.emplace_back(from.part_offset[args.part] +
                            rows * from.row_bytes);
      for (char& byte : messages.back()) byte = static_cast<char>(rng());
    }
    std::reverse(messages.begin(), messages.end());
    for (const auto& m : messages) spans.push_back({m.data(), m.size()});
    args.contributions = contributions.data();
    args.count = count;
    args.messages = spans.data();
  }

  std::vector<char> Run(Function function) {
    std::vector<char> tensor(tensor_bytes, '\x5A');
    args.tensor = tensor.data();
    function(args);
    return tensor;
  }

  int32_t dtype;
  std::mt19937 rng;
  uint64_t element, tensor_bytes;
  std::vector<Contribution> contributions;
  std::vector<std::vector<char>> messages;
  std::vector<ithaca_ulysses_const_span> spans;
  SumArgs args;
};

template <typename T>
std::vector<char> Definition(const Case& c) {
  using Storage = typename T::Storage;
  std::vector<char> tensor(c.tensor_bytes, '\x5A');
  for (int64_t s = 0; s < c.args.run.rows; ++s) {
    for (uint64_t b = 0; b < c.args.run.row_bytes; b += sizeof(Storage)) {
      float sum = 0.0f;
      for (int32_t i = 0; i < c.args.count; ++i) {
        const Contribution& from = c.contributions[i];
        Storage raw;
        memcpy(
            &raw,
            &c.messages[from.rank][from.part_offset[c.args.part] +
                                   (c.args.first_row + s) * from.row_bytes + b],
            sizeof(raw));
        sum = i == 0 ? T::Load(raw) : sum + T::Load(raw);
      }
      const Storage out = T::Store(sum);
      memcpy(&tensor[c.args.run.tensor_offset + s * c.args.run.row_stride + b],
             &out, sizeof(out));
    }
  }
  return tensor;
}

// NaNs may differ in sign and payload, which depend on the order of an
// addition's operands.
template <typename T>
void ExpectSame(const Case& c, const std::vector<char>& got,
                const std::vector<char>& expected) {
  using Storage = typename T::Storage;
  ASSERT_EQ(got.size(), expected.size());
  if (got == expected) return;
  const uint64_t begin = c.args.run.tensor_offset;
  for (uint64_t i = begin % sizeof(Storage); i + sizeof(Storage) <= got.size();
       i += sizeof(Storage)) {
    Storage a, b;
    memcpy(&a, &got[i], sizeof(a));
    memcpy(&b, &expected[i], sizeof(b));
    if (memcmp(&a, &b, sizeof(a)) == 0) continue;
    ASSERT_TRUE(std::isnan(T::Load(a)) && std::isnan(T::Load(b)))
        << "byte " << i;
  }
}

TEST(HeadSumTest, EveryInstructionSetAddsAsDefined) {
  for (unsigned seed = 0; seed < 120; ++seed) {
    for (int32_t dtype :
         {ITHACA_ULYSSES_F32, ITHACA_ULYSSES_BF16, ITHACA_ULYSSES_F16}) {
      SCOPED_TRACE(seed);
      Case c(dtype, 2 + static_cast<int32_t>(seed % 4), seed);
      WithDtype(dtype, [&](auto type) {
        using T = decltype(type);
        const std::vector<char> expected = Definition<T>(c);
        for (Function f : Functions()) ExpectSame<T>(c, c.Run(f), expected);
      });
      if (HasFatalFailure()) return;
    }
  }
}

TEST(HeadSumTest, MinusZerosStayMinusZero) {
  const uint16_t minus_zero = 0x8000;
  uint16_t messages[3] = {minus_zero, minus_zero, minus_zero}, out = 0x1234;
  Contribution contributions[3];
  ithaca_ulysses_const_span spans[3];
  for (int i = 0; i < 3; ++i) {
    contributions[i].rank = i;
    contributions[i].row_bytes = 2;
    spans[i] = {&messages[i], 2};
  }
  SumArgs args;
  args.dtype = ITHACA_ULYSSES_BF16;
  args.contributions = contributions;
  args.messages = spans;
  args.run.rows = 1;
  args.run.row_bytes = args.run.row_stride = 2;
  args.tensor = &out;
  for (int32_t count : {2, 3}) {
    args.count = count;
    SumRows(args);
    EXPECT_EQ(out, minus_zero);
  }
}

}  // namespace
}  // namespace ithaca::ulysses
