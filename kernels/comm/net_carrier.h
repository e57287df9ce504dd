// Messages in host memory through an NCCL net plugin.
#ifndef ITHACA_KERNELS_COMM_NET_CARRIER_H_
#define ITHACA_KERNELS_COMM_NET_CARRIER_H_

#include <memory>

#include "kernels/comm/carrier.h"

namespace ithaca::ulysses {

// Meets the other ranks and connects to them. REQUIRES: options is whole (its
// struct_size was checked), its meeting is not NULL.
int32_t MakeNetCarrier(const ithaca_ulysses_net_options& options,
                       std::unique_ptr<Carrier>* carrier,
                       ithaca_ulysses_error* error);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_COMM_NET_CARRIER_H_
