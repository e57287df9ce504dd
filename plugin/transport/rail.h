// A rail: one NIC port that can carry lanes. A value; immutable.
#ifndef ITHACA_PLUGIN_TRANSPORT_RAIL_H_
#define ITHACA_PLUGIN_TRANSPORT_RAIL_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace ithaca {

struct Rail {
  std::string name;            // of the network interface, "eth0"
  sockaddr_storage address{};  // port 0; AF_INET or AF_INET6
  int speed_mbps = 0;          // as the kernel says; 0 = unknown
  int numa_node = -1;          // -1 = unknown
  std::string pci_path;        // real path below /sys/devices; empty = none
  uint64_t guid = 0;           // unique per port on this host, never 0
  bool loopback = false;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_RAIL_H_
