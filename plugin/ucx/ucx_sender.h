// The sending half of a lane: a queue of frames before a path.
//
// Frames are cut into chunks (ucx_wire.h), which the path takes whole or not at
// all, so that whatever waits is here and can be dropped at will.
// Owned by UcxLane; confined to the engine's lock.
#ifndef ITHACA_PLUGIN_UCX_UCX_SENDER_H_
#define ITHACA_PLUGIN_UCX_UCX_SENDER_H_

#include <algorithm>
#include <cstdint>
#include <string>

#include "plugin/core/status.h"
#include "plugin/transport/frame_queue.h"
#include "plugin/ucx/ucx_path.h"
#include "plugin/ucx/ucx_rail.h"
#include "plugin/ucx/ucx_wire.h"

namespace ithaca {

class UcxSender : public PathListener {
 public:
  // Towards lane `peer_lane` of the rail `peer`. `api` and `rail` outlive this.
  UcxSender(const UcxApi& api, UcxRail* rail, uint64_t peer_lane,
            const RailAddress& peer)
      : api_(api),
        rail_(rail),
        peer_lane_(peer_lane),
        address_(peer.ucx),
        chunk_bytes_(std::min(peer.chunk_bytes, rail->chunk_bytes())) {}
  // REQUIRES: Close().
  ~UcxSender() override = default;

  Status Connect();

  // Queues a frame and hands over what UCX takes at once. No call to any sink.
  void Send(const Frame& frame, const void* payload);

  // Hands over at most `max_chunks` more, as long as they are taken. True when
  // frames still wait.
  bool Pump(int max_chunks);

  // Afterwards no payload of message `seq` is read.
  void Forget(uint32_t seq);

  // What ended the path, or OK.
  const Status& error() const { return error_; }

  // Sends what UCX takes without waiting and, with `say_bye`, tells the peer.
  // Afterwards no payload is read. May be called again.
  void Close(bool say_bye);

  uint64_t queued_bytes() const { return queued_bytes_; }
  uint64_t bytes_sent() const { return bytes_sent_; }

  void OnPathError(ucs_status_t status) override;

 private:
  bool SendNext();
  bool Taken(ucs_status_t status);

  const UcxApi& api_;
  UcxRail* const rail_;
  const uint64_t peer_lane_;
  const std::string address_;
  const uint32_t chunk_bytes_;
  UcxPath* path_ = nullptr;  // the rail's; null when closed
  Status error_;
  FrameQueue queue_;
  uint32_t next_number_ = 0;
  uint64_t queued_bytes_ = 0;
  uint64_t bytes_sent_ = 0;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_SENDER_H_
