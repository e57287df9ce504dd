// A lane whose other end is the test: it keeps the frames that it was to send.
//
// Used by the tests of connections. Confined to one thread.
#ifndef ITHACA_PLUGIN_TRANSPORT_HAND_LANE_H_
#define ITHACA_PLUGIN_TRANSPORT_HAND_LANE_H_

#include <string>
#include <vector>

#include "plugin/transport/connection.h"

namespace ithaca {

class HandLane : public Lane {
 public:
  explicit HandLane(std::vector<Frame>* sent) : sent_(sent) {}
  void Send(const Frame& frame, const void*) override {
    sent_->push_back(frame);
  }
  void Forget(uint32_t) override {}
  uint64_t queued_bytes() const override { return 0; }
  LaneCounters counters() const override { return {}; }
  std::string Describe() const override { return "by hand"; }

 private:
  std::vector<Frame>* const sent_;  // outlives the lane
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_HAND_LANE_H_
