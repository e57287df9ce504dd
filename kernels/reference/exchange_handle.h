// What is behind the C API's ithaca_ulysses_exchange.
//
// Used by c_api.cc and by the CUDA calls. Immutable.
#ifndef ITHACA_KERNELS_REFERENCE_EXCHANGE_HANDLE_H_
#define ITHACA_KERNELS_REFERENCE_EXCHANGE_HANDLE_H_

#include <utility>

#include "kernels/reference/exchange.h"

struct ithaca_ulysses_exchange {
  explicit ithaca_ulysses_exchange(ithaca::ulysses::Geometry geometry)
      : impl(std::move(geometry)) {}
  const ithaca::ulysses::Exchange impl;
};

#endif  // ITHACA_KERNELS_REFERENCE_EXCHANGE_HANDLE_H_
