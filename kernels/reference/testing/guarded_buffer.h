// Memory between two canaries, poisoned before use.
//
// Used by the tests of kernels/. Confined to a thread. The bytes are aligned
// to 64.
#ifndef ITHACA_KERNELS_REFERENCE_TESTING_GUARDED_BUFFER_H_
#define ITHACA_KERNELS_REFERENCE_TESTING_GUARDED_BUFFER_H_

#include <cstdint>
#include <vector>

#include "kernels/api/ithaca_ulysses.h"

namespace ithaca::ulysses {

class GuardedBuffer {
 public:
  // `bytes` bytes of poison, a NaN in every dtype.
  explicit GuardedBuffer(uint64_t bytes = 0);

  char* data() { return memory_.data() + offset_; }
  const char* data() const { return memory_.data() + offset_; }
  uint64_t bytes() const { return bytes_; }
  ithaca_ulysses_span span() { return {data(), bytes_}; }
  ithaca_ulysses_const_span const_span() const { return {data(), bytes_}; }
  std::vector<char> Copy() const { return {data(), data() + bytes_}; }

  void Poison();
  // Whether no byte around the buffer has changed.
  bool GuardsIntact() const;

 private:
  uint64_t bytes_;
  uint64_t offset_;
  std::vector<char> memory_;
};

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_TESTING_GUARDED_BUFFER_H_
