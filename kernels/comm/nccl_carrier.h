// Messages in device memory through an ncclComm_t.
#ifndef ITHACA_KERNELS_COMM_NCCL_CARRIER_H_
#define ITHACA_KERNELS_COMM_NCCL_CARRIER_H_

#include <memory>

#include "kernels/comm/carrier.h"

namespace ithaca::ulysses {

// REQUIRES: nccl_comm is an ncclComm_t; mode is an ithaca_ulysses_nccl_mode.
int32_t MakeNcclCarrier(void* nccl_comm, int32_t mode,
                        std::unique_ptr<Carrier>* carrier,
                        ithaca_ulysses_error* error);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_COMM_NCCL_CARRIER_H_
