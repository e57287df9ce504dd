// One UCX endpoint: a one-way path from a rail to a peer's rail, shared by
// every lane between the two.
//
// A message is either taken whole, at once, or refused. UCX would rather keep
// messages that it cannot send yet, but then it reads the user's memory later
// and cannot be stopped, it asks the peer to connect back, and both make it
// crash or abort when either side closes at the wrong moment (README.md).
//
// Owned by UcxRail, which keeps it for lanes to come and drops it when it fails
// or is given up. Confined to the engine's lock, like everything from here to
// the backend.
#ifndef ITHACA_PLUGIN_UCX_UCX_PATH_H_
#define ITHACA_PLUGIN_UCX_UCX_PATH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/ucx/ucx_api.h"
#include "plugin/ucx/ucx_wire.h"

namespace ithaca {

// Hears that UCX gave a path up. Called from inside UCX: may only take a note.
class PathListener {
 public:
  virtual ~PathListener() = default;
  virtual void OnPathError(ucs_status_t status) = 0;
};

class UcxPath {
 public:
  // Starts to connect `worker` to the worker behind `address` (UCX's form);
  // never waits. `api` outlives the path.
  static StatusOr<std::unique_ptr<UcxPath>> Connect(const UcxApi& api,
                                                    ucp_worker_h worker,
                                                    const std::string& address);

  // REQUIRES: gone(), or the worker is destroyed.
  ~UcxPath() = default;

  void Join(PathListener* listener) { listeners_.push_back(listener); }
  void Leave(PathListener* listener);

  // UCS_OK: taken; `head` and `data` are not read any more.
  // UCS_ERR_NO_RESOURCE: not now. Else the path is lost.
  // REQUIRES: `bytes` is at most the rail's chunk_bytes().
  ucs_status_t Send(UcxMessageId id, const uint8_t head[kChunkHeadBytes],
                    const void* data, size_t bytes);

  // Tells the peer, as soon as it can be told, that the sender of its lane
  // `peer_lane` is gone.
  void SayBye(uint64_t peer_lane);

  // Nothing moves on it as far as a lane could see: no new lanes, and it closes
  // once the last lane has left and everything was sent.
  void GiveUp() { given_up_ = true; }
  bool usable() const { return !failed_ && !given_up_; }

  // Moves byes and its end on. REQUIRES: not called from inside UCX.
  void Poll();
  bool gone() const {
    return endpoint_ == nullptr && request_ == nullptr && listeners_.empty();
  }

  // Drops what UCX still holds.
  void CloseNow();

 private:
  explicit UcxPath(const UcxApi& api) : api_(api) {}
  static void OnError(void* self, ucp_ep_h, ucs_status_t status);
  void SendByes();
  void FlushAndClose();
  bool RequestDone();

  const UcxApi& api_;
  std::vector<PathListener*> listeners_;
  std::vector<uint64_t> byes_;  // not taken yet
  ucp_ep_h endpoint_ = nullptr;
  void* request_ = nullptr;  // of the flush, then of the close
  bool flushing_ = false;
  bool failed_ = false;
  bool given_up_ = false;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_PATH_H_
