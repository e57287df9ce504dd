// A lane over UCX: a UcxSender one way, a FrameAssembler the other.
//
// Made by UcxBackend, destroyed by the connection that asked for it, before the
// backend. Confined to the engine's lock. UCX calls in at odd places (while a
// frame is sent, or in the middle of its own progress), so a failure is only
// noted; the backend reports it from its Progress().
#ifndef ITHACA_PLUGIN_UCX_UCX_LANE_H_
#define ITHACA_PLUGIN_UCX_UCX_LANE_H_

#include <cstdint>
#include <string>

#include "plugin/transport/lane.h"
#include "plugin/ucx/frame_assembler.h"
#include "plugin/ucx/ucx_sender.h"

namespace ithaca {

class UcxLane;

class UcxLaneOwner {
 public:
  virtual ~UcxLaneOwner() = default;
  // Frames wait in `lane`, or it failed: call its Service() in Progress().
  virtual void NeedsService(UcxLane* lane) = 0;
  virtual void OnGone(UcxLane* lane) = 0;
};

class UcxLane final : public Lane {
 public:
  UcxLane(const UcxApi& api, UcxRail* rail, UcxLaneOwner* owner, uint64_t id,
          uint64_t peer_id, const RailAddress& peer, LaneSink* sink);
  ~UcxLane() override;

  Status Connect();

  void Send(const Frame& frame, const void* payload) override;
  void Forget(uint32_t seq) override;
  uint64_t queued_bytes() const override { return sender_.queued_bytes(); }
  LaneCounters counters() const override;
  std::string Describe() const override { return description_; }

  uint64_t id() const { return id_; }

  // What arrived for this lane. Called from inside UCX.
  void OnMessage(UcxMessageId id, const void* head, size_t head_bytes,
                 const void* data, size_t data_bytes);

  // Hands over queued frames, and tells the sink if the lane went down. Called
  // from Progress(), not from inside UCX. True when frames still wait.
  bool Service();

  // Set while the owner has this lane on its list.
  bool listed = false;

 private:
  // Hears that UCX gave up the path.
  class Sender : public UcxSender {
   public:
    Sender(UcxLane* lane, const UcxApi& api, UcxRail* rail, uint64_t peer_lane,
           const RailAddress& peer)
        : UcxSender(api, rail, peer_lane, peer), lane_(lane) {}
    void OnPathError(ucs_status_t status) override {
      UcxSender::OnPathError(status);
      lane_->owner_->NeedsService(lane_);
    }

   private:
    UcxLane* const lane_;
  };

  void Fail(const Status& why, bool tell_peer);
  void AfterSending();

  UcxLaneOwner* const owner_;
  LaneSink* const sink_;
  const uint64_t id_;
  const std::string description_;
  Sender sender_;
  FrameAssembler assembler_;
  Status down_;            // why, once down
  bool tell_peer_ = true;  // that this end went down
  bool reported_ = false;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_LANE_H_
