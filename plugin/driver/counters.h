// What one communicator has moved, and what it cost.
//
// Written by the progress thread alone, read by anyone at any time.
#ifndef ITHACA_PLUGIN_DRIVER_COUNTERS_H_
#define ITHACA_PLUGIN_DRIVER_COUNTERS_H_

#include <atomic>
#include <cstdint>

namespace ithaca::driver {

// A snapshot. "Sent" and "received" mean completed, to and from other ranks.
struct Counters {
  uint64_t payload_bytes_sent = 0;      // the users' bytes
  uint64_t wire_bytes_sent = 0;         // given to isend: LL doubles them
  uint64_t messages_sent = 0;           // isend calls that got a request
  uint64_t payload_bytes_received = 0;  //
  uint64_t messages_received = 0;       //
  uint64_t refused_sends = 0;           // isend calls that got no request
  uint64_t refused_recvs = 0;           // irecv calls that got no request
  uint64_t local_bytes = 0;             // copied from a rank to itself
  int64_t copy_cpu_ns = 0;  // CPU time of copies that a GPU would have done
                            // (large ones extrapolated from some of them)
};

// Single writer; no read-modify-write instruction on the data path.
class Counter {
 public:
  void Add(uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n,
                 std::memory_order_relaxed);
  }
  uint64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct LiveCounters {
  Counter payload_bytes_sent, wire_bytes_sent, messages_sent;
  Counter payload_bytes_received, messages_received;
  Counter refused_sends, refused_recvs, local_bytes, copy_cpu_ns;
  // The writer's alone: what a timed copy says of those that are not.
  uint32_t copies = 0;
  double copy_ns_per_byte = 0;

  Counters Snapshot() const {
    Counters c;
    c.payload_bytes_sent = payload_bytes_sent.Get();
    c.wire_bytes_sent = wire_bytes_sent.Get();
    c.messages_sent = messages_sent.Get();
    c.payload_bytes_received = payload_bytes_received.Get();
    c.messages_received = messages_received.Get();
    c.refused_sends = refused_sends.Get();
    c.refused_recvs = refused_recvs.Get();
    c.local_bytes = local_bytes.Get();
    c.copy_cpu_ns = static_cast<int64_t>(copy_cpu_ns.Get());
    return c;
  }
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_COUNTERS_H_
