// The send and receive memory of one rank, filled and checked per iteration.
//
// One block per peer in each direction, back to back, and a guard behind the
// last: a byte that lands outside its block shows in the neighbour or the
// guard. Thread-confined. Life cycle: one per case.
#ifndef ITHACA_PLUGIN_PERF_BUFFERS_H_
#define ITHACA_PLUGIN_PERF_BUFFERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "plugin/core/status.h"

namespace ithaca::perf {

class Buffers {
 public:
  // `send_bytes[p]` go to rank p, `recv_bytes[p]` come from it.
  // Error: kResourceExhausted.
  static StatusOr<Buffers> Make(int rank, std::vector<size_t> send_bytes,
                                std::vector<size_t> recv_bytes);

  // Writes what is sent in `iteration`, and the opposite of what must come.
  void Prepare(uint64_t iteration);
  // Error: kDataLoss naming the first wrong byte. Bytes compared are added to
  // `*checked`.
  Status Check(uint64_t iteration, uint64_t* checked) const;

  char* send(int peer) const { return send_.get() + send_offsets_[peer]; }
  char* recv(int peer) const { return recv_.get() + recv_offsets_[peer]; }
  size_t send_bytes(int peer) const { return send_bytes_[peer]; }
  size_t recv_bytes(int peer) const { return recv_bytes_[peer]; }
  // Everything, for registration; at least one byte.
  char* send_base() const { return send_.get(); }
  char* recv_base() const { return recv_.get(); }
  size_t send_total() const { return send_total_; }
  size_t recv_total() const { return recv_total_; }

 private:
  struct Free {
    void operator()(char* data) const;
  };
  using Memory = std::unique_ptr<char, Free>;

  static Memory Allocate(size_t bytes);

  int rank_ = 0;
  std::vector<size_t> send_bytes_, recv_bytes_;
  std::vector<size_t> send_offsets_, recv_offsets_;
  size_t send_total_ = 0, recv_total_ = 0;
  Memory send_, recv_;
};

}  // namespace ithaca::perf

#endif  // ITHACA_PLUGIN_PERF_BUFFERS_H_
