// Page-aligned memory that transfers go through, as NCCL's channel buffers.
//
// Mapped on its own so that a plugin which writes after its registration ended
// faults instead of corrupting something else. Movable; thread-confined.
#ifndef ITHACA_PLUGIN_DRIVER_STAGING_H_
#define ITHACA_PLUGIN_DRIVER_STAGING_H_

#include <cstddef>
#include <utility>

#include "plugin/core/status.h"

namespace ithaca::driver {

class Staging {
 public:
  Staging() = default;
  // Zeroed; pages appear when touched. Error: kResourceExhausted.
  static StatusOr<Staging> Map(size_t bytes);
  Staging(Staging&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  Staging& operator=(Staging&& other) noexcept;
  ~Staging() { Reset(); }

  char* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  void Reset();

 private:
  Staging(char* data, size_t bytes) : data_(data), bytes_(bytes) {}

  char* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_STAGING_H_
