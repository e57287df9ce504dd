#include "daemon/topology/sysfs_links.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/topology/check.h"
#include "daemon/topology/origins.h"
#include "daemon/topology/pci_text.h"

namespace ithaca::topology {
namespace {

namespace fs = std::filesystem;

// A file of the kernel's is short; what is longer is none.
constexpr size_t kMaxFileBytes = 256;

class Sysfs {
 public:
  Sysfs(const std::string& root, uint32_t source, v1::Node& node)
      : root_(root), source_(source), node_(node) {}

  void AddInterfaces();
  void AddSpeeds();
  void AddPci();

 private:
  // The text of a file without white space around it; "" when it cannot be
  // read.
  std::string Read(const std::string& path) const {
    std::ifstream in(root_ + path, std::ios::binary);
    std::string text(kMaxFileBytes, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(in.gcount()));
    return std::string(absl::StripAsciiWhitespace(text));
  }
  void AddInterfaceFacts(v1::Rail& rail);
  void AddRdmaFacts(v1::Rail& rail);
  template <typename Device>
  void AddDeviceFacts(Device& device);
  v1::PciLink LinkOf(const std::string& address) const;

  const std::string root_;
  const uint32_t source_;
  v1::Node& node_;
};

void Sysfs::AddInterfaces() {
  std::set<std::string> known;
  for (const v1::Rail& rail : node_.rails()) known.insert(rail.name());
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it(root_ + "/class/net", error), end;
       !error && it != end && found.size() < kMaxPerNode; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    if (known.count(name) == 0 && fs::exists(it->path() / "device", ignored))
      found.push_back(name);
  }
  std::sort(found.begin(), found.end());
  for (const std::string& name : found) {
    v1::Rail& rail = *node_.add_rails();
    rail.set_name(name);
    SetOrigin("name", source_, "/class/net", *rail.mutable_origins());
  }
}

void Sysfs::AddInterfaceFacts(v1::Rail& rail) {
  const std::string base = absl::StrCat("/class/net/", rail.name());
  const auto speed = ParseWhole(Read(base + "/speed"));
  // The kernel has 32 bits for it, and -1, also unsigned, is unknown.
  if (speed && *speed > 0 && *speed < UINT32_MAX) {
    rail.set_speed_mbps(*speed);
    SetOrigin("speed_mbps", source_, base + "/speed", *rail.mutable_origins());
  }
  const std::string state = Read(base + "/operstate");
  if (state != "up" && state != "down" && state != "lowerlayerdown") return;
  rail.set_state(state == "up" ? v1::LINK_STATE_UP : v1::LINK_STATE_DOWN);
  SetOrigin("state", source_, base + "/operstate", *rail.mutable_origins());
}

// rate is "400 Gb/sec (4X NDR)", state "4: ACTIVE".
void Sysfs::AddRdmaFacts(v1::Rail& rail) {
  if (rail.rdma_device().empty()) return;
  const std::string base =
      absl::StrCat("/class/infiniband/", rail.rdma_device(), "/ports/",
                   rail.has_port() ? rail.port() : 1);
  const std::vector<std::string> rate =
      absl::StrSplit(Read(base + "/rate"), ' ');
  double gigabits = 0;
  if (!rail.has_speed_mbps() && rate.size() > 1 && rate[1] == "Gb/sec" &&
      absl::SimpleAtod(rate[0], &gigabits) && gigabits > 0 && gigabits < 1e6) {
    rail.set_speed_mbps(static_cast<uint64_t>(gigabits * 1000));
    SetOrigin("speed_mbps", source_, base + "/rate", *rail.mutable_origins());
  }
  const std::string state = Read(base + "/state");
  if (rail.state() != v1::LINK_STATE_UNSPECIFIED || state.empty()) return;
  rail.set_state(absl::StrContains(state, "ACTIVE") ? v1::LINK_STATE_UP
                                                    : v1::LINK_STATE_DOWN);
  SetOrigin("state", source_, base + "/state", *rail.mutable_origins());
}

void Sysfs::AddSpeeds() {
  for (v1::Rail& rail : *node_.mutable_rails()) {
    AddInterfaceFacts(rail);
    AddRdmaFacts(rail);
  }
}

v1::PciLink Sysfs::LinkOf(const std::string& address) const {
  const std::string base = absl::StrCat("/bus/pci/devices/", address);
  v1::PciLink link;
  SetPciLink(Read(base + "/max_link_speed"), Read(base + "/max_link_width"),
             link);
  return link;
}

template <typename Device>
void Sysfs::AddDeviceFacts(Device& device) {
  if (device.pci_address().empty()) return;
  const std::string base =
      absl::StrCat("/bus/pci/devices/", device.pci_address());
  const v1::PciLink link = LinkOf(device.pci_address());
  if (link.ByteSizeLong() > 0) {
    *device.mutable_pci_link() = link;
    SetOrigin("pci_link", source_, base + "/max_link_speed",
              *device.mutable_origins());
  }
  const auto numa = ParseWhole(Read(base + "/numa_node"));
  if (!numa || *numa > UINT32_MAX) return;
  device.set_numa_node(static_cast<uint32_t>(*numa));
  SetOrigin("numa_node", source_, base + "/numa_node",
            *device.mutable_origins());
}

void Sysfs::AddPci() {
  std::set<std::string> bridges;
  for (v1::Accelerator& a : *node_.mutable_accelerators()) {
    AddDeviceFacts(a);
    bridges.insert(a.pci_bridges().begin(), a.pci_bridges().end());
  }
  for (v1::Rail& rail : *node_.mutable_rails()) {
    AddDeviceFacts(rail);
    bridges.insert(rail.pci_bridges().begin(), rail.pci_bridges().end());
  }
  for (const std::string& address : bridges) {
    const v1::PciLink link = LinkOf(address);
    if (link.ByteSizeLong() == 0 || node_.pci_bridges_size() == kMaxPerNode)
      continue;
    v1::PciBridge& bridge = *node_.add_pci_bridges();
    bridge.set_pci_address(address);
    *bridge.mutable_pci_link() = link;
  }
}

}  // namespace

void AddLinks(const std::string& sysfs, uint32_t source, v1::Node& node) {
  Sysfs reader(sysfs, source, node);
  reader.AddInterfaces();
  reader.AddSpeeds();
  reader.AddPci();
}

}  // namespace ithaca::topology
