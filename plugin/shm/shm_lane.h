// A lane over shared memory: a ShmSender one way, a ShmReceiver the other.
//
// Made by ShmBackend, destroyed by the connection that asked for it, before the
// backend. Confined to the engine's lock. Sinks are called from the backend's
// Progress() only, so what Send() and Forget() find wrong is noted for later.
#ifndef ITHACA_PLUGIN_SHM_SHM_LANE_H_
#define ITHACA_PLUGIN_SHM_SHM_LANE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "plugin/shm/inbox.h"
#include "plugin/shm/segment.h"
#include "plugin/shm/shm_receiver.h"
#include "plugin/shm/shm_sender.h"
#include "plugin/transport/lane.h"

namespace ithaca {

class ShmLane;

class ShmLaneOwner {
 public:
  virtual ~ShmLaneOwner() = default;
  // Call its Service() in the next Progress().
  virtual void NeedsService(ShmLane* lane) = 0;
  virtual void OnGone(ShmLane* lane) = 0;
};

class ShmLane final : public Lane {
 public:
  // Which end of the segment this is: the inviter made it.
  enum class Side { kInviter, kJoiner };

  // `slot`: this lane's in the owner's inbox. `peer`: of the peer's engine;
  // shared by all lanes to it. `owner` and `sink` outlive the lane.
  ShmLane(Side side, Segment segment, std::shared_ptr<PeerInbox> peer, int slot,
          std::string description, ShmLaneOwner* owner, LaneSink* sink);
  ~ShmLane() override;

  void Send(const Frame& frame, const void* payload) override;
  void Forget(uint32_t seq) override;
  void Abandon() override;
  uint64_t queued_bytes() const override { return sender_.queued_bytes(); }
  LaneCounters counters() const override;
  std::string Describe() const override { return description_; }

  struct Serviced {
    bool moved = false;  // anything, either way, or the lane went down
    bool again = false;  // look again in the next Progress(), bell or not
  };
  // Moves what can be moved both ways, and tells the sink if the lane went
  // down.
  Serviced Service();

  int slot() const { return slot_; }

  // Set while the owner has this lane on its list.
  bool listed = false;

 private:
  bool MoveBothWays();
  void GoDown(const Status& why);
  void NoteSending();

  Segment segment_;
  Bell bell_;
  const int slot_;
  const std::string description_;
  ShmLaneOwner* const owner_;
  LaneSink* const sink_;
  ShmSender sender_;
  ShmReceiver receiver_;
  bool down_ = false;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SHM_SHM_LANE_H_
