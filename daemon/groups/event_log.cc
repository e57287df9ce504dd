#include "daemon/groups/event_log.h"

#include <algorithm>

#include "daemon/groups/convert.h"
#include "ithaca/groups/v1/groups.pb.h"

namespace ithaca::groups {
namespace {

// Chunks double from the one to the other, so that a small group's log is
// small.
constexpr size_t kFirstChunkBytes = 1024;
constexpr size_t kMaxChunkBytes = 64 * 1024;

}  // namespace

bool EventLog::IsLoud(EventType type) {
  return type == EventType::kLost || type == EventType::kLeft ||
         type == EventType::kDeleted;
}

EventLog::Chunk* EventLog::ChunkFor(size_t size) {
  if (!chunks_.empty()) {
    Chunk& last = chunks_.back();
    if (last.memory.size() - last.used >= size) return &last;
  }
  const size_t wanted =
      chunks_.empty()
          ? kFirstChunkBytes
          : std::min(chunks_.back().memory.size() * 2, kMaxChunkBytes);
  chunks_.push_back({grpc::Slice(std::max(wanted, size)), 0});
  bytes_ += chunks_.back().memory.size();
  return &chunks_.back();
}

void EventLog::Append(const Event& event) {
  v1::WatchGroupResponse message;
  *message.add_events() = ToMessage(event);
  const size_t size = message.ByteSizeLong();
  Chunk* chunk = ChunkFor(size);
  // Nobody reads behind `used`.
  auto* memory = const_cast<uint8_t*>(chunk->memory.begin());
  message.SerializeToArray(memory + chunk->used, static_cast<int>(size));
  latest_ = std::max(latest_, event.sequence);
  entries_.push_back({latest_, first_chunk_ + chunks_.size() - 1,
                      static_cast<uint32_t>(chunk->used),
                      static_cast<uint32_t>(size), event.sequence == 0,
                      IsLoud(event.type)});
  chunk->used += size;
}

void EventLog::Trim(size_t max_bytes, Position keep) {
  while (begin_ < keep && bytes_ > max_bytes) {
    // A whole chunk's events at once: only then memory comes back.
    while (begin_ < keep && entries_.front().chunk == first_chunk_) {
      forgotten_ = entries_.front().sequence;
      entries_.pop_front();
      ++begin_;
    }
    if (!entries_.empty() && entries_.front().chunk == first_chunk_) return;
    bytes_ -= chunks_.front().memory.size();
    chunks_.pop_front();
    ++first_chunk_;
  }
}

bool EventLog::Wants(const Reader& reader, const Entry& entry) {
  if (reader.quiet && !entry.loud) return false;
  return entry.advisory || entry.sequence > reader.sequence;
}

EventLog::Position EventLog::After(uint64_t sequence) const {
  const auto next = std::partition_point(
      entries_.begin(), entries_.end(), [sequence](const Entry& entry) {
        return entry.advisory ? entry.sequence < sequence
                              : entry.sequence <= sequence;
      });
  return begin_ + static_cast<Position>(next - entries_.begin());
}

bool EventLog::Take(Reader* reader, size_t max_bytes,
                    std::vector<grpc::Slice>* slices) const {
  Position& at = reader->position;
  while (at < end() && !Wants(*reader, At(at))) {
    reader->sequence = std::max(reader->sequence, At(at).sequence);
    ++at;
  }
  const Position start = at;
  size_t taken = 0;
  while (at < end() && taken < max_bytes && Wants(*reader, At(at))) {
    const Entry& first = At(at);
    size_t size = 0;
    // Neighbours in one chunk are one slice.
    for (; at < end() && taken + size < max_bytes; ++at) {
      const Entry& entry = At(at);
      if (entry.chunk != first.chunk || !Wants(*reader, entry)) break;
      size += entry.size;
      reader->sequence = std::max(reader->sequence, entry.sequence);
    }
    const Chunk& chunk = chunks_[first.chunk - first_chunk_];
    slices->push_back(chunk.memory.sub(first.offset, first.offset + size));
    taken += size;
  }
  return at > start;
}

}  // namespace ithaca::groups
