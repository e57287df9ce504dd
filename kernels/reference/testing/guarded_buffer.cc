#include "kernels/reference/testing/guarded_buffer.h"

#include <algorithm>

namespace ithaca::ulysses {
namespace {

constexpr uint64_t kGuardBytes = 256;
constexpr char kGuard = static_cast<char>(0xC3);
constexpr char kPoison = static_cast<char>(0xFF);

bool IsGuard(char c) { return c == kGuard; }

}  // namespace

GuardedBuffer::GuardedBuffer(uint64_t bytes)
    : bytes_(bytes), memory_(bytes + 2 * kGuardBytes + 64, kGuard) {
  const auto start = reinterpret_cast<uintptr_t>(memory_.data()) + kGuardBytes;
  offset_ = kGuardBytes + (64 - start % 64) % 64;
  Poison();
}

void GuardedBuffer::Poison() { std::fill_n(data(), bytes_, kPoison); }

bool GuardedBuffer::GuardsIntact() const {
  return std::all_of(memory_.begin(), memory_.begin() + offset_, IsGuard) &&
         std::all_of(memory_.begin() + offset_ + bytes_, memory_.end(),
                     IsGuard);
}

}  // namespace ithaca::ulysses
