// Two backends with lanes between them, for tests; in one process, where each
// end has a mapping of its own as in two. A pair is confined to one thread, an
// end of it may be handed to another.
#ifndef ITHACA_PLUGIN_SHM_SHM_TEST_SUPPORT_H_
#define ITHACA_PLUGIN_SHM_SHM_TEST_SUPPORT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/shm/shm_backend.h"
#include "plugin/transport/lane.h"

namespace ithaca {

// Gives each payload a poisoned buffer and keeps what came.
class RecordingSink : public LaneSink {
 public:
  struct Arrival {
    Frame frame;
    std::vector<uint8_t> payload;  // empty when dropped
  };

  Status OnFrameHead(Lane* lane, const Frame& frame, void** target) override;
  Status OnFrame(Lane* lane, const Frame& frame) override;
  void OnLaneDown(Lane* lane, const Status& why) override;

  // Frees the buffer of a payload not yet whole; the lane has forgotten it.
  void TakeBack(uint32_t seq, uint64_t offset) { open_.erase({seq, offset}); }

  // What to do beside recording; may be empty.
  std::function<Status(Lane*, const Frame&)> on_head, on_frame;
  bool drop = false;  // payloads

  std::vector<Arrival> arrivals;
  std::vector<Status> downs;
  int heads = 0;

 private:
  // By message and offset, which the tests keep distinct.
  std::map<std::pair<uint32_t, uint64_t>, std::vector<uint8_t>> open_;
};

// What message `seq` carries from `offset` on.
std::vector<uint8_t> Pattern(uint32_t seq, uint64_t offset, size_t bytes);

Frame DataFrame(uint32_t seq, uint64_t offset, uint32_t bytes);
Frame AckFrame(uint32_t seq);

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
