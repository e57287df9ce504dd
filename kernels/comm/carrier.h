// What carries messages between the ranks of a group.
//
// Used by comm_api.cc; net_carrier.h and nccl_carrier.h are the two there are.
// Confined to one thread at a time, except where said. Errors go to *error with
// a status of the C API.
#ifndef ITHACA_KERNELS_COMM_CARRIER_H_
#define ITHACA_KERNELS_COMM_CARRIER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/api/ithaca_ulysses_comm.h"

namespace ithaca::ulysses {

// Bytes that go to, and come from, each rank: one behind the other from the two
// bases on. Both have an entry for every rank.
struct Messages {
  char* send = nullptr;
  char* recv = nullptr;
  std::vector<uint64_t> send_bytes;
  std::vector<uint64_t> recv_bytes;
};

// Messages under way.
class Flight {
 public:
  virtual ~Flight() = default;
  // Until the received bytes may be used: by the caller, or, for a carrier that
  // works on a stream, by what the caller enqueues.
  virtual int32_t Land(ithaca_ulysses_error* error) = 0;
};

class Carrier {
 public:
  virtual ~Carrier() = default;
  virtual int32_t rank() const = 0;
  virtual int32_t num_ranks() const = 0;
  // Whether it works on device memory and a stream.
  virtual bool on_device() const = 0;

  // Sends and receives all messages.
  virtual int32_t Send(const Messages& messages, void* stream,
                       std::unique_ptr<Flight>* flight,
                       ithaca_ulysses_error* error) = 0;

  // Every rank's `mine`, by rank; `mine` has the same length, at most 64, on
  // all. `scratch` is what the carrier works on, where it needs any.
  virtual int32_t Gather(const std::string& mine, ithaca_ulysses_span scratch,
                         void* stream, std::vector<std::string>* all,
                         ithaca_ulysses_error* error) = 0;

  virtual int32_t Register(ithaca_ulysses_span memory,
                           ithaca_ulysses_error* error) = 0;
};

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_COMM_CARRIER_H_
