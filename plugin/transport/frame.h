// The frames that two ends of a connection exchange over its lanes.
//
// A connection carries messages one way, from a sender to a receiver; frames go
// both ways. The receiver decides everything: a sender announces a message, the
// receiver grants fragments of it and says on which lane each travels, and
// acknowledges the whole message. A small message travels with its announcement
// (eager). Frames may overtake each other, on one lane and between lanes, and
// may arrive twice after a lane was lost: every frame says what it is about.
//
// Layout: 32 bytes, little-endian, then payload_bytes of payload.
//
//   offset  size  field
//                               eager  announce  grant       data        ack
//        0     2  magic         0x7449 in every frame ("It")
//        2     1  type          1      2         3           4           5
//        3     1  lane          0      0         the lane    0           count
//        4     4  payload_bytes size   0         0           length      0
//        8     4  seq           message number, see below                1st
//       12     4  tag           tag    tag       0           retransmits 2nd
//       16     8  offset        order  order     first byte  first byte  3rd
//       24     8  size          size   size      length      sent at     4th-6th
//
// Message numbers. A sender has kMessageWindow slots; message number `seq` is
// in slot seq % kMessageWindow, and the next one in that slot has the number
// seq + kMessageWindow (it wraps). A slot is used again once its message is
// acknowledged: so a receiver tells a late copy from a new message, and however
// long a message waits for its receive, those of other tags pass it by.
// Order counts the messages of a connection as they were sent, from 0: equal
// tags match in this order.
// Retransmits counts the packets that the lane has sent again since it opened
// (Lane::retransmits): the receiver grants less where they are lost.
// Sent at is the sender's clock, ns: whose it is does not matter (rails/path.h).
// An ack carries the numbers of at most kAcksPerFrame complete messages, the
// count in place of the lane. It may come late for those that were eager.
//
// Either end also speaks of the lanes themselves, without payload:
//
//   type 6  ping: to be acknowledged by the peer's network; means nothing
//   type 7  lane lost: `lane`, as dialled for the `seq`th time, is given up
//   type 8  bye: the connection is closed; the last frame on each lane
//
// Version rule: the handshake (handshake.h) carries kWireVersion; any change of
// this table raises it, and ends of different versions refuse each other.
#ifndef ITHACA_PLUGIN_TRANSPORT_FRAME_H_
#define ITHACA_PLUGIN_TRANSPORT_FRAME_H_

#include <cstddef>
#include <cstdint>

#include "plugin/core/status.h"

namespace ithaca {

inline constexpr uint16_t kWireVersion = 4;
inline constexpr uint16_t kFrameMagic = 0x7449;
inline constexpr size_t kFrameBytes = 32;

// How many messages of one connection may be unacknowledged at a time: NCCL
// keeps 32 in flight for each of the 8 ranks that may share a connection, and
// as many more may have been taken whose acknowledgement is late. Divides 2^32,
// so that slots go on when message numbers wrap.
inline constexpr uint32_t kMessageWindow = 512;
inline constexpr int kAcksPerFrame = 6;

// Bounds on what a peer may ask a lane to read in one go.
inline constexpr size_t kMaxEagerBytes = 64 << 10;
inline constexpr size_t kMaxFragmentBytes = 16 << 20;

// At most this many lanes per connection.
inline constexpr int kMaxLanes = 8;

enum class FrameType : uint8_t {
  kEager = 1,
  kAnnounce = 2,
  kGrant = 3,
  kData = 4,
  kAck = 5,
  kPing = 6,
  kLaneLost = 7,
  kBye = 8,
};

struct Frame {
  FrameType type = FrameType::kAck;
  uint8_t lane = 0;
  uint32_t payload_bytes = 0;
  uint32_t seq = 0;
  int32_t tag = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
};

// An ack of the `count` messages at `seqs`, 0 <= count <= kAcksPerFrame.
Frame MakeAck(const uint32_t* seqs, int count);
// The message numbers in an ack that DecodeFrame took; returns how many.
int ReadAck(const Frame& ack, uint32_t seqs[kAcksPerFrame]);

void EncodeFrame(const Frame& frame, uint8_t out[kFrameBytes]);

// Reads a frame written by a peer that may be hostile. DATA_LOSS when the magic
// or the type is wrong, the payload is out of bounds for the type, or a range
// overflows; what the message's state allows is for the connection to judge.
Status DecodeFrame(const uint8_t in[kFrameBytes], Frame* frame);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_FRAME_H_
