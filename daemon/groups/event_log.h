// The latest events of one group, each encoded once, as all its streams send
// them.
//
// The bytes of an event are a whole message of either stream response with one
// event in it; messages put one after another are one message with all their
// events (protobuf's rule for repeated fields). What is taken shares the log's
// memory, which lives until the last of those who took it lets go.
//
// Used by Fanout. Threads: confined to the caller's; slices that were taken may
// be read and dropped on any, also while the log grows.
#ifndef ITHACA_DAEMON_GROUPS_EVENT_LOG_H_
#define ITHACA_DAEMON_GROUPS_EVENT_LOG_H_

#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "daemon/groups/types.h"

namespace ithaca::groups {

class EventLog {
 public:
  // Counts the events that were ever appended; names the next one.
  using Position = uint64_t;

  // Who reads: what it knows, and where it is.
  struct Reader {
    Position position = 0;
    // It knows the events up to this number, whatever its position.
    uint64_t sequence = 0;
    // Wants only what changes the epoch or ends the group.
    bool quiet = false;
  };

  // Whether a quiet reader wants events of this type.
  static bool IsLoud(EventType type);

  void Append(const Event& event);
  // Forgets the oldest events until the rest fits, at least all before `keep`.
  void Trim(size_t max_bytes, Position keep);

  // Moves the reader on over what it does not want, and appends to `slices` the
  // bytes of the events that come next, about `max_bytes` at most. False: there
  // are none. REQUIRES: reader->position >= begin().
  bool Take(Reader* reader, size_t max_bytes,
            std::vector<grpc::Slice>* slices) const;

  // The first of the events that somebody who knows those up to `sequence` has
  // not seen; advisory ones that followed that number are among them.
  Position After(uint64_t sequence) const;
  // Number of the latest event that was forgotten; 0: none was.
  uint64_t forgotten() const { return forgotten_; }

  Position begin() const { return begin_; }
  Position end() const { return begin_ + entries_.size(); }
  // Of the memory held.
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    // Of an advisory event: of the last one with a number.
    uint64_t sequence = 0;
    uint64_t chunk = 0;
    uint32_t offset = 0;
    uint32_t size = 0;
    bool advisory = false;
    bool loud = false;
  };
  struct Chunk {
    grpc::Slice memory;
    size_t used = 0;
  };

  const Entry& At(Position position) const {
    return entries_[position - begin_];
  }
  static bool Wants(const Reader& reader, const Entry& entry);
  Chunk* ChunkFor(size_t size);

  std::deque<Entry> entries_;
  Position begin_ = 0;
  uint64_t forgotten_ = 0;
  uint64_t latest_ = 0;
  std::deque<Chunk> chunks_;
  // Number of chunks_.front().
  uint64_t first_chunk_ = 0;
  size_t bytes_ = 0;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_EVENT_LOG_H_
