#include "plugin/socket/interfaces.h"

#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

namespace ithaca {
namespace {

std::string SysPath(const std::string& name, const char* file) {
  return "/sys/class/net/" + name + "/" + file;
}

int ReadInt(const std::string& path, int fallback) {
  std::ifstream file(path);
  int value;
  return file >> value ? value : fallback;
}

bool Exists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

// How good an address is; the best of an interface is taken.
int Preference(const sockaddr* address) {
  if (address->sa_family == AF_INET) return 3;
  if (address->sa_family != AF_INET6) return 0;
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(address);
  return IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) ? 1 : 2;
}

// A stable number per port: its MAC and its index, so that two without a MAC
// (loopback) differ and none is 0.
uint64_t Guid(const std::string& name) {
  std::ifstream file(SysPath(name, "address"));
  std::string mac;
  file >> mac;
  uint64_t guid = 14695981039346656037u;
  for (char c : mac + "/" + name)
    guid = (guid ^ static_cast<uint8_t>(c)) * 1099511628211u;
  return guid == 0 ? 1 : guid;
}

void ReadAttributes(Interface* interface) {
  Rail& rail = interface->rail;
  rail.speed_mbps = std::max(0, ReadInt(SysPath(rail.name, "speed"), 0));
  rail.numa_node = ReadInt(SysPath(rail.name, "device/numa_node"), -1);
  char path[PATH_MAX];
  if (realpath(SysPath(rail.name, "device").c_str(), path) != nullptr)
    rail.pci_path = path;
  rail.guid = Guid(rail.name);
  interface->virtual_bridge = Exists(SysPath(rail.name, "bridge")) ||
                              Exists(SysPath(rail.name, "brport")) ||
                              rail.name.compare(0, 6, "docker") == 0 ||
                              rail.name.compare(0, 5, "virbr") == 0;
}

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> parts;
  size_t start = 0;
  while (start <= list.size()) {
    const size_t end = std::min(list.find(',', start), list.size());
    if (end > start) parts.push_back(list.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

std::string Names(const std::vector<Interface>& interfaces) {
  std::string names;
  for (const Interface& interface : interfaces) {
    if (!names.empty()) names += ", ";
    names += interface.rail.name;
    if (!interface.up) names += " (down)";
  }
  return names.empty() ? "none" : names;
}

StatusOr<std::vector<Rail>> SelectNamed(
    const std::vector<Interface>& interfaces, const std::string& list) {
  std::vector<Rail> rails;
  for (const std::string& name : Split(list)) {
    const auto found =
        std::find_if(interfaces.begin(), interfaces.end(),
                     [&](const Interface& i) { return i.rail.name == name; });
    if (found == interfaces.end() || !found->up)
      return Errorf(
          Code::kNotFound, "ITHACA_RAILS names %s, which %s; this host has: %s",
          name.c_str(),
          found == interfaces.end() ? "has no address here" : "is down",
          Names(interfaces).c_str());
    if (std::any_of(rails.begin(), rails.end(),
                    [&](const Rail& r) { return r.name == name; }))
      return Errorf(Code::kInvalidArgument, "ITHACA_RAILS names %s twice",
                    name.c_str());
    rails.push_back(found->rail);
  }
  return rails;
}

// NCCL's syntax: [^][=]name,name...
bool MatchesNcclList(const std::string& name, std::string list) {
  bool exclude = false, exact = false;
  if (!list.empty() && list[0] == '^') exclude = true, list.erase(0, 1);
  if (!list.empty() && list[0] == '=') exact = true, list.erase(0, 1);
  const std::vector<std::string> parts = Split(list);
  const bool match =
      std::any_of(parts.begin(), parts.end(), [&](std::string part) {
        part = part.substr(0, part.find(':'));  // NCCL allows a port: ignored
        return exact ? name == part : name.compare(0, part.size(), part) == 0;
      });
  return match != exclude;
}

}  // namespace

StatusOr<std::vector<Interface>> DiscoverInterfaces() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0)
    return ErrnoError(Code::kInternal, errno, "cannot list the interfaces");
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list,
                                                               &freeifaddrs);
  std::vector<Interface> interfaces;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || Preference(entry->ifa_addr) == 0)
      continue;
    auto interface = std::find_if(
        interfaces.begin(), interfaces.end(),
        [&](const Interface& i) { return i.rail.name == entry->ifa_name; });
    if (interface == interfaces.end()) {
      interfaces.emplace_back();
      interface = interfaces.end() - 1;
      interface->rail.name = entry->ifa_name;
      interface->rail.loopback = entry->ifa_flags & IFF_LOOPBACK;
      interface->up = (entry->ifa_flags & IFF_UP) != 0 &&
                      (entry->ifa_flags & IFF_RUNNING) != 0;
      ReadAttributes(&*interface);
    } else if (Preference(entry->ifa_addr) <=
               Preference(reinterpret_cast<const sockaddr*>(
                   &interface->rail.address))) {
      continue;
    }
    interface->rail.address = {};
    memcpy(&interface->rail.address, entry->ifa_addr,
           entry->ifa_addr->sa_family == AF_INET ? sizeof(sockaddr_in)
                                                 : sizeof(sockaddr_in6));
  }
  return interfaces;
}

StatusOr<std::vector<Rail>> SelectRails(
    const std::vector<Interface>& interfaces, const Options& options) {
  if (!options.rails.empty() && options.rails != "auto")
    return SelectNamed(interfaces, options.rails);
  const bool nccl_list =
      options.rails.empty() && !options.socket_ifname.empty();
  std::vector<Rail> rails;
  for (const Interface& interface : interfaces) {
    if (!interface.up) continue;
    const bool wanted =
        nccl_list ? MatchesNcclList(interface.rail.name, options.socket_ifname)
                  : !interface.rail.loopback && !interface.virtual_bridge;
    if (wanted) rails.push_back(interface.rail);
  }
  if (rails.empty())
    return Errorf(
        Code::kNotFound,
        "no network interface is left by %s; this host has: %s. Name "
        "them in ITHACA_RAILS (ITHACA_RAILS=lo for tests on one host)",
        nccl_list ? ("NCCL_SOCKET_IFNAME=" + options.socket_ifname).c_str()
                  : "the default rule (up, not loopback, no bridge)",
        Names(interfaces).c_str());
  return rails;
}

}  // namespace ithaca
