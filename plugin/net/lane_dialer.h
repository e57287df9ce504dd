// Dials one lane of a connection, for the first time and whenever it is down.
//
// The first dial tries every pair of a local and a remote rail. A lane that was
// up is dialled again on the pair that it had: on another one it would take a
// rail from its neighbour, and the one that returns would stay empty. Only when
// no other lane of the connection works is every pair tried again, and the lane
// moves back when it can. Each dial has a number, so that the peer tells a late
// hello from the latest.
//
// Owned by the connecting communicator; with the engine's lock held.
#ifndef ITHACA_PLUGIN_NET_LANE_DIALER_H_
#define ITHACA_PLUGIN_NET_LANE_DIALER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/rails/redial_schedule.h"
#include "plugin/socket/dialer.h"
#include "plugin/transport/handshake.h"

namespace ithaca::net {

class Engine;

class LaneDialer {
 public:
  // Makes a lane of what a dialer was welcomed by, for dial number `dial`.
  using Finish = std::function<Status(Dialer* dialer, uint32_t dial)>;
  using HelloFor = std::function<StatusOr<Hello>(int rail, uint32_t dial)>;

  LaneDialer(Engine* engine, std::vector<Dialer::Target> targets,
             HelloFor hello_for, Finish finish);

  // The first dial.
  void Start();

  // Takes what the dial has achieved. Call now and then.
  void Step(int64_t now_ns);

  // The lane is down: dials again when it is time to. `any_pair`: the
  // connection has no other lane.
  void Restore(bool any_pair, int64_t now_ns);
  // The lane works: stays where it is, or is dialled to move back.
  void Keep(int64_t now_ns);

  void Stop() { dialer_.reset(); }
  bool dialing() const { return dialer_ != nullptr; }

  // Of the last dial that failed.
  const Status& error() const { return error_; }
  // The last dial found that the peer's process is gone; or that it has ended
  // the connection: it said so, or twice in a row did not know it.
  bool peer_gone() const { return nobody_there_; }
  bool peer_closed() const { return refused_ || hung_up_ >= 2; }
  // "eth0 -> 10.0.0.2:5000", of the dial that goes on, or the pair in use.
  std::string Describe() const;

 private:
  void Dial(std::vector<Dialer::Target> targets, Dialer::Patience patience);
  void OnFailed();

  Engine* const engine_;
  const std::vector<Dialer::Target> targets_;
  const HelloFor hello_for_;
  const Finish finish_;
  std::unique_ptr<Dialer> dialer_;
  rails::RedialSchedule schedule_;
  uint32_t dial_ = 0;
  int home_ = -1;      // the pair that it came up on first; -1 = it never did
  int target_ = -1;    // the pair that it came up on last
  bool lost_ = false;  // since the schedule heard that it was up
  bool nobody_there_ = false;
  bool refused_ = false;
  int hung_up_ = 0;  // dials in a row
  Status error_;
};

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_LANE_DIALER_H_
