// When a lane that is down is dialled again.
//
// At once after a lane that had worked for a while is lost: a reset leaves a
// path that works. A lane that did not stay up for long waits first, so that a
// flapping rail does not draw fragments with every flap; unless there is no
// other lane that works. Then at a steady pace,
// with a fresh socket each time: TCP's own retransmissions come ever more
// rarely the longer an outage lasts. A rail that returns is found within
// kHoldNs + kRetryNs + one attempt, less than 2 s.
//
// Used by the connector, one object per lane. Pure: no I/O, no clock of its
// own; confined to the thread that holds the engine's lock.
#ifndef ITHACA_PLUGIN_RAILS_REDIAL_SCHEDULE_H_
#define ITHACA_PLUGIN_RAILS_REDIAL_SCHEDULE_H_

#include <cstdint>

namespace ithaca::rails {

class RedialSchedule {
 public:
  static constexpr int64_t kRetryNs = 400'000'000;
  // Of a lane that was never up: its rails may have no way to each other.
  static constexpr int64_t kHopeNs = 1'500'000'000;
  static constexpr int64_t kHoldNs = 800'000'000;
  // A lane that lived for less flaps.
  static constexpr int64_t kSteadyNs = 2'000'000'000;
  // How long an attempt may take to connect, and then to be welcomed. A busy
  // peer may need long for the latter; it then takes a later attempt.
  static constexpr int64_t kConnectNs = 500'000'000;
  static constexpr int64_t kWelcomeNs = 1'500'000'000;

  void OnUp(int64_t now_ns);
  void OnLost(int64_t now_ns);
  // An attempt begins.
  void OnDial(int64_t now_ns);

  // Whether the next attempt may begin. `alone`: no other lane works.
  bool Due(bool alone, int64_t now_ns) const {
    return now_ns >= due_ns_ && (alone || now_ns >= held_to_ns_);
  }

 private:
  bool ever_up_ = false;
  int64_t up_ns_ = 0;
  int64_t due_ns_ = 0;
  int64_t held_to_ns_ = 0;
};

}  // namespace ithaca::rails

#endif  // ITHACA_PLUGIN_RAILS_REDIAL_SCHEDULE_H_
