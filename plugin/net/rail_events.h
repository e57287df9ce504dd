// What happens to the rails of an engine: counted, and told in few lines.
//
// A rail that fails takes a lane of every connection with it, and one that
// flaps does so again and again: per rail there is at most one line each
// kQuietNs for losses and one for returns, which says how many were left out.
// With the engine's lock held; lives as long as the engine.
#ifndef ITHACA_PLUGIN_NET_RAIL_EVENTS_H_
#define ITHACA_PLUGIN_NET_RAIL_EVENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/core/log.h"
#include "plugin/core/status.h"
#include "plugin/transport/rail.h"

namespace ithaca::net {

// Since the engine began.
struct RailCounters {
  uint64_t lanes_lost = 0;
  uint64_t lanes_back = 0;       // came up where one had been lost
  uint64_t regranted_bytes = 0;  // granted again because of a lost lane
};

class RailEvents {
 public:
  static constexpr int64_t kQuietNs = 5 * kNsPerSecond;

  RailEvents(const std::vector<Rail>* rails, const Clock* clock, LogSink* log)
      : rails_(rails), clock_(clock), log_(log), states_(rails->size() + 1) {}

  // A lane to `peer` was lost; `left` others carry on. `rail` may be -1: none.
  void OnLost(int rail, const std::string& peer, int left, const Status& why);
  void OnBack(int rail, const std::string& peer);
  void OnRegranted(int rail, uint64_t bytes) {
    states_[rail + 1].counters.regranted_bytes += bytes;
  }

  const RailCounters& counters(int rail) const {
    return states_[rail + 1].counters;
  }

 private:
  // Of one kind of line of one rail.
  struct Pace {
    int64_t last_ns = 0;
    uint64_t unsaid = 0;
  };
  struct State {
    RailCounters counters;
    Pace lost, back;
  };

  // Whether a line may be written now; sets `more` to what it should add.
  bool MaySay(Pace* pace, std::string* more) const;
  const char* Name(int rail) const;

  const std::vector<Rail>* const rails_;
  const Clock* const clock_;
  LogSink* const log_;
  std::vector<State> states_;  // by rail + 1
};

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_RAIL_EVENTS_H_
