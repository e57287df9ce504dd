// Where the groups of a cluster are coordinated, as one daemon knows it.
//
// Made by Coordinator, which tells it to everybody who forwards or reports
// (Forwarder, the heartbeat's sender). Threads: a value.
#ifndef ITHACA_DAEMON_CLUSTER_PLACE_H_
#define ITHACA_DAEMON_CLUSTER_PLACE_H_

#include <cstdint>
#include <string>

namespace ithaca::cluster {

struct Place {
  enum class Kind {
    // Nobody coordinates, or it is not known who does; `why` says so. Calls are
    // refused with UNAVAILABLE, NOT_COORDINATOR, and may be tried again.
    kNowhere,
    // This daemon does.
    kHere,
    // The daemon at `address` does.
    kThere,
  };
  Kind kind = Kind::kNowhere;
  // Name of the coordinator's node; empty: kNowhere.
  std::string node;
  // HOST:PORT where it listens for daemons; empty: kNowhere.
  std::string address;
  // Life of the coordinator's daemon.
  uint64_t incarnation = 0;
  // A sentence: why the place is this one.
  std::string why;

  // Whether calls go to the same life of the same daemon.
  bool SameAs(const Place& other) const {
    return kind == other.kind && address == other.address &&
           incarnation == other.incarnation;
  }
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_PLACE_H_
