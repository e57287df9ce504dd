#include "plugin/rails/redial_schedule.h"

namespace ithaca::rails {

void RedialSchedule::OnUp(int64_t now_ns) {
  ever_up_ = true;
  up_ns_ = now_ns;
}

void RedialSchedule::OnLost(int64_t now_ns) {
  due_ns_ = now_ns;
  held_to_ns_ = now_ns - up_ns_ < kSteadyNs ? now_ns + kHoldNs : now_ns;
}

void RedialSchedule::OnDial(int64_t now_ns) {
  due_ns_ = now_ns + (ever_up_ ? kRetryNs : kHopeNs);
}

}  // namespace ithaca::rails
