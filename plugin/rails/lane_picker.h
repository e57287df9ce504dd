// Which lane of a connection the next fragment travels on: the one that is
// expected to deliver it first, among those whose path has room.
//
// Used by the receiving end of a connection. A slow lane gets what it can carry
// and no more: a fragment that would arrive there after all the rest has come
// over the others waits for them instead, so a rail at a quarter of its speed
// costs a quarter of a rail. Pure: no I/O, no clock; confined to the thread
// that holds the engine's lock.
#ifndef ITHACA_PLUGIN_RAILS_LANE_PICKER_H_
#define ITHACA_PLUGIN_RAILS_LANE_PICKER_H_

#include <array>
#include <cstdint>

#include "plugin/rails/credit_broker.h"

namespace ithaca::rails {

class LanePicker {
 public:
  static constexpr int kMaxLanes = 8;
  static constexpr int kNone = -1;

  // `owner` is called when a lane may have room after Wait(). Both outlive the
  // picker.
  LanePicker(CreditBroker* broker, CreditWaiter* owner)
      : broker_(broker), owner_(owner) {}

  // The lane is up: it comes over local rail `rail` (kNoRail: needs no credit)
  // from process `peer`, any number that tells processes apart.
  void SetUp(int lane, int rail, uint64_t peer);
  // The lane is down: what was granted to it is lost.
  void SetDown(int lane);

  // The lane for the next fragment and how many bytes it should have, when
  // `ungranted` bytes are left to grant. kNone: none has room, or it is better
  // to wait for one.
  int Pick(uint64_t ungranted, int64_t now_ns, uint64_t* bytes) const;
  // The lane that a grant for `lane` should travel on: the grant waits behind
  // this end's own data, and the rail of `lane` may be the slow one.
  int Fastest(int lane, int64_t now_ns) const;
  // Calls the owner when one of the lanes without room has some.
  void Wait(int64_t now_ns);

  void OnGranted(int lane, uint64_t bytes, int64_t now_ns);
  void OnArrived(int lane, uint64_t bytes, const FragmentTimes& times);
  // `bytes` granted to the lane, which is up, will not arrive.
  void OnLost(int lane, uint64_t bytes);
  // The sender has retransmitted `count` packets on the lane since it opened.
  void OnRetransmits(int lane, uint32_t count, int64_t now_ns);

  // Bytes granted and not arrived, all lanes.
  uint64_t outstanding() const { return outstanding_; }

 private:
  struct LaneState {
    bool up = false;
    uint64_t outstanding = 0;
    uint32_t retransmits = 0;
    Ticket ticket;  // not entered on kNoRail
  };

  uint64_t Offer(const LaneState& lane, int64_t now_ns) const;
  int64_t Delay(const LaneState& lane, int64_t now_ns) const;
  void Measure(uint64_t bytes, int64_t now_ns);

  CreditBroker* const broker_;
  CreditWaiter* const owner_;
  std::array<LaneState, kMaxLanes> lanes_;
  int last_ = kMaxLanes - 1;  // granted to last
  uint64_t outstanding_ = 0;
  // What all lanes deliver together while something is on its way.
  double bytes_per_ns_ = 0;
  int64_t since_ns_ = 0;
  int64_t busy_ns_ = 0;
  uint64_t busy_bytes_ = 0;
};

}  // namespace ithaca::rails

#endif  // ITHACA_PLUGIN_RAILS_LANE_PICKER_H_
