#include "tests/fabric/plan.h"

namespace ithaca::fabric {
namespace {

std::string Number(uint64_t number) { return std::to_string(number); }

std::string PodBridge(int pod, int rail) {
  return "p" + Number(pod) + "r" + Number(rail);
}
// The two ends of an uplink: in the pod's bridge, and in the core's.
std::string UpEnd(int pod, int rail) { return PodBridge(pod, rail) + "up"; }
std::string DownEnd(int pod, int rail) { return PodBridge(pod, rail) + "down"; }
std::string CoreBridge(int rail) { return "core" + Number(rail); }

std::string MakeBridge(const std::string& name) {
  return "link add " + name +
         " up type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n";
}

std::string Join(const std::string& port, const std::string& bridge) {
  return "link set " + port + " master " + bridge + " up\n";
}

}  // namespace

std::string HostNamespace(const std::string& id, int host) {
  return id + "-h" + Number(host);
}

std::string SwitchNamespace(const std::string& id) { return id + "-switch"; }

std::vector<std::string> AllNamespaces(const std::string& id,
                                       const Spec& spec) {
  std::vector<std::string> names = {SwitchNamespace(id)};
  for (int h = 0; h < spec.hosts; ++h) names.push_back(HostNamespace(id, h));
  return names;
}

std::string RailName(int rail) { return "rail" + Number(rail); }

std::string PortName(int host, int rail) {
  return "h" + Number(host) + "r" + Number(rail);
}

std::string Address(const Spec& spec, int host, int rail) {
  return "10." + Number(rail) + "." + Number(spec.PodOfHost(host)) + "." +
         Number(host + 1);
}

std::string SwitchLinks(const std::string& id, const Spec& spec) {
  std::string text;
  const int pods = static_cast<int>(spec.pods.size());
  for (int r = 0; r < spec.rails; ++r) {
    if (pods > 1) text += MakeBridge(CoreBridge(r));
    for (int p = 0; p < pods; ++p) {
      text += MakeBridge(PodBridge(p, r));
      if (pods == 1) continue;
      text += "link add " + UpEnd(p, r) + " type veth peer name " +
              DownEnd(p, r) + "\n";
      text += Join(UpEnd(p, r), PodBridge(p, r));
      text += Join(DownEnd(p, r), CoreBridge(r));
    }
    for (int h = 0; h < spec.hosts; ++h) {
      text += "link add " + PortName(h, r) + " type veth peer name " +
              RailName(r) + " netns " + HostNamespace(id, h) + "\n";
      text += Join(PortName(h, r), PodBridge(spec.PodOfHost(h), r));
    }
  }
  return text;
}

std::string SwitchQueues(const Spec& spec) {
  std::string text;
  auto shape = [&](const std::string& device, uint64_t bps) {
    if (bps == 0) return;
    text += Shape("add", device, bps, spec.burst_bytes, spec.queue_bytes);
  };
  for (int r = 0; r < spec.rails; ++r) {
    for (int h = 0; h < spec.hosts; ++h) {
      shape(PortName(h, r), spec.rate_bps[h][r]);
    }
    if (spec.pods.size() == 1) continue;
    for (size_t p = 0; p < spec.pods.size(); ++p) {
      shape(UpEnd(p, r), spec.uplink_bps[p][r]);
      shape(DownEnd(p, r), spec.uplink_bps[p][r]);
    }
  }
  return text;
}

std::string HostLinks(const Spec& spec, int host) {
  std::string text = "link set lo up\n";
  for (int r = 0; r < spec.rails; ++r) {
    const std::string rail = RailName(r);
    text += "addr add " + Address(spec, host, r) + "/16 dev " + rail + "\n";
    text += "link set " + rail;
    if (spec.gso_bytes > 0) {
      text += " gso_max_size " + Number(spec.gso_bytes);
    }
    text += " up\n";
  }
  return text;
}

std::string HostQueues(const Spec& spec, int host) {
  std::string text;
  for (int r = 0; r < spec.rails; ++r) {
    if (spec.rate_bps[host][r] == 0) continue;
    text += Shape("add", RailName(r), spec.rate_bps[host][r], spec.burst_bytes,
                  spec.nic_queue_bytes);
  }
  return text;
}

std::string Shape(const char* verb, const std::string& device, uint64_t bps,
                  uint64_t burst_bytes, uint64_t limit_bytes) {
  return std::string("qdisc ") + verb + " dev " + device + " root tbf rate " +
         Number(bps) + "bit burst " + Number(burst_bytes) + "b limit " +
         Number(limit_bytes) + "b\n";
}

}  // namespace ithaca::fabric
