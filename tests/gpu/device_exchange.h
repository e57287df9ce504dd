// One rank's exchange on the GPU, for the programs of this folder.
//
// Confined to a thread. Failures end the program.
#ifndef ITHACA_TESTS_GPU_DEVICE_EXCHANGE_H_
#define ITHACA_TESTS_GPU_DEVICE_EXCHANGE_H_

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "kernels/api/ithaca_ulysses_cuda.h"
#include "tests/gpu/device.h"

namespace ithaca::gpu {

inline void Require(int32_t code, const ithaca_ulysses_error& error) {
  if (code == ITHACA_ULYSSES_OK) return;
  std::fprintf(stderr, "%s: %s\n", ithaca_ulysses_status_name(code),
               error.message);
  std::exit(1);
}

// Device memory with its length.
class Memory {
 public:
  Memory(Device* device, uint64_t bytes)
      : device_(device), data_(device->Allocate(bytes)), bytes_(bytes) {}
  ~Memory() {
    if (data_ != nullptr) device_->Free(data_);
  }
  Memory(Memory&& other) noexcept
      : device_(other.device_), data_(other.data_), bytes_(other.bytes_) {
    other.data_ = nullptr;
  }
  Memory& operator=(Memory&&) = delete;

  char* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }
  ithaca_ulysses_span span() const { return {data_, bytes_}; }
  ithaca_ulysses_const_span const_span() const { return {data_, bytes_}; }
  void Set(const std::vector<char>& bytes) {
    device_->ToDevice(data_, bytes.data(), bytes.size());
  }
  std::vector<char> Get() const {
    std::vector<char> bytes(bytes_);
    device_->ToHost(bytes.data(), data_, bytes_);
    return bytes;
  }

 private:
  Device* const device_;
  char* data_;
  const uint64_t bytes_;
};

class DeviceExchange {
 public:
  // `exchange` must outlive it.
  DeviceExchange(Device* device, const ithaca_ulysses_exchange* exchange)
      : device_(device), exchange_(exchange) {
    Require(ithaca_ulysses_cuda_create(exchange, &cuda_, &error_), error_);
    uint64_t bytes = 0;
    Require(ithaca_ulysses_cuda_table_bytes(cuda_, &bytes, &error_), error_);
    table_.emplace_back(device, bytes);
    Require(
        ithaca_ulysses_cuda_upload(cuda_, table_[0].span(), nullptr, &error_),
        error_);
  }
  ~DeviceExchange() { ithaca_ulysses_cuda_destroy(cuda_); }
  DeviceExchange(const DeviceExchange&) = delete;
  DeviceExchange& operator=(const DeviceExchange&) = delete;

  std::vector<Memory> Tensors(int32_t step, int32_t side) {
    std::vector<Memory> tensors;
    for (int32_t t = 0; t < ithaca_ulysses_num_tensors(step); ++t) {
      uint64_t bytes = 0;
      Require(ithaca_ulysses_tensor(exchange_, step, side, t, nullptr, &bytes,
                                    &error_),
              error_);
      tensors.emplace_back(device_, bytes);
    }
    return tensors;
  }
  Memory Buffer(int32_t step, int32_t side) {
    uint64_t send = 0, recv = 0;
    Require(ithaca_ulysses_buffer_bytes(exchange_, step, &send, &recv, &error_),
            error_);
    return Memory(device_, side == ITHACA_ULYSSES_PACK ? send : recv);
  }
  void Pack(int32_t step, const std::vector<Memory>& tensors,
            const Memory& buffer) {
    std::vector<ithaca_ulysses_const_span> spans;
    for (const Memory& t : tensors) spans.push_back(t.const_span());
    Require(ithaca_ulysses_cuda_pack(cuda_, step, spans.data(),
                                     static_cast<int32_t>(spans.size()),
                                     buffer.span(), nullptr, &error_),
            error_);
  }
  void Unpack(int32_t step, const Memory& buffer,
              const std::vector<Memory>& tensors) {
    std::vector<ithaca_ulysses_span> spans;
    for (const Memory& t : tensors) spans.push_back(t.span());
    Require(ithaca_ulysses_cuda_unpack(
                cuda_, step, buffer.const_span(), spans.data(),
                static_cast<int32_t>(spans.size()), nullptr, &error_),
            error_);
  }

 private:
  Device* const device_;
  const ithaca_ulysses_exchange* const exchange_;
  ithaca_ulysses_cuda* cuda_ = nullptr;
  std::vector<Memory> table_;
  ithaca_ulysses_error error_ = {};
};

}  // namespace ithaca::gpu

#endif  // ITHACA_TESTS_GPU_DEVICE_EXCHANGE_H_
