// How many granted, not yet arrived bytes may be coming to each local rail,
// over all connections of an engine, and whose turn it is.
//
// A switch port in front of this host has a shallow queue: what all senders
// together were allowed to send must fit into the path. Each rail has a window,
// what its measured speed needs (1.3 ms, but at most 2 MiB, or the round trip
// where that is more, and what grants wait at this end; two fragments at
// least), shared by the paths (peer processes) that have something to send.
// Each path may have its share on the way, less where its fragments wait in
// queues (path.h), but one fragment in any case. A fragment is 128 us at the
// rail's speed (16 to 512 KiB), or what its path brings in 5.2 ms if that is
// less, at least 8 KiB: so senders' slow rails and full uplinks hold small
// ones, one per path. What is late, because it waits elsewhere, takes no room.
// Paths that lose packets often (loss_memory.h) share 20 KiB: so a full uplink
// slows those who cross it, and nobody else. Paths take turns, and so do the
// connections of a path.
//
// Used by RecvConnection. Pure: no I/O, no clock; confined to the thread that
// holds the engine's lock. Each call costs the same however many paths wait.
#ifndef ITHACA_PLUGIN_RAILS_CREDIT_BROKER_H_
#define ITHACA_PLUGIN_RAILS_CREDIT_BROKER_H_

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "plugin/rails/path.h"

namespace ithaca::rails {

// Who asks for credit.
class CreditWaiter {
 public:
  virtual ~CreditWaiter() = default;
  // A path of this waiter may have room: grant, then wait again if need be.
  virtual void OnCredit() = 0;
};

// The rail of a lane that needs none: shared memory has no queue to overflow.
inline constexpr int kNoRail = -1;

class CreditBroker;
struct PathState;

// One user of a path: a connection's lane. Not movable: the broker queues it.
class Ticket {
 public:
  Ticket() = default;
  ~Ticket() { Leave(); }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  // Takes a place on the path to process `peer` over local rail `rail`, shared
  // with all who name the same. `owner` and `broker` outlive the ticket.
  void Enter(CreditBroker* broker, int rail, uint64_t peer,
             CreditWaiter* owner);
  // Gives it up: what is outstanding counts as lost.
  void Leave();
  bool entered() const { return path_ != nullptr; }

  // How many bytes a fragment granted now should have; 0: none, Wait().
  uint64_t Offer(int64_t now_ns) const;
  // `bytes` were granted. More than was offered is allowed.
  void Take(uint64_t bytes, int64_t now_ns);
  // `bytes` granted arrived.
  void Arrived(uint64_t bytes, const FragmentTimes& times);
  // `bytes` granted will not arrive.
  void Lost(uint64_t bytes);
  // The sender has retransmitted packets on the way here.
  void Retransmitted(int64_t now_ns);
  // Calls the owner once the path has room.
  void Wait();

  // How long a fragment takes from its grant to its arrival now; 0 = unknown.
  int64_t delay_ns(int64_t now_ns) const;
  uint64_t outstanding() const { return outstanding_; }

 private:
  friend class CreditBroker;
  CreditBroker* broker_ = nullptr;
  CreditWaiter* owner_ = nullptr;
  PathState* path_ = nullptr;
  uint64_t outstanding_ = 0;
  bool waiting_ = false;
  std::list<Ticket*>::iterator place_;  // in the path's queue, when waiting
};

class CreditBroker {
 public:
  struct Limits {
    uint64_t window_bytes = 0;    // per rail; 0 = by the rail's speed
    uint64_t fragment_bytes = 0;  // at most; 0 = by rail's and path's speed
  };

  CreditBroker(int rails, Limits limits);
  ~CreditBroker();

  // Who receives over a rail's NIC.
  struct Share {
    int engines = 1;              // of this node, this one counted
    double bytes_per_second = 0;  // to them together; 0 = unknown
  };
  // The window that one engine would have is divided among them, and each has a
  // fragment more, as each takes its time to answer an arrival. Fragments may
  // be smaller, so that there is room for several.
  void SetShare(int rail, Share share);
  struct Load {
    bool active;       // something is to come over the rail
    uint64_t arrived;  // bytes that ever came
  };
  Load load(int rail) const;
  // Its window if no other engine received over it.
  uint64_t window_alone(int rail) const;

  // Gives waiting tickets their turns, as far as the windows allow.
  void Serve(int64_t now_ns);

  uint64_t outstanding(int rail) const;
  // Bytes per second that the rail delivered at its best lately; 0 = unknown.
  double bytes_per_second(int rail) const;
  uint64_t window_bytes(int rail) const;
  int paths() const { return static_cast<int>(paths_.size()); }

 private:
  friend class Ticket;
  struct Rail;
  using Key = std::pair<int, uint64_t>;  // rail, peer

  bool HasRoom(const Rail& rail, uint64_t bytes) const;
  uint64_t FragmentBytes(const Rail& rail) const;
  // How long a fragment may take before it counts as late.
  int64_t TargetNs(const Rail& rail) const;
  uint64_t Budget(const PathState& state) const;
  uint64_t Offer(const PathState& state) const;
  bool Full(const PathState& state) const;
  void Queue(PathState* state);
  // Where it waits for its turn.
  std::deque<PathState*>* ReadyQueue(const PathState& state);
  void CountActive(PathState* state);
  void SetNarrow(PathState* state, bool narrow);
  void Uncount(PathState* state, uint64_t bytes);
  void Settle(PathState* state, uint64_t bytes);
  void ServeQueue(std::deque<PathState*>* ready);
  void CallNext(PathState* state);
  void WriteOffLate(Rail* rail);
  void Release(PathState* state);

  const Limits limits_;
  std::vector<Rail> rails_;
  std::map<Key, std::unique_ptr<PathState>> paths_;
  int64_t now_ns_ = 0;  // of the last call that said it
};

}  // namespace ithaca::rails

#endif  // ITHACA_PLUGIN_RAILS_CREDIT_BROKER_H_
