// A zeroed array of floats aligned to 64 bytes. Used by the attention. A value
// that moves; confined to a thread.
#ifndef ITHACA_KERNELS_REFERENCE_ALIGNED_FLOATS_H_
#define ITHACA_KERNELS_REFERENCE_ALIGNED_FLOATS_H_

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

namespace ithaca::ulysses {

class AlignedFloats {
 public:
  // Throws std::bad_alloc.
  explicit AlignedFloats(size_t count) {
    const size_t bytes = (count * sizeof(float) + 63) / 64 * 64;
    data_.reset(static_cast<float*>(
        std::aligned_alloc(64, std::max<size_t>(bytes, 64))));
    if (data_ == nullptr) throw std::bad_alloc();
    std::fill_n(data_.get(), bytes / sizeof(float), 0.0f);
  }

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  float& operator[](size_t i) { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> data_;
};

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_ALIGNED_FLOATS_H_
