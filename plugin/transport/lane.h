// What a connection needs of a network: lanes, and who drives them.
//
// A lane is one connection between two rails, whatever carries it (plain
// sockets, UCX). It moves frames with their payload both ways, reliably while
// it is up, in any order, and never blocks.
//
// Threads: a lane, its sink and its backend belong to one engine and are only
// touched with that engine's lock held; callbacks run inside Progress() or
// Send() and may call Send() and Forget() on any lane of the same connection,
// but must not destroy a lane.
#ifndef ITHACA_PLUGIN_TRANSPORT_LANE_H_
#define ITHACA_PLUGIN_TRANSPORT_LANE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "plugin/core/status.h"
#include "plugin/rails/lane_health.h"
#include "plugin/transport/frame.h"

namespace ithaca {

class Lane;

// A connection, as its lanes see it.
class LaneSink {
 public:
  virtual ~LaneSink() = default;

  // The head of a frame with payload arrived. Sets *target to where its
  // payload_bytes go, or to null to have them dropped. An error takes the lane
  // down. Not called for frames without payload.
  virtual Status OnFrameHead(Lane* lane, const Frame& frame, void** target) = 0;

  // The whole frame arrived and its payload stands at the target, or was
  // dropped because there was none. Not called for a frame whose target was
  // forgotten half-way (Forget). An error takes the lane down.
  virtual Status OnFrame(Lane* lane, const Frame& frame) = 0;

  // The lane is down and will call no more; Send() on it does nothing. Called
  // once, and not from the lane's destructor.
  virtual void OnLaneDown(Lane* lane, const Status& why) = 0;
};

// Counters of one lane since it opened, frames included.
struct LaneCounters {
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
};

class Lane {
 public:
  // Closes at once, without waiting for the peer; frames queued before are
  // handed to the network if it takes them without blocking, but a frame that
  // was forgotten half-way is not finished. Afterwards no memory of any payload
  // is read or written, and no callback is made.
  virtual ~Lane() = default;

  // Queues a frame; never blocks. The payload (frame.payload_bytes long) is
  // read until the peer acknowledges the message, or Forget(frame.seq).
  virtual void Send(const Frame& frame, const void* payload) = 0;

  // After this the lane neither reads nor writes user memory of message `seq`:
  // frames not yet begun are dropped, the rest of a frame half sent is filled
  // with zeros, and the rest of one half received is dropped.
  virtual void Forget(uint32_t seq) = 0;

  // Bytes queued here that the network has not taken yet.
  virtual uint64_t queued_bytes() const = 0;

  virtual LaneCounters counters() const = 0;

  // What the network says of the lane's path. False when it cannot tell.
  virtual bool Sample(rails::PathSample*) const { return false; }

  // The path is dead: from here on as if the lane had gone down, but without a
  // word to the sink; what was queued need not leave any more.
  virtual void Abandon() {}

  // Packets sent again since the lane opened, because the network lost them or
  // seemed to; wraps. 0 where that is not known.
  virtual uint32_t retransmits() { return 0; }

  // "eth0 10.0.0.1:4000 -> 10.0.0.2:5000", for logs.
  virtual std::string Describe() const = 0;
};

// Makes lanes from an address that the peer sent in the handshake; one per
// engine. Plain sockets need none (the handshake's own socket becomes the
// lane).
class LaneBackend {
 public:
  virtual ~LaneBackend() = default;

  // "ucx".
  virtual const char* name() const = 0;

  // Polls once: moves what can be moved and calls the sinks. Returns how many
  // events it handled, 0 when idle.
  virtual int Progress() = 0;

  // This end's address on local rail `rail` (an index into the engine's rails),
  // to send to the peer; at most kMaxAddressBytes.
  virtual StatusOr<std::string> Address(int rail) = 0;

  // An id that the peer must put on frames for the lane to come, so that many
  // lanes share one rail's endpoint. Never 0, never used again.
  virtual uint64_t ReserveLaneId() = 0;

  // Opens the lane `local_id` (from ReserveLaneId) on `rail` towards the peer
  // that sent `peer_address` and `peer_id`. `sink` outlives the lane.
  virtual StatusOr<std::unique_ptr<Lane>> Open(int rail, uint64_t local_id,
                                               std::string_view peer_address,
                                               uint64_t peer_id,
                                               LaneSink* sink) = 0;
};

inline constexpr size_t kMaxAddressBytes = 2048;

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_LANE_H_
