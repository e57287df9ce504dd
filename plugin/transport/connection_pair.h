// Both ends of a connection in one place, with the lanes that a test gives
// them.
//
// Used by the tests of connections. Confined to one thread.
#ifndef ITHACA_PLUGIN_TRANSPORT_CONNECTION_PAIR_H_
#define ITHACA_PLUGIN_TRANSPORT_CONNECTION_PAIR_H_

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "plugin/transport/fake_lane.h"
#include "plugin/transport/recv_connection.h"
#include "plugin/transport/send_connection.h"

namespace ithaca {

class NullLog : public LogSink {
 public:
  void Write(LogLevel, const char*, int, const char*) override { ++lines; }
  int lines = 0;
};

class Owner : public ConnectionOwner {
 public:
  void OnWantsFlush(Connection* connection) override {
    dirty.push_back(connection);
  }
  void OnFailed(Connection*) override { ++failed; }
  void Flush() {
    for (Connection* connection : dirty) connection->Flush();
    dirty.clear();
  }
  std::vector<Connection*> dirty;
  int failed = 0;
};

inline constexpr size_t kEager = 4096;
inline constexpr size_t kFragment = 10000;

// A connection over `lanes` fake lanes.
struct Pair {
  Pair(int lanes, std::mt19937* random, uint64_t window = 1 << 20)
      : random(random), broker(2, {window, kFragment}) {
    for (int i = 0; i < lanes; ++i)
      wires.push_back(
          std::make_unique<FakeWire>("lane" + std::to_string(i), random));
    sender =
        std::make_unique<SendConnection>("b", kEager, &owner, &clock, &log);
    RecvConnection::Options options;
    options.peer = "a";
    options.broker = &broker;
    options.owner = &owner;
    options.clock = &clock;
    options.log = &log;
    receiver = std::make_unique<RecvConnection>(options);
    for (int i = 0; i < lanes; ++i) {
      EXPECT_TRUE(
          sender->AddLane(i, i % 2, wires[i]->TakeEnd(0, sender.get())).ok());
      EXPECT_TRUE(
          receiver->AddLane(i, i % 2, wires[i]->TakeEnd(1, receiver.get()))
              .ok());
    }
  }

  // One random step of the network; false when all is quiet.
  bool Step() {
    clock.AdvanceNs(1000);
    const size_t first = (*random)() % wires.size();
    bool moved = false;
    for (size_t i = 0; i < wires.size() && !moved; ++i)
      moved = wires[(first + i) % wires.size()]->Deliver();
    broker.Serve(clock.NowNs());
    if (!moved || (*random)() % 4 == 0) {
      moved |= !owner.dirty.empty();
      owner.Flush();
    }
    return moved;
  }

  std::mt19937* random;
  FakeClock clock;
  NullLog log;
  Owner owner;
  rails::CreditBroker broker;
  std::vector<std::unique_ptr<FakeWire>> wires;
  std::unique_ptr<SendConnection> sender;
  std::unique_ptr<RecvConnection> receiver;
};

std::vector<char> RandomBytes(size_t n, std::mt19937* random) {
  std::vector<char> bytes(n);
  for (size_t i = 0; i < n; i += 4) {
    const uint32_t word = (*random)();
    memcpy(&bytes[i], &word, std::min<size_t>(4, n - i));
  }
  return bytes;
}

size_t RandomSize(std::mt19937* random) {
  switch ((*random)() % 5) {
    case 0:
      return 0;
    case 1:
      return (*random)() % kEager + 1;
    case 2:
      return kEager + (*random)() % 3;
    default:
      return (*random)() % (8 * kFragment);
  }
}

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_CONNECTION_PAIR_H_
