#include "plugin/shm/ring.h"

#include <algorithm>
#include <cstring>

namespace ithaca {
namespace {

// Into memory of our own, once: what is checked is what is used.
void CopyOut(void* to, const void* from, size_t bytes) {
  memcpy(to, from, bytes);
  asm volatile("" : : "r"(to) : "memory");
}

uint32_t PayloadAt(uint32_t payload) {
  return payload <= kInlineBytes ? kRecordHeadBytes : kShmLine;
}

// What a record of so much payload takes.
uint32_t InLines(uint32_t payload) {
  return (PayloadAt(payload) + payload + kShmLine - 1) / kShmLine * kShmLine;
}

// The most payload of a record in `bytes`: whole lines, one at least.
uint32_t MostIn(uint32_t bytes) {
  return bytes == kShmLine ? kInlineBytes : bytes - kShmLine;
}

}  // namespace

// --- RingWriter

uint32_t RingWriter::Free(bool look) {
  if (look) {
    const uint64_t read = channel_.head->read.load(std::memory_order_seq_cst);
    if (read < read_ || read > written_ || read % kShmLine != 0)
      error_ =
          Status(Code::kDataLoss, "the peer's count of bytes read is wrong");
    else
      read_ = read;
  }
  return channel_.ring_bytes - (written_ - read_);
}

int64_t RingWriter::Room(uint32_t wanted) {
  const uint32_t to_end =
      channel_.ring_bytes - (written_ & (channel_.ring_bytes - 1));
  const uint32_t fits = std::min(wanted, MostIn(to_end));
  const uint32_t least = InLines(std::min(fits, channel_.ring_bytes / 4));
  uint32_t free = Free(false);
  if (free < InLines(fits)) free = Free(true);
  if (!error_.ok() || free < least) return -1;
  return std::min(fits, MostIn(free));
}

void RingWriter::Write(const Record& record, const void* payload) {
  uint8_t* const to = channel_.ring + (written_ & (channel_.ring_bytes - 1));
  const uint32_t bytes = payload == nullptr ? 0 : record.bytes;
  memcpy(to, &record, kRecordHeadBytes);
  if (bytes > 0) memcpy(to + PayloadAt(bytes), payload, bytes);
  written_ += InLines(bytes);
  // Not waited for: who must know at once is rung.
  channel_.head->written.store(written_, std::memory_order_release);
}

int64_t RingWriter::WaitForRoom(uint32_t wanted) {
  // Half a ring at a time: the two ends had better not move in lockstep.
  channel_.head->wake_at.store(written_ - channel_.ring_bytes / 2,
                               std::memory_order_seq_cst);
  return Room(wanted);
}

// --- RingReader

StatusOr<bool> RingReader::Next(Record* record, const uint8_t** payload) {
  if (written_ == read_) {
    const uint64_t written =
        channel_.head->written.load(std::memory_order_seq_cst);
    if (written < read_ || written - read_ > channel_.ring_bytes ||
        written % kShmLine != 0)
      return Status(Code::kDataLoss,
                    "the peer's count of bytes written is wrong");
    written_ = written;
    if (written_ == read_) return false;
  }
  const uint32_t at = read_ & (channel_.ring_bytes - 1);
  const uint64_t there =
      std::min<uint64_t>(written_ - read_, channel_.ring_bytes - at);
  CopyOut(record, channel_.ring + at, kRecordHeadBytes);
  const uint32_t bytes = record->bytes;
  if (bytes > MostIn(there))
    return Errorf(Code::kDataLoss, "a record of %u bytes where %llu stand",
                  bytes, static_cast<unsigned long long>(there));
  *payload = channel_.ring + at + PayloadAt(bytes);
  next_bytes_ = InLines(bytes);
  return true;
}

void RingReader::Pop() { read_ += next_bytes_; }

bool RingReader::Publish() {
  if (read_ != published_)
    channel_.head->read.store(read_, std::memory_order_seq_cst);
  published_ = read_;
  const uint64_t wake_at =
      channel_.head->wake_at.load(std::memory_order_seq_cst);
  return wake_at != 0 && read_ >= wake_at &&
         channel_.head->wake_at.exchange(0, std::memory_order_seq_cst) != 0;
}

}  // namespace ithaca
