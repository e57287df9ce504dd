// Every method that a client can name, and who may call it. What is not in the
// table is refused.
//
// A method is added to the table in the same change as to a proto: a test
// compares the table with the descriptors. Used by AccessGate and
// UnservedService. Threads: constants.
#ifndef ITHACA_DAEMON_SERVER_METHOD_TABLE_H_
#define ITHACA_DAEMON_SERVER_METHOD_TABLE_H_

#include <map>
#include <string>

namespace ithaca::server {

enum class Access {
  // Who can open the socket may call it; what it shows and changes is decided
  // by the
  // owner of the group.
  kAnyUser,
  // Root and the daemon's own user, through the socket.
  kAdmin,
  // Only daemons of the cluster, which their certificates name.
  kDaemon,
  // gRPC's own services, which ask nobody: health and reflection.
  kBuiltIn,
  // Declared, but not served by this version.
  kNotServed,
};

// What a call costs the daemon; each class has a rate of its own per identity.
enum class Cost {
  // A look-up or a small write.
  kCheap,
  // Search for a plan: processor time.
  kPlanning,
  // A stream that stays open.
  kStream,
};
inline constexpr int kCostClasses = 3;

struct MethodRule {
  Access access = Access::kNotServed;
  // For kNotServed: what to use instead, a clause without a full stop.
  std::string instead;
  // For kAnyUser: a daemon may call it on behalf of a user of its node.
  bool through_daemons = false;
  Cost cost = Cost::kCheap;
};

// By "/package.Service/Method".
using MethodTable = std::map<std::string, MethodRule>;

const MethodTable& AllMethods();

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_METHOD_TABLE_H_
