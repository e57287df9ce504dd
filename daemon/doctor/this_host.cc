#include "daemon/doctor/this_host.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <ifaddrs.h>
#include <link.h>
#include <linux/magic.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <memory>

extern char** environ;

namespace ithaca::doctor {
namespace {

// Not all of them are in linux/magic.h.
constexpr long kNetworkFileSystems[] = {
    NFS_SUPER_MAGIC,         SMB_SUPER_MAGIC,
    0xff534d42 /* CIFS */,   0x0bd00bd0 /* Lustre */,
    0x47504653 /* GPFS */,   0x00c36400 /* Ceph */,
    0x19830326 /* BeeGFS */, 0xaad7aaea /* PanFS */};

std::map<std::string, std::string> Environment() {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos)
      all[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return all;
}

// Numeric; empty: carries no traffic.
std::string AddressText(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address != nullptr && address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr,
              text, sizeof text);
  } else if (address != nullptr && address->sa_family == AF_INET6) {
    inet_ntop(AF_INET6,
              &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text,
              sizeof text);
  }
  return text;
}

void ReadAttributes(Interface* interface) {
  const Host files;
  const std::string folder = "/sys/class/net/" + interface->name;
  interface->speed_mbps =
      std::max<int64_t>(0, files.ReadNumber(folder + "/speed").value_or(0));
  interface->mtu = files.ReadNumber(folder + "/mtu").value_or(0);
  struct stat found {};
  interface->bridge = stat((folder + "/bridge").c_str(), &found) == 0 ||
                      stat((folder + "/brport").c_str(), &found) == 0 ||
                      interface->name.rfind("docker", 0) == 0 ||
                      interface->name.rfind("virbr", 0) == 0;
}

std::vector<Interface> ListInterfaces() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  std::vector<Interface> all;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    auto it = std::find_if(all.begin(), all.end(), [entry](const Interface& i) {
      return i.name == entry->ifa_name;
    });
    if (it == all.end()) {
      Interface made;
      made.name = entry->ifa_name;
      made.up = (entry->ifa_flags & IFF_UP) != 0 &&
                (entry->ifa_flags & IFF_RUNNING) != 0;
      made.loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0;
      ReadAttributes(&made);
      it = all.insert(all.end(), std::move(made));
    }
    const std::string address = AddressText(entry->ifa_addr);
    if (!address.empty()) it->addresses.push_back(address);
  }
  return all;
}

std::optional<uint64_t> SoftLimit(int resource) {
  rlimit limit{};
  getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  if (limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return limit.rlim_cur;
}

bool ClockIsKept() {
  timex state{};
  return adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
}

}  // namespace

std::optional<FileSystem> LookAtFileSystem(const std::string& path) {
  struct statfs info {};
  if (statfs(path.c_str(), &info) != 0) return std::nullopt;
  FileSystem system;
  system.free_bytes = static_cast<uint64_t>(info.f_bavail) *
                      static_cast<uint64_t>(info.f_bsize);
  const auto type = static_cast<long>(info.f_type);
  system.network = std::count(std::begin(kNetworkFileSystems),
                              std::end(kNetworkFileSystems), type) != 0;
  system.memory = type == TMPFS_MAGIC || type == RAMFS_MAGIC;
  return system;
}

// In this process: what a job would load, this user may load.
Library LoadLibrary(const std::string& name,
                    const std::vector<std::string>& folders,
                    const std::vector<std::string>& symbols) {
  std::string file = name;
  struct stat found {};
  for (const std::string& folder : folders) {
    if (name.find('/') != std::string::npos) break;
    if (stat((folder + "/" + name).c_str(), &found) == 0) {
      file = folder + "/" + name;
      break;
    }
  }
  Library library;
  // Not closed: a library that was made never to be unloaded stays anyway.
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    library.error = dlerror();
    return library;
  }
  link_map* map = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr)
    library.path = map->l_name;
  for (const std::string& symbol : symbols) {
    if (dlsym(handle, symbol.c_str()) != nullptr)
      library.symbols.insert(symbol);
  }
  using GetVersion = int (*)(int*);
  const auto get_version =
      reinterpret_cast<GetVersion>(dlsym(handle, "ncclGetVersion"));
  int version = 0;
  if (get_version != nullptr && get_version(&version) == 0)
    library.nccl_version = version;
  return library;
}

Host ThisHost() {
  Host host;
  host.environment = Environment();
  host.uid = geteuid();
  host.file_system = LookAtFileSystem;
  host.load = LoadLibrary;
  host.interfaces = ListInterfaces;
  host.limit = SoftLimit;
  host.clock_is_kept = ClockIsKept;
  host.unix_seconds = [] { return static_cast<int64_t>(time(nullptr)); };
  return host;
}

}  // namespace ithaca::doctor
