#include "plugin/net/rail_events.h"

#include <utility>

namespace ithaca::net {

const char* RailEvents::Name(int rail) const {
  return rail < 0 ? "this host" : (*rails_)[rail].name.c_str();
}

bool RailEvents::MaySay(Pace* pace, std::string* more) const {
  const int64_t now_ns = clock_->NowNs();
  if (pace->last_ns != 0 && now_ns - pace->last_ns < kQuietNs) {
    ++pace->unsaid;
    return false;
  }
  pace->last_ns = now_ns;
  if (const uint64_t unsaid = std::exchange(pace->unsaid, 0))
    *more = " (and " + std::to_string(unsaid) + " more since the last line)";
  return true;
}

void RailEvents::OnLost(int rail, const std::string& peer, int left,
                        const Status& why) {
  State& state = states_[rail + 1];
  ++state.counters.lanes_lost;
  std::string more;
  // Without any lane left the connection may fail, with a warning of its own.
  if (left == 0) {
    ITHACA_INFO(*log_, "ithaca: %s: lost the last lane to %s: %s", Name(rail),
                peer.c_str(), why.message().c_str());
  } else if (MaySay(&state.lost, &more)) {
    ITHACA_WARN(*log_, "ithaca: %s: lost a lane to %s, %d left: %s%s",
                Name(rail), peer.c_str(), left, why.message().c_str(),
                more.c_str());
  }
}

void RailEvents::OnBack(int rail, const std::string& peer) {
  State& state = states_[rail + 1];
  ++state.counters.lanes_back;
  std::string more;
  if (MaySay(&state.back, &more))
    ITHACA_INFO(*log_, "ithaca: %s: a lane to %s is back%s", Name(rail),
                peer.c_str(), more.c_str());
}

}  // namespace ithaca::net
