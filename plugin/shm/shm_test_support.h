// Two backends with lanes between them, for tests; in one process, where each
// end has a mapping of its own as in two. A pair is confined to one thread, an
// end of it may be handed to another.
#ifndef ITHACA_PLUGIN_SHM_SHM_TEST_SUPPORT_H_
#define ITHACA_PLUGIN_SHM_SHM_TEST_SUPPORT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "plugin/shm/inbox.h"
#include "plugin/shm/segment.h"
#include "plugin/shm/shm_address.h"
#include "plugin/shm/shm_backend.h"
#include "plugin/transport/lane.h"
#include "plugin/transport/recording_sink.h"

namespace ithaca {

// A connector without a lane behind it: the segment lies bare. Its hello names
// the inbox of a backend that nobody polls.
struct BarePeer {
  // `victim` outlives it.
  explicit BarePeer(ShmBackend* victim);
  void Ring() { inbox->Ring(slot); }

  std::unique_ptr<ShmBackend> own = std::move(ShmBackend::Create()).value();
  RecordingSink sink;
  ShmAddress address;
  Segment segment;
  std::shared_ptr<PeerInbox> inbox;
  uint32_t slot = 0;           // the victim's, before the scribbling
  std::unique_ptr<Lane> lane;  // the victim's
};

class BackendPair {
 public:
  struct End {
    // The sink outlives the lane.
    std::unique_ptr<RecordingSink> sink = std::make_unique<RecordingSink>();
    std::unique_ptr<Lane> lane;
  };

  BackendPair();
  ~BackendPair();

  // One more lane, joined by the left; a[i] is b[i]'s peer.
  int OpenLane();
  void Progress();
  // Until `done`; false when it stays undone for 100 s.
  bool ProgressUntil(const std::function<bool()>& done);

  std::unique_ptr<ShmBackend> left, right;
  std::vector<End> a, b;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SHM_SHM_TEST_SUPPORT_H_
