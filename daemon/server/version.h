// The version of the daemon and its command line. Used by both. Threads:
// constant.
#ifndef ITHACA_DAEMON_SERVER_VERSION_H_
#define ITHACA_DAEMON_SERVER_VERSION_H_

namespace ithaca::server {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_VERSION_H_
