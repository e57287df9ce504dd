// Whether a lane's path works, by what the kernel says of its socket.
//
// A peer's kernel acknowledges bytes even while its process is stopped or busy.
// So a path is silent when bytes have been on their way for a while and nothing
// was acknowledged since; a peer that merely takes its time never is. Who waits
// and has sent nothing asks for a ping, so that there is something to be
// acknowledged.
//
// Used by whoever watches a connection's lanes: one object per lane, a sample
// every so often while the connection has work. Pure: no I/O, no clock of its
// own; confined to the thread that holds the engine's lock.
#ifndef ITHACA_PLUGIN_RAILS_LANE_HEALTH_H_
#define ITHACA_PLUGIN_RAILS_LANE_HEALTH_H_

#include <cstdint>

namespace ithaca::rails {

// What the network (not the peer's process) says of a path at one moment.
struct PathSample {
  bool outstanding = false;   // bytes are sent and not acknowledged
  bool held = false;          // bytes wait here, none is on its way
  int64_t heard_ago_ns = 0;   // since anything was acknowledged
  int64_t round_trip_ns = 0;  // smoothed; 0 = unknown
};

class LaneHealth {
 public:
  // One retransmission after 200 ms (the kernel's least time-out) may be lost
  // to a full queue; what follows it should have been answered by then.
  static constexpr int64_t kSilentNs = 350'000'000;
  // Longer where a round trip is long.
  static constexpr int64_t kSilentRoundTrips = 3;
  // Who waits asks this long after the last sign of life.
  static constexpr int64_t kPingNs = 200'000'000;

  // The lane came up, or is watched again after a pause.
  void Start(int64_t now_ns);

  void OnSample(const PathSample& sample, int64_t now_ns);

  // Nothing was acknowledged for too long.
  bool silent() const { return silent_; }
  // There is nothing whose acknowledgement would show that the path works.
  bool WantsPing(int64_t now_ns) const;
  // Until when the path is not known to have failed.
  int64_t alive_ns() const { return alive_ns_; }

 private:
  bool outstanding_ = false;
  bool held_ = false;
  bool silent_ = false;
  int64_t sampled_ns_ = 0;
  int64_t heard_ns_ = 0;
  int64_t alive_ns_ = 0;
};

}  // namespace ithaca::rails

#endif  // ITHACA_PLUGIN_RAILS_LANE_HEALTH_H_
