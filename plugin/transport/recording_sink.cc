#include "plugin/transport/recording_sink.h"

namespace ithaca {
namespace {

constexpr uint8_t kPoison = 0xDB;

}  // namespace

Status RecordingSink::OnFrameHead(Lane* lane, const Frame& frame,
                                  void** target) {
  ++heads;
  if (on_head) ITHACA_RETURN_IF_ERROR(on_head(lane, frame));
  *target = nullptr;
  if (drop) return Status();
  std::vector<uint8_t>& buffer = open_[{frame.seq, frame.offset}];
  buffer.assign(frame.payload_bytes, kPoison);
  *target = buffer.data();
  return Status();
}

Status RecordingSink::OnFrame(Lane* lane, const Frame& frame) {
  Arrival arrival{frame, {}};
  const auto it = open_.find({frame.seq, frame.offset});
  if (it != open_.end() && frame.payload_bytes > 0) {
    arrival.payload = std::move(it->second);
    open_.erase(it);
  }
  arrivals.push_back(std::move(arrival));
  return on_frame ? on_frame(lane, frame) : Status();
}

void RecordingSink::OnLaneDown(Lane*, const Status& why) {
  downs.push_back(why);
}

uint8_t PatternByte(uint32_t seq, uint64_t i) {
  const uint64_t x = (seq + 1) * 0x9E3779B97F4A7C15u + i * 0xBF58476D1CE4E5B9u;
  return static_cast<uint8_t>((x ^ (x >> 29)) >> 17);
}

std::vector<uint8_t> Pattern(uint32_t seq, uint64_t offset, size_t bytes) {
  std::vector<uint8_t> out(bytes);
  for (size_t i = 0; i < bytes; ++i) out[i] = PatternByte(seq, offset + i);
  return out;
}

Frame DataFrame(uint32_t seq, uint64_t offset, uint32_t bytes) {
  Frame frame;
  frame.type = FrameType::kData;
  frame.seq = seq;
  frame.offset = offset;
  frame.payload_bytes = bytes;
  frame.size = bytes;
  return frame;
}

Frame EagerFrame(uint32_t seq, uint32_t bytes) {
  Frame frame;
  frame.type = FrameType::kEager;
  frame.seq = seq;
  frame.tag = 7;
  frame.payload_bytes = bytes;
  frame.size = bytes;
  return frame;
}

Frame AckFrame(uint32_t seq) {
  Frame frame;
  frame.type = FrameType::kAck;
  frame.seq = seq;
  return frame;
}

}  // namespace ithaca
