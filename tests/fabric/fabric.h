// A network of hosts on one machine: namespaces, veth pairs, bridges, and
// token buckets for rates and queues. For the bench, for fault tests, by hand.
//
//   auto fabric = Fabric::Up(*ParseSpec("hosts=2,rails=2,rate=200mbit"));
//   ProcessOptions rank;
//   rank.argv = {...};
//   auto process = (*fabric)->Start(/*host=*/0, rank);
//   (*fabric)->SetBlackHole(/*host=*/1, /*rail=*/0, true);
//
// Threads: confined, except that faults may come from another thread than the
// one that starts processes. Life cycle: Up makes everything and the destructor
// (or the end of the process, by whatever means) removes everything and ends
// whatever still runs inside. Needs root and iproute2.
#ifndef ITHACA_TESTS_FABRIC_FABRIC_H_
#define ITHACA_TESTS_FABRIC_FABRIC_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "plugin/core/status.h"
#include "tests/fabric/instance.h"
#include "tests/fabric/process.h"
#include "tests/fabric/spec.h"

namespace ithaca::fabric {

// What passed a shaper.
struct QueueCounters {
  uint64_t bytes = 0;  // with Ethernet headers
  uint64_t packets = 0;
  uint64_t drops = 0;
};

class Fabric {
 public:
  // OK, or why this machine cannot make fabrics: what a test skips with.
  static Status Supported();

  // Ready when it returns: every rail of every host is running.
  static StatusOr<std::unique_ptr<Fabric>> Up(const Spec& spec);
  // One that was kept; it stays when this object goes.
  static StatusOr<std::unique_ptr<Fabric>> Attach(const std::string& id);

  // Stays when this object and this process go; `fabric down` removes it.
  Status Keep();

  const std::string& id() const { return id_; }
  const Spec& spec() const { return spec_; }

  std::string HostNetns(int host) const;  // path of its namespace
  std::string SwitchNetns() const;
  std::string HostAddress(int host, int rail) const;
  // A folder of the host's own, for ITHACA_RUN_DIR and files.
  std::string HostFolder(int host) const;
  // "rail0,rail1,..."
  std::string RailNames() const;

  StatusOr<Process> Start(int host, ProcessOptions options) const;
  // Runs `f` on a thread of its own inside the host and waits for it: sockets
  // made there stay there.
  Status InHost(int host, const std::function<void()>& f) const;

  // Faults. All take effect before they return and can be taken back.
  // The host's own end goes down: its sockets see errors.
  Status SetLink(int host, int rail, bool up) const;
  // The cable is pulled: the host's end stays up and loses its carrier.
  Status SetCarrier(int host, int rail, bool on) const;
  // Frames to and from the rail vanish; its link stays up.
  Status SetBlackHole(int host, int rail, bool on) const;
  // Both directions. REQUIRES: bps > 0, and shaped at Up.
  Status SetRate(int host, int rail, uint64_t bps) const;
  // Both ends of every TCP connection of this rail see a reset.
  Status ResetConnections(int host, int rail) const;

  // Towards the network, at the host; and towards the host, at the switch.
  // REQUIRES: shaped.
  StatusOr<QueueCounters> EgressCounters(int host, int rail) const;
  StatusOr<QueueCounters> IngressCounters(int host, int rail) const;
  // Packets that full queues of the switch dropped, hosts' ports and uplinks.
  StatusOr<uint64_t> SwitchDrops() const;

 private:
  Fabric(std::string id, Spec spec) : id_(std::move(id)), spec_(spec) {}
  Status Build() const;
  Status BuildHost(int host) const;
  Status WaitUntilRunning() const;
  Status CheckRail(int host, int rail) const;

  const std::string id_;
  const Spec spec_;
  std::unique_ptr<Instance> instance_;  // null when attached
};

}  // namespace ithaca::fabric

#endif  // ITHACA_TESTS_FABRIC_FABRIC_H_
