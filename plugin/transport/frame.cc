#include "plugin/transport/frame.h"

#include <cstring>

namespace ithaca {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "the wire is little-endian; add byte swaps for this machine");

struct WireFrame {
  uint16_t magic;
  uint8_t type;
  uint8_t lane;
  uint32_t payload_bytes;
  uint32_t seq;
  int32_t tag;
  uint64_t offset;
  uint64_t size;
};
static_assert(sizeof(WireFrame) == kFrameBytes);
static_assert(offsetof(WireFrame, payload_bytes) == 4);
static_assert(offsetof(WireFrame, tag) == 12);
static_assert(offsetof(WireFrame, size) == 24);

// The largest message: NCCL's own limit for maxP2pBytes is 1 TiB.
constexpr uint64_t kMaxMessageBytes = uint64_t{1} << 40;

Status Malformed(const char* what, const Frame& f) {
  return Errorf(
      Code::kDataLoss,
      "malformed frame from the peer: %s (type %d, message %u, offset "
      "%llu, size %llu, payload %u)",
      what, static_cast<int>(f.type), f.seq,
      static_cast<unsigned long long>(f.offset),
      static_cast<unsigned long long>(f.size), f.payload_bytes);
}

}  // namespace

Frame MakeAck(const uint32_t* seqs, int count) {
  uint32_t all[kAcksPerFrame] = {};
  memcpy(all, seqs, count * sizeof(*seqs));
  Frame ack;
  ack.type = FrameType::kAck;
  ack.lane = count;
  ack.seq = all[0];
  ack.tag = all[1];
  ack.offset = all[2] | uint64_t{all[3]} << 32;
  ack.size = all[4] | uint64_t{all[5]} << 32;
  return ack;
}

int ReadAck(const Frame& ack, uint32_t seqs[kAcksPerFrame]) {
  seqs[0] = ack.seq;
  seqs[1] = ack.tag;
  seqs[2] = ack.offset;
  seqs[3] = ack.offset >> 32;
  seqs[4] = ack.size;
  seqs[5] = ack.size >> 32;
  return ack.lane;
}

void EncodeFrame(const Frame& frame, uint8_t out[kFrameBytes]) {
  const WireFrame wire = {kFrameMagic,  static_cast<uint8_t>(frame.type),
                          frame.lane,   frame.payload_bytes,
                          frame.seq,    frame.tag,
                          frame.offset, frame.size};
  memcpy(out, &wire, kFrameBytes);
}

Status DecodeFrame(const uint8_t in[kFrameBytes], Frame* frame) {
  WireFrame wire;
  memcpy(&wire, in, kFrameBytes);
  *frame = {static_cast<FrameType>(wire.type),
            wire.lane,
            wire.payload_bytes,
            wire.seq,
            wire.tag,
            wire.offset,
            wire.size};
  if (wire.magic != kFrameMagic) return Malformed("wrong magic", *frame);
  switch (frame->type) {
    case FrameType::kEager:
      if (wire.payload_bytes > kMaxEagerBytes ||
          wire.size != wire.payload_bytes)
        return Malformed("bad eager size", *frame);
      return Status();
    case FrameType::kAnnounce:
      if (wire.payload_bytes != 0 || wire.size > kMaxMessageBytes)
        return Malformed("bad announcement", *frame);
      return Status();
    case FrameType::kGrant:
      if (wire.payload_bytes != 0 || wire.size == 0 ||
          wire.size > kMaxFragmentBytes || wire.offset > kMaxMessageBytes ||
          wire.lane >= kMaxLanes)
        return Malformed("bad grant", *frame);
      return Status();
    case FrameType::kData:
      if (wire.payload_bytes == 0 || wire.payload_bytes > kMaxFragmentBytes ||
          wire.offset > kMaxMessageBytes)
        return Malformed("bad fragment", *frame);
      return Status();
    case FrameType::kAck:
      if (wire.payload_bytes != 0 || wire.lane > kAcksPerFrame)
        return Malformed("bad ack", *frame);
      return Status();
    case FrameType::kPing:
    case FrameType::kLaneLost:
    case FrameType::kBye:
      if (wire.payload_bytes != 0 || wire.lane >= kMaxLanes)
        return Malformed("bad control frame", *frame);
      return Status();
  }
  return Malformed("unknown type", *frame);
}

}  // namespace ithaca
