// On whose behalf a daemon calls another one: metadata "ithaca-caller", which
// is "UID,GID,PID,NODE": three decimal numbers without leading zeros, and the
// name of the node whose kernel reported them. A daemon is believed; nobody
// else may send it (AccessGate).
//
// Written by Forwarder, read by the gates. Threads: pure functions.
#ifndef ITHACA_DAEMON_CLUSTER_CALLER_HEADER_H_
#define ITHACA_DAEMON_CLUSTER_CALLER_HEADER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ithaca::cluster {

inline constexpr char kCallerHeader[] = "ithaca-caller";
// Names one forwarded stream between a forwarder and the groups behind it, in
// one process.
inline constexpr char kStreamHeader[] = "ithaca-stream";

struct RemoteCaller {
  uint32_t uid = 0;
  uint32_t gid = 0;
  // On `node`; 0: unknown.
  uint32_t pid = 0;
  std::string node;
};

// 1 to 253 of A-Z a-z 0-9 . _ -
bool IsNodeName(std::string_view name);

// REQUIRES: IsNodeName(caller.node).
std::string EncodeCaller(const RemoteCaller& caller);
// Nothing: it is anything else than what EncodeCaller makes.
std::optional<RemoteCaller> ParseCaller(std::string_view text);

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_CALLER_HEADER_H_
