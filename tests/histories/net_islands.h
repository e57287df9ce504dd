// Hosts on one machine that can be cut off: network namespaces that nobody
// else sees, on a bridge in a namespace of this process's own.
//
// Nothing of it has a name outside: when the process ends, by whatever means,
// the kernel removes it all.
//
// Used by the histories under partitions. Threads: confined; Make before the
// process has other threads (they would stay outside). Life: Make, once in a
// process; hosts end with the object.
#ifndef ITHACA_TESTS_HISTORIES_NET_ISLANDS_H_
#define ITHACA_TESTS_HISTORIES_NET_ISLANDS_H_

#include <memory>
#include <string>
#include <vector>

#include "plugin/core/status.h"
#include "tests/fabric/process.h"

namespace ithaca::histories {

class NetIslands {
 public:
  // Moves the calling thread into a namespace of its own. The reason when that
  // is not possible here: what a test skips with.
  static StatusOr<std::unique_ptr<NetIslands>> Make(int hosts);

  // This process, as hosts reach it.
  static constexpr char kNearAddress[] = "10.77.0.100";
  // Reachable from this process and from each other.
  std::string address(int host) const;
  // Put before a command, it runs on the host.
  std::vector<std::string> wrapper(int host) const;
  // Nothing reaches the host, and nothing comes from it; or again.
  Status Cut(int host, bool cut) const;

 private:
  NetIslands() = default;
  Status AddHost(int host);

  // Each keeps a namespace alive.
  std::vector<fabric::Process> holders_;
};

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_NET_ISLANDS_H_
