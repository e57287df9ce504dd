// Hosts with rails and shallow switches in virtual time, for tests of credit.
//
// Each host receives with the real CreditBroker, LanePicker and Fragments, as
// RecvConnection uses them; a sender answers each grant at once. What travels
// is cut into chunks, which wait in queues: a host's egress (deep), the uplinks
// of pods and the switch port in front of a host (shallow: what does not fit is
// dropped and sent again `retransmit_ns` later). A lane delivers in order, as
// TCP does. Deterministic: the same calls, the same result.
//
// Used by tests; one thread. Make it, Send() messages, Run(), look, repeat.
#ifndef ITHACA_PLUGIN_TRANSPORT_CREDIT_SIM_H_
#define ITHACA_PLUGIN_TRANSPORT_CREDIT_SIM_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "plugin/rails/credit_broker.h"

namespace ithaca {

class CreditSim {
 public:
  struct Options {
    int hosts = 2;
    int rails = 1;                    // per host, at most kMaxLanes
    double bytes_per_second = 25e6;   // per rail
    uint64_t queue_bytes = 64 << 10;  // of a switch port, and of an uplink
    // What sockets hand to a host's rail at a time; the rest waits in them. A
    // grant waits behind the former only.
    uint64_t device_bytes = 16 << 10;
    int64_t hop_ns = 10'000;             // per link
    int64_t retransmit_ns = 20'000'000;  // what was dropped
    // Hosts of each pod, in order; empty: one switch, no uplinks.
    std::vector<int> pods;
    double uplink_bytes_per_second = 0;  // per pod, rail and direction
    int64_t serve_ns = 50'000;           // how often an engine polls at least
  };
  // What was counted since the last Reset().
  struct Counters {
    uint64_t messages = 0;   // arrived whole
    uint64_t fragments = 0;  // granted, again included
    uint64_t picks = 0;      // lanes asked for
    uint64_t turns = 0;      // calls of OnCredit
    uint64_t drops = 0;      // chunks
  };

  explicit CreditSim(Options options);
  ~CreditSim();

  // Of one host's rail, both directions, from now on.
  void SetSpeed(int host, int rail, double bytes_per_second);
  // What travels over the rail vanishes; its lanes are given up `found_ns`
  // later, and come back with Mend().
  void Break(int host, int rail, int64_t found_ns);
  void Mend(int host, int rail);
  // A stopped process answers no grant until it goes on.
  void Stop(int host, bool stop);
  // Calls `what` after `delay_ns`.
  void After(int64_t delay_ns, std::function<void()> what);

  // A message from host to host, announced now.
  void Send(int from, int to, uint64_t bytes);
  // Until all messages have arrived, each byte once; returns how long that took
  // in virtual time, or -1 when it took more than `most_ns`.
  int64_t Run(int64_t most_ns);

  int64_t now_ns() const { return now_ns_; }
  const Counters& counters() const { return counters_; }
  void Reset() { counters_ = Counters(); }
  const rails::CreditBroker& broker(int host) const;
  // Bytes that host `to` has received from host `from`, and over its rail.
  uint64_t received(int to, int from) const;
  uint64_t received_over(int to, int rail) const;
  // The most bytes that ever waited in the switch port in front of the host.
  uint64_t deepest_bytes(int host, int rail) const;

 private:
  struct Link;
  struct Chunk;
  struct Lane;
  struct Connection;
  struct Host;
  struct Event {
    int64_t when_ns;
    uint64_t order;
    std::function<void()> what;
    bool operator>(const Event& other) const {
      return when_ns != other.when_ns ? when_ns > other.when_ns
                                      : order > other.order;
    }
  };

  Connection* Between(int from, int to);
  bool Works(const Connection& connection, int rail) const;
  void OnGrant(Connection* connection, Chunk chunk);
  void Hop(Connection* connection, Chunk chunk, int hop);
  void OnChunk(Connection* connection, const Chunk& chunk);
  void OnFragment(Connection* connection, const Chunk& last);
  void LoseLane(Connection* connection, int rail);
  void Poll(int host);
  bool Done() const { return unfinished_ == 0; }

  const Options options_;
  int64_t now_ns_ = 1'000'000;
  uint64_t order_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<int> pod_of_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::vector<Link>> up_, down_;  // of a pod, by rail
  std::map<std::pair<int, int>, std::unique_ptr<Connection>> connections_;
  uint64_t unfinished_ = 0;  // messages
  Counters counters_;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_CREDIT_SIM_H_
