// The sending half of a lane: a queue of frames before an endpoint.
//
// Frames are cut into chunks (ucx_wire.h); at most kWindow of them are in UCX's
// hands at a time, because UCX cannot give a message back, and the rest can be
// dropped here at will.
// Owned by UcxLane; confined to the engine's lock.
#ifndef ITHACA_PLUGIN_UCX_UCX_SENDER_H_
#define ITHACA_PLUGIN_UCX_UCX_SENDER_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "plugin/core/status.h"
#include "plugin/ucx/frame_queue.h"
#include "plugin/ucx/ucx_endpoint.h"
#include "plugin/ucx/ucx_rail.h"
#include "plugin/ucx/ucx_send_pool.h"
#include "plugin/ucx/ucx_wire.h"

namespace ithaca {

class UcxSender : public EndpointListener, public UcxSendOwner {
 public:
  // Towards lane `peer_lane` of the rail `peer`. `api`, `rail` and `pool`
  // outlive this.
  UcxSender(const UcxApi& api, UcxRail* rail, UcxSendPool* pool,
            uint64_t peer_lane, const RailAddress& peer)
      : api_(api),
        rail_(rail),
        pool_(pool),
        peer_lane_(peer_lane),
        address_(peer.ucx),
        chunk_bytes_(std::min(peer.chunk_bytes, rail->chunk_bytes())) {}
  // REQUIRES: CloseGently() or CloseNow() if Connect() succeeded.
  ~UcxSender() override = default;

  Status Connect();

  // Queues a frame and hands over what UCX takes at once. No call to any sink.
  void Send(const Frame& frame, const void* payload);

  // Hands over at most `max_chunks` more. True when frames still wait.
  bool Pump(int max_chunks);

  // Afterwards no payload of message `seq` is read. When UCX still holds some
  // of it after a few polls, this closes the endpoint: error() is set then.
  void Forget(uint32_t seq);

  // What ended the endpoint, or OK.
  const Status& error() const { return error_; }

  // Lets the queue go: what UCX takes without waiting is sent, then a bye.
  // Afterwards no payload is read.
  void CloseGently();
  // At once. With `say_bye` the peer is told over a new endpoint.
  void CloseNow(bool say_bye);

  uint64_t queued_bytes() const { return queued_bytes_; }
  uint64_t bytes_sent() const { return bytes_sent_; }

  void OnEndpointError(ucs_status_t status) override;
  void OnSent(UcxSend* send, ucs_status_t status) override;

 private:
  static constexpr size_t kWindow = 2;

  void PostNext();
  void Post(UcxMessageId id, UcxSend* send, const void* data, size_t bytes);
  void Account(uint32_t bytes, ucs_status_t status);
  void DropQueue();
  void Release();
  bool Holds(uint32_t seq) const;
  bool HoldsUserMemory() const;
  void SayBye(ucp_ep_h endpoint);

  const UcxApi& api_;
  UcxRail* const rail_;
  UcxSendPool* const pool_;
  const uint64_t peer_lane_;
  const std::string address_;
  const uint32_t chunk_bytes_;
  std::unique_ptr<UcxEndpoint> endpoint_;
  Status error_;
  FrameQueue queue_;
  uint32_t next_number_ = 0;
  std::array<UcxSend*, kWindow> posted_ = {};  // what UCX holds
  size_t num_posted_ = 0;
  uint64_t queued_bytes_ = 0;
  uint64_t bytes_sent_ = 0;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_SENDER_H_
