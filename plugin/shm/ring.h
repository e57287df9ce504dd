// Records in a ring of shared memory, from one writer to one reader.
//
// A record is a head and some payload, in whole lines of 64 bytes: what is
// small costs one line beside the counters, what is not begins a line of its
// own, so that whole lines are copied. Layout of a record:
//
//   offset  size  field
//        0     2  RecordKind
//        2     2  0
//        4     4  bytes of payload that follow
//        8    32  the frame (frame.h), when one begins
//       40     -  payload of at most 24 bytes; more of it begins at 64
//
// Either end keeps its own counter to itself and checks the other's, so a peer
// that scribbles is noticed, never followed. Lock-free; each class is confined
// to its end. Invariants: 1. the writer never writes between `read` and
// `written`; 2. `written` is stored after the record, `read` after the reader
// has finished with it; 3. who sets `wake_at` looks again before it waits,
// and both orders are sequentially consistent, so no wake-up is lost.
#ifndef ITHACA_PLUGIN_SHM_RING_H_
#define ITHACA_PLUGIN_SHM_RING_H_

#include <cstddef>
#include <cstdint>

#include "plugin/core/status.h"
#include "plugin/shm/segment.h"
#include "plugin/transport/frame.h"

namespace ithaca {

enum class RecordKind : uint16_t {
  kFrame = 1,  // a frame begins, with the first bytes of its payload
  kMore = 2,   // the next bytes of its payload
  kAbort = 3,  // the rest of its payload will not come
};

struct Record {
  RecordKind kind;
  uint16_t zero;
  uint32_t bytes;
  uint8_t frame[kFrameBytes];
};
inline constexpr size_t kRecordHeadBytes = 40;
static_assert(sizeof(Record) == kRecordHeadBytes);
// Payload that fits beside the head.
inline constexpr uint32_t kInlineBytes = kShmLine - kRecordHeadBytes;

class RingWriter {
 public:
  explicit RingWriter(const Channel& channel) : channel_(channel) {}

  // How many bytes of payload the next record may have, at most `wanted`; less
  // when the ring ends there, or when `wanted` is more than a quarter of it.
  // -1: no room now.
  int64_t Room(uint32_t wanted);
  // Writes and publishes a record. REQUIRES: Room() just said that `payload`
  // (record.bytes of it, none when null) fits.
  void Write(const Record& record, const void* payload);

  // Asks to be woken when half of the ring is free, then looks once more: as
  // Room(). REQUIRES: Room(wanted) was -1.
  int64_t WaitForRoom(uint32_t wanted);

  // DATA_LOSS once the reader's counter made no sense; Room is -1 from then on.
  const Status& error() const { return error_; }

 private:
  uint32_t Free(bool look);

  const Channel channel_;
  uint64_t written_ = 0;
  uint64_t read_ = 0;  // what the reader said last
  Status error_;
};

class RingReader {
 public:
  explicit RingReader(const Channel& channel) : channel_(channel) {}

  // Copies the next record's head out and says where its payload stands; false
  // when there is none. DATA_LOSS when what stands there makes no sense.
  StatusOr<bool> Next(Record* record, const uint8_t** payload);
  // Done with that record.
  void Pop();
  // Tells the writer what it may overwrite. True when it waited for as much:
  // ring its bell.
  bool Publish();

 private:
  const Channel channel_;
  uint64_t read_ = 0;
  uint64_t published_ = 0;
  uint64_t written_ = 0;     // what the writer said last
  uint32_t next_bytes_ = 0;  // of the record that Next() gave, in whole lines
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SHM_RING_H_
