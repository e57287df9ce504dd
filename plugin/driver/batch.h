// The step logic of NCCL's proxy: what one poll of one batch does.
//
// A batch is what NCCL calls proxy args: up to kPeersPerBatch transfers of one
// direction on one channel that proceed together. Each transfer (Sub) runs
// through its messages with up to PipelineDepth of them in flight:
//
//   send:    posted (the "GPU" filled the slot) > transmitted (isend took it)
//            > done (test said so)
//   receive: posted (irecv took it) > received (test said so)
//            > done (the "GPU" emptied the slot)
//
// Several streams of one connection are subs of their own; those that receive
// post together, under one request, as NCCL's with a shared connection.
// The copies that a GPU kernel would do are done here and timed apart.
// Confined to the progress thread.
#ifndef ITHACA_PLUGIN_DRIVER_BATCH_H_
#define ITHACA_PLUGIN_DRIVER_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/driver/core.h"

namespace ithaca::driver {

// One transfer's share on one connection, before it runs. Kept by an operation
// that repeats it.
struct Part {
  Connection* connection = nullptr;
  int stream = 0;        // of the connection
  char* user = nullptr;  // the user's bytes, `bytes` of them
  size_t bytes = 0;
  size_t chunk_bytes = 0;  // payload of one message
  Protocol protocol = Protocol::kSimple;
  bool in_place = false;  // the user's memory itself is registered as `mr`
  void* mr = nullptr;
};

struct Sub {
  explicit Sub(const Part& part)
      : part(part), steps(StepsFor(part.bytes, part.chunk_bytes)) {}

  const Part part;
  const uint64_t steps;
  // Receives: how many subs, this one first, share requests; 0 when a sub
  // before this one does. The first has the most messages.
  size_t group = 1;
  uint64_t base = 0;  // of this transfer's first message on its connection
  // Relative to base; see the head of this file.
  uint64_t posted = 0;
  uint64_t transmitted = 0;
  uint64_t received = 0;
  uint64_t done = 0;

  size_t OffsetOf(uint64_t step) const { return step * part.chunk_bytes; }
  size_t BytesOf(uint64_t step) const;
  Stream& stream() const { return part.connection->streams[part.stream]; }
  // Where the request of message `step` is kept.
  void** RequestOf(uint64_t step) const {
    return &stream().requests[(base + step) % kSteps];
  }
};

class Batch {
 public:
  Batch(bool sends, int channel, const std::vector<Part>& parts);

  // One poll. `*idle` becomes false when anything moved. An error ends the
  // communicator.
  Status Progress(Core* core, bool* idle);

  bool finished() const { return finished_ == subs_.size(); }
  int peers() const;
  bool sends() const { return sends_; }
  // "3 of 8 messages to rank 2, channel 1", for each unfinished transfer.
  std::string Describe() const;

 private:
  void Start(const Core& core);
  Status ProgressSend(Core* core, size_t index, bool* idle);
  Status Transmit(Core* core, size_t index, bool* moved);
  Status ProgressRecvs(Core* core, bool* idle);
  // Of the group whose first sub is `first`.
  Status PostRecv(Core* core, size_t first, bool* idle);
  Status TestRecv(Core* core, size_t first, bool* idle);
  struct Buffers;
  bool CollectBuffers(const Core& core, size_t first, Buffers* buffers) const;
  Status CheckSizes(const Core& core, size_t first, const int* sizes) const;
  int TagOf(const Core& core, const Sub& sub) const;
  void Consume(Core* core, size_t index, bool* idle);
  void FillSlot(Core* core, size_t index);
  // Where message `step` of a transfer lies for the plugin.
  char* Slot(const Core& core, size_t index, uint64_t step) const;
  void* Mr(const Sub& sub) const;

  const bool sends_;
  const int channel_;
  std::vector<Sub> subs_;
  uint64_t depth_ = 0;  // 0 until started
  size_t finished_ = 0;
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_BATCH_H_
