#include <simgrid/s4u.hpp>

#include "tests/bench/all_to_all_case.h"

namespace ithaca::bench {
namespace {

namespace sg4 = simgrid::s4u;

using Hosts = std::vector<sg4::Host*>;

Hosts MakeTree(sg4::NetZone* root, const FatTree& tree,
               const std::string& name) {
  Hosts hosts(tree.hosts());
  const sg4::ClusterCallbacks callbacks(
      [&hosts, &name](
          sg4::NetZone* zone, const std::vector<unsigned long>& /*place*/,
          unsigned long id) -> std::pair<simgrid::kernel::routing::NetPoint*,
                                         simgrid::kernel::routing::NetPoint*> {
        sg4::Host* host =
            zone->create_host(name + "-" + std::to_string(id), 1e9);
        host->seal();
        hosts[id] = host;
        return {host->get_netpoint(), nullptr};
      });
  const sg4::FatTreeParams shape(2, {tree.hosts_per_leaf, tree.leaves},
                                 {1, tree.spines}, {1, 1});
  sg4::create_fatTree_zone(name, root, shape, callbacks, tree.bytes_per_second,
                           tree.latency_seconds,
                           sg4::Link::SharingPolicy::SPLITDUPLEX)
      ->seal();
  return hosts;
}

double Exchange(const Case& c, const Hosts& hosts) {
  const double start = sg4::Engine::get_clock();
  std::vector<sg4::CommPtr> flows;
  for (uint32_t group = 0; group < c.tree.hosts() / c.group_size; ++group) {
    for (uint32_t from = 0; from < c.group_size; ++from) {
      for (uint32_t to = 0; to < c.group_size; ++to) {
        if (from == to) continue;
        flows.push_back(sg4::Comm::sendto_async(
            hosts[c.HostOf(group, from)], hosts[c.HostOf(group, to)],
            static_cast<uint64_t>(c.BytesTo(to))));
      }
    }
  }
  for (const sg4::CommPtr& flow : flows) flow->wait();
  return sg4::Engine::get_clock() - start;
}

}  // namespace

std::vector<double> SimulatedSeconds(const std::vector<Case>& cases) {
  std::string program = "bench";
  char* arguments[] = {program.data(), nullptr};
  int count = 1;
  sg4::Engine engine(&count, arguments);
  sg4::Engine::set_config("network/model:CM02");
  sg4::Engine::set_config("network/crosstraffic:0");
  sg4::Engine::set_config("network/TCP-gamma:0");
  sg4::NetZone* root = sg4::create_full_zone("root");
  std::vector<Hosts> trees;
  for (size_t i = 0; i < cases.size(); ++i) {
    trees.push_back(MakeTree(root, cases[i].tree, "tree" + std::to_string(i)));
  }
  root->seal();
  std::vector<double> seconds(cases.size());
  sg4::Actor::create("all", trees[0][0], [&] {
    for (size_t i = 0; i < cases.size(); ++i) {
      seconds[i] = Exchange(cases[i], trees[i]);
    }
  });
  engine.run();
  return seconds;
}

}  // namespace ithaca::bench
