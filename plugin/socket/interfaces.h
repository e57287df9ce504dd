// Which network interfaces are rails: what the kernel has, and what is wanted.
//
// Discovery reads getifaddrs and sysfs; selection is a pure function of its
// result. Values; no threads, no state.
#ifndef ITHACA_PLUGIN_SOCKET_INTERFACES_H_
#define ITHACA_PLUGIN_SOCKET_INTERFACES_H_

#include <string>
#include <vector>

#include "plugin/core/options.h"
#include "plugin/core/status.h"
#include "plugin/transport/rail.h"

namespace ithaca {

struct Interface {
  Rail rail;
  bool up = false;
  // A bridge, or the host's end of a container's cable: not a way out.
  bool virtual_bridge = false;
};

// Every interface with an address, in the kernel's order; of several addresses
// the first IPv4, else the first global IPv6, else link-local.
StatusOr<std::vector<Interface>> DiscoverInterfaces();

// The rails among them, by options.rails, else options.socket_ifname, else the
// default rule of Options. NOT_FOUND, naming what there is, when a wanted one
// is missing, is down, or none is left.
StatusOr<std::vector<Rail>> SelectRails(
    const std::vector<Interface>& interfaces, const Options& options);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SOCKET_INTERFACES_H_
