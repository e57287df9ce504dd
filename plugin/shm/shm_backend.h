// Lanes over shared memory for one engine: makes them, and drives them.
//
// The connector sends Address() in its hello; the listener makes a lane with
// Invite() and answers with the invitation; the connector joins. No thread of
// its own; everything with the engine's lock held. The backend outlives its
// lanes. What a poll costs goes by the lanes that have news.
#ifndef ITHACA_PLUGIN_SHM_SHM_BACKEND_H_
#define ITHACA_PLUGIN_SHM_SHM_BACKEND_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/shm/inbox.h"
#include "plugin/shm/segment.h"
#include "plugin/shm/shm_address.h"
#include "plugin/shm/shm_lane.h"
#include "plugin/transport/lane.h"

namespace ithaca {

class ShmBackend final : public ShmLaneOwner {
 public:
  // RESOURCE_EXHAUSTED when the kernel gives no shared memory.
  static StatusOr<std::unique_ptr<ShmBackend>> Create();
  // REQUIRES: no lane is left.
  ~ShmBackend() override;

  // What the connector's hello carries; the same for all its lanes.
  std::string Address() const;

  // A lane to the connector of `address`; stores what to answer. `sink`
  // outlives the lane. Any error means: use sockets.
  StatusOr<std::unique_ptr<Lane>> Invite(std::string_view address,
                                         LaneSink* sink,
                                         std::string* invitation);

  // The connector's end of it.
  StatusOr<std::unique_ptr<Lane>> Join(std::string_view invitation,
                                       LaneSink* sink);

  // Polls once: moves what can be moved and calls the sinks. Returns how many
  // lanes had news, 0 when idle.
  int Progress();

  // ShmLaneOwner, for the lanes.
  void NeedsService(ShmLane* lane) override;
  void OnGone(ShmLane* lane) override;

 private:
  ShmBackend() = default;

  StatusOr<std::shared_ptr<PeerInbox>> InboxOf(const ShmAddress& peer);
  StatusOr<std::unique_ptr<Lane>> Make(ShmLane::Side side,
                                       const ShmAddress& peer, Segment segment,
                                       LaneSink* sink);
  void LookAtOne();

  std::unique_ptr<Inbox> inbox_;
  std::vector<ShmLane*> lanes_;  // by slot
  std::vector<ShmLane*> ready_;  // to be serviced in the next Progress()
  std::vector<ShmLane*> turn_;   // in this one
  // Shared by the lanes to one engine, gone with the last of them.
  std::map<ShmId, std::weak_ptr<PeerInbox>> peers_;
  uint32_t polls_ = 0;
  size_t looked_at_ = 0;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SHM_SHM_BACKEND_H_
