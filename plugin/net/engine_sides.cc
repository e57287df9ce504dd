#include "plugin/net/engine_sides.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdlib>
#include <utility>

namespace ithaca::net {

std::vector<Rail> LoopbackRails(int first, int count) {
  std::vector<Rail> rails;
  for (int i = 0; i < count; ++i) {
    Rail rail;
    rail.name = "lo" + std::to_string(i);
    rail.loopback = true;
    auto* in = reinterpret_cast<sockaddr_in*>(&rail.address);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(0x7f000000 + first + i);
    rails.push_back(rail);
  }
  return rails;
}

Options SmallFragments() {
  Options options;
  options.fragment_bytes = 16 << 10;
  return options;
}

Side::Side(std::vector<Rail> rails, const Clock* clock, Options options,
           std::unique_ptr<LaneBackend> backend, uint64_t host,
           std::shared_ptr<nodepage::NodePage> page, Caretaker* caretaker) {
  device.name = "test";
  for (size_t i = 0; i < rails.size(); ++i) device.rails.push_back(i);
  auto made = Engine::Create({options, std::move(rails), 1, host, clock, &log,
                              std::move(page), caretaker},
                             std::move(backend));
  if (!made.ok()) abort();
  engine = *made;
}

bool Until(Side* a, Side* b, const std::function<bool()>& done) {
  for (int i = 0; i < 5'000'000; ++i) {
    if (done()) return true;
    a->engine->Progress();
    b->engine->Progress();
  }
  return false;
}

Link ConnectSides(Side* a, Side* b, int lanes) {
  Link link;
  uint8_t handle[kHandleSize];
  auto listener = b->engine->Listen(b->device, handle);
  if (!listener.ok()) return {};
  bool failed = false;
  const bool connected = Until(a, b, [&] {
    if (link.send == nullptr) {
      auto comm = a->engine->Connect(a->device, handle);
      failed |= !comm.ok();
      if (comm.ok()) link.send = *std::move(comm);
    }
    if (link.recv == nullptr) {
      auto comm = b->engine->Accept(listener->get());
      failed |= !comm.ok();
      if (comm.ok()) link.recv = *std::move(comm);
    }
    return failed || (link.send != nullptr && link.recv != nullptr &&
                      link.send->connection()->lanes_up() == lanes &&
                      link.recv->connection()->lanes_up() == lanes);
  });
  if (failed || !connected) return {};
  return link;
}

}  // namespace ithaca::net
