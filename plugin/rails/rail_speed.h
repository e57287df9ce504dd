// How fast a rail delivers at its best lately, in the time in which something
// was on its way to it.
//
// Used by CreditBroker. Pure; confined to the thread that holds the engine's
// lock.
#ifndef ITHACA_PLUGIN_RAILS_RAIL_SPEED_H_
#define ITHACA_PLUGIN_RAILS_RAIL_SPEED_H_

#include <algorithm>
#include <cstdint>

namespace ithaca::rails {

class RailSpeed {
 public:
  // The first bytes were granted to an idle rail.
  void OnBusy(int64_t now_ns) { since_ns_ = now_ns; }

  // `bytes` arrived.
  void OnArrived(uint64_t bytes, int64_t now_ns) {
    busy_ns_ += now_ns - since_ns_;
    since_ns_ = now_ns;
    bytes_ += bytes;
    arrived_ += bytes;
    if (busy_ns_ < kSampleNs && (bytes_ < kSampleBytes || busy_ns_ < kLeastNs))
      return;
    best_ = std::max(bytes_ * 1e9 / busy_ns_, best_ * kDecay);
    busy_ns_ = 0;
    bytes_ = 0;
  }

  // 0 = not measured yet.
  double bytes_per_second() const { return best_; }
  // Bytes that ever arrived.
  uint64_t arrived() const { return arrived_; }

 private:
  // A sample is long enough that what a queue on the way had stored, or let
  // pass at once, does not pass for speed.
  static constexpr int64_t kSampleNs = 20'000'000;
  static constexpr int64_t kLeastNs = 500'000;
  static constexpr uint64_t kSampleBytes = 1 << 20;
  // Per sample: a rail that became slower is known after some hundreds.
  static constexpr double kDecay = 0.998;

  int64_t since_ns_ = 0;
  int64_t busy_ns_ = 0;
  uint64_t bytes_ = 0;
  uint64_t arrived_ = 0;
  double best_ = 0;
};

}  // namespace ithaca::rails

#endif  // ITHACA_PLUGIN_RAILS_RAIL_SPEED_H_
