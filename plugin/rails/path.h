// What the way from one peer process to one local rail bears, learned from its
// fragments: how long they take, and whether packets are lost.
//
// Used by CreditBroker, one per peer and rail. Pure: no I/O, no clock; confined
// to the thread that holds the engine's lock.
#ifndef ITHACA_PLUGIN_RAILS_PATH_H_
#define ITHACA_PLUGIN_RAILS_PATH_H_

#include <array>
#include <cstdint>
#include <limits>

namespace ithaca::rails {

// The least of the last seconds (5 to 10).
class RecentLeast {
 public:
  void Add(int64_t value, int64_t now_ns);
  int64_t value() const { return value_ < before_ ? value_ : before_; }

 private:
  static constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
  int64_t since_ns_ = 0;
  int64_t value_ = kNone;
  int64_t before_ = kNone;
};

// The times of one fragment. The sender's clock may be any other: only how much
// longer than ever a way takes is used of it.
struct FragmentTimes {
  int64_t granted_ns = 0;
  int64_t sent_ns = 0;  // by the sender's clock
  int64_t arrived_ns = 0;
};

class Path {
 public:
  // How many bytes may be on their way. Where fragments wait longer than
  // `target_ns` in queues between the sender and here (a slow rail of its, a
  // full uplink), or are lost in one, the budget shrinks; else it grows, up to
  // `most`. As Swift's window (Kumar et al., SIGCOMM 2020), on grants instead
  // of packets. It may be less than a fragment.
  double budget() const { return budget_; }

  struct Bounds {
    int64_t target_ns;
    uint64_t step;  // bytes: one fragment
    uint64_t most;  // bytes
  };
  void OnGranted(uint64_t bytes) { outstanding_ += bytes; }
  void OnArrived(uint64_t bytes, const FragmentTimes& times,
                 const Bounds& bounds);
  void OnLost(uint64_t bytes) { outstanding_ -= bytes; }

  uint64_t outstanding() const { return outstanding_; }

  // What it brought lately while something was on its way, a moving average; 0
  // = unknown.
  double bytes_per_second() const { return bytes_per_second_; }
  // How long the last grant waited in this end's own queues.
  int64_t grant_wait_ns() const { return grant_wait_ns_; }
  // From grant to arrival when nothing waits; 0 = unknown.
  int64_t base_delay_ns() const { return base_delay_ns_; }
  // From grant to arrival, a moving average; 0 = unknown. What was learned long
  // ago (nothing came for a while) counts as unknown: the path may have
  // recovered, and only a fragment can tell.
  int64_t delay_ns(int64_t now_ns) const;

 private:
  void Cut(double factor, int64_t now_ns);

  uint64_t outstanding_ = 0;
  double budget_ = 0;  // 0 = not begun
  bool cut_ = false;   // once: from then on it grows slowly
  int64_t last_cut_ns_ = 0;
  RecentLeast forth_;  // sent to arrived, clocks apart
  RecentLeast back_;   // granted to sent, clocks apart
  int64_t grant_wait_ns_ = 0;
  int64_t base_delay_ns_ = 0;
  int64_t delay_ns_ = 0;
  int64_t last_arrival_ns_ = 0;
  double bytes_per_second_ = 0;
  // Of the last fragments: one that was held up by a process that slept does
  // not mean a queue.
  std::array<int64_t, 4> waits_{};
  unsigned next_wait_ = 0;
};

}  // namespace ithaca::rails

#endif  // ITHACA_PLUGIN_RAILS_PATH_H_
