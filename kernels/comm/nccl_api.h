// NCCL's calls that the exchange needs, found in the process's own libnccl.
//
// Used by nccl_carrier.cc. Opened once and never closed. Thread-safe. The types
// are NCCL's, as its header documents them (2.19 to 2.28): opaque pointers and
// enums that are ints.
#ifndef ITHACA_KERNELS_COMM_NCCL_API_H_
#define ITHACA_KERNELS_COMM_NCCL_API_H_

#include <cstddef>
#include <cstdint>

#include "kernels/api/ithaca_ulysses.h"

namespace ithaca::ulysses {

struct NcclApi {
  static constexpr int kSuccess = 0;
  static constexpr int kInProgress = 7;
  static constexpr int kUint8 = 1;  // ncclUint8

  // CARRIER_FAILED when there is no libnccl.so.2, or it is too old.
  static int32_t Get(const NcclApi** api, ithaca_ulysses_error* error);

  // Fills *error with NCCL's words. Returns ITHACA_ULYSSES_CARRIER_FAILED.
  int32_t FailWith(const char* what, int result, void* comm,
                   ithaca_ulysses_error* error) const;

  int (*count)(void* comm, int* count) = nullptr;
  int (*user_rank)(void* comm, int* rank) = nullptr;
  int (*async_error)(void* comm, int* error) = nullptr;
  int (*group_start)() = nullptr;
  int (*group_end)() = nullptr;
  int (*send)(const void* data, size_t count, int type, int peer, void* comm,
              void* stream) = nullptr;
  int (*recv)(void* data, size_t count, int type, int peer, void* comm,
              void* stream) = nullptr;
  int (*all_gather)(const void* send, void* recv, size_t count, int type,
                    void* comm, void* stream) = nullptr;
  const char* (*error_string)(int result) = nullptr;
  // Since 2.28, 2.27, and 2.13; nullptr before.
  int (*all_to_all)(const void* send, void* recv, size_t count, int type,
                    void* comm, void* stream) = nullptr;
  int (*register_window)(void* comm, void* data, size_t bytes, void** window,
                         int flags) = nullptr;
  const char* (*last_error)(void* comm) = nullptr;
};

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_COMM_NCCL_API_H_
