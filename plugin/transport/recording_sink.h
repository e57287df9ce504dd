// For tests of lanes: a sink that keeps what came, frames, and payloads whose
// every byte can be checked. Confined to its thread.
#ifndef ITHACA_PLUGIN_TRANSPORT_RECORDING_SINK_H_
#define ITHACA_PLUGIN_TRANSPORT_RECORDING_SINK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "plugin/core/status.h"
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

// Byte i of what message `seq` carries.
uint8_t PatternByte(uint32_t seq, uint64_t i);
// That of `bytes` from `offset` on.
std::vector<uint8_t> Pattern(uint32_t seq, uint64_t offset, size_t bytes);

Frame DataFrame(uint32_t seq, uint64_t offset, uint32_t bytes);
Frame EagerFrame(uint32_t seq, uint32_t bytes);
Frame AckFrame(uint32_t seq);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_RECORDING_SINK_H_
