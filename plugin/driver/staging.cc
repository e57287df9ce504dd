#include "plugin/driver/staging.h"

#include <errno.h>
#include <sys/mman.h>

namespace ithaca::driver {

StatusOr<Staging> Staging::Map(size_t bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return ErrnoError(Code::kResourceExhausted, errno,
                      "no memory for %zu bytes of staging", bytes);
  }
  return Staging(static_cast<char*>(data), bytes);
}

Staging& Staging::operator=(Staging&& other) noexcept {
  Reset();
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

void Staging::Reset() {
  if (data_ != nullptr) munmap(data_, bytes_);
  data_ = nullptr;
  bytes_ = 0;
}

}  // namespace ithaca::driver
