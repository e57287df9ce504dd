// How many granted, not yet arrived bytes each local rail may have coming, over
// all connections of an engine; and whose turn it is when that is used up.
//
// A switch port in front of this host has a shallow queue: what all senders
// together have been allowed to send must fit into the path. Every connection
// may always have one fragment coming, whatever the others hold: NCCL's
// pipeline is 8 deep and stops for ever when one peer starves.
//
// Pure: no I/O, no clock; confined to the thread that holds the engine's lock.
#ifndef ITHACA_PLUGIN_RAILS_GRANT_BROKER_H_
#define ITHACA_PLUGIN_RAILS_GRANT_BROKER_H_

#include <cstdint>
#include <deque>
#include <vector>

namespace ithaca::rails {

// A connection that waits for its turn.
class GrantWaiter {
 public:
  virtual ~GrantWaiter() = default;
  // Bytes came free: grant what is possible, then wait again if need be.
  virtual void OnCredit() = 0;
};

// The rail of a lane that needs none: shared memory has no queue to overflow.
inline constexpr int kNoRail = -1;

class GrantBroker {
 public:
  // `window_bytes`: what may be outstanding per rail.
  GrantBroker(int rails, uint64_t window_bytes)
      : window_bytes_(window_bytes), outstanding_(rails, 0) {}

  // Takes `bytes` on `rail` if the window allows it, or if `must` (the caller
  // has nothing else coming). A fragment larger than the window passes when the
  // rail is idle. On kNoRail anything passes, and nothing is counted.
  bool TryTake(int rail, uint64_t bytes, bool must);

  // What TryTake took has arrived, or never will.
  void Return(int rail, uint64_t bytes);

  // Queues the waiter, once, for a later Serve().
  void Wait(GrantWaiter* waiter);
  // The waiter goes away.
  void Forget(GrantWaiter* waiter);

  // Gives each waiter that is queued now one turn, in order.
  void Serve();

  uint64_t outstanding(int rail) const { return outstanding_[rail]; }
  bool waiting() const { return !waiters_.empty(); }

 private:
  const uint64_t window_bytes_;
  std::vector<uint64_t> outstanding_;
  bool returned_ = false;  // since the last Serve()
  std::deque<GrantWaiter*> waiters_;
};

}  // namespace ithaca::rails

#endif  // ITHACA_PLUGIN_RAILS_GRANT_BROKER_H_
