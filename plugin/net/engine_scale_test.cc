// What an engine touches for one message, among 16 peers and among 4,096: the
// lanes of that connection, and no other. Lanes are in memory and count what
// they are asked; the handshakes go over sockets as ever.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugin/net/engine_sides.h"

namespace ithaca::net {
namespace {

#ifdef ITHACA_SANITIZED
constexpr int kMany = 512;
#else
constexpr int kMany = 4096;
#endif
constexpr int kFew = 16;

class MemoryLane;

// What both ends' lanes share: who is who, what is under way, and the count.
struct Network {
  std::map<uint64_t, MemoryLane*> lanes;
  std::vector<std::pair<uint64_t, std::pair<Frame, std::string>>> under_way;
  uint64_t next_id = 1;
  // Calls on lanes since the test set it to 0, and which lanes they were.
  int calls = 0;
  std::map<const MemoryLane*, int> called;
};

class MemoryLane : public Lane {
 public:
  MemoryLane(Network* network, uint64_t id, uint64_t peer, LaneSink* sink)
      : sink_(sink), network_(network), id_(id), peer_(peer) {
    network_->lanes[id_] = this;
  }
  ~MemoryLane() override { network_->lanes.erase(id_); }

  void Send(const Frame& frame, const void* payload) override {
    Count();
    std::string bytes(frame.payload_bytes, '\0');
    if (!bytes.empty()) memcpy(bytes.data(), payload, bytes.size());
    network_->under_way.push_back({peer_, {frame, std::move(bytes)}});
  }
  void Forget(uint32_t) override { Count(); }
  uint64_t queued_bytes() const override {
    Count();
    return 0;
  }
  LaneCounters counters() const override {
    Count();
    return {};
  }
  std::string Describe() const override { return "memory"; }

  void Take(const Frame& frame, const std::string& bytes) {
    void* target = nullptr;
    if (!bytes.empty()) {
      ASSERT_TRUE(sink_->OnFrameHead(this, frame, &target).ok());
      if (target != nullptr) memcpy(target, bytes.data(), bytes.size());
    }
    ASSERT_TRUE(sink_->OnFrame(this, frame).ok());
  }

 private:
  void Count() const {
    ++network_->calls;
    ++network_->called[this];
  }
  LaneSink* const sink_;
  Network* const network_;
  const uint64_t id_, peer_;
};

class MemoryBackend : public LaneBackend {
 public:
  explicit MemoryBackend(Network* network) : network_(network) {}
  const char* name() const override { return "memory"; }
  int Progress() override {
    const auto frames = std::exchange(network_->under_way, {});
    for (const auto& [to, frame] : frames) {
      const auto lane = network_->lanes.find(to);
      if (lane != network_->lanes.end())
        lane->second->Take(frame.first, frame.second);
    }
    return frames.size();
  }
  StatusOr<std::string> Address(int) override { return std::string("here"); }
  uint64_t ReserveLaneId() override { return network_->next_id++; }
  StatusOr<std::unique_ptr<Lane>> Open(int, uint64_t id, std::string_view,
                                       uint64_t peer, LaneSink* sink) override {
    return std::unique_ptr<Lane>(
        std::make_unique<MemoryLane>(network_, id, peer, sink));
  }

 private:
  Network* const network_;
};

// A microsecond passes whenever somebody looks, unless it stands still.
class SteppingClock : public Clock {
 public:
  int64_t NowNs() const override { return now_ns_ += still ? 0 : 1000; }
  bool still = false;

 private:
  mutable int64_t now_ns_ = kNsPerSecond;
};

// One message of `bytes` over the link. Returns the calls on lanes.
int CallsFor(size_t bytes, Link* link, Side* side, Network* network) {
  std::vector<char> out(bytes, 'x'), in(bytes);
  network->calls = 0;
  network->called.clear();
  auto received = link->recv->connection()->Receive(in.data(), bytes, 0);
  auto sent = link->send->connection()->Send(out.data(), bytes, 0);
  EXPECT_TRUE(received.ok() && sent.ok());
  side->engine->Kick();
  bool got = false, acked = false;
  EXPECT_TRUE(Until(side, side, [&] {
    uint64_t size;
    got = got || *link->recv->connection()->Test(*received, &size);
    acked = acked || *link->send->connection()->Test(*sent, &size);
    return got && acked;
  }));
  EXPECT_EQ(in, out);
  EXPECT_LE(network->called.size(), 2) << "the two ends' lanes, and no other";
  return network->calls;
}

TEST(EngineScale, AMessageTouchesItsOwnConnectionAlone) {
  Network network;
  SteppingClock clock;
  Side side(LoopbackRails(1, 1), &clock, SmallFragments(),
            std::make_unique<MemoryBackend>(&network));
  std::vector<Link> links;
  std::map<size_t, int> among_few;
  for (int peers : {kFew, kMany}) {
    SCOPED_TRACE(peers);
    while (static_cast<int>(links.size()) < peers) {
      links.push_back(ConnectSides(&side, &side, 1));
      ASSERT_NE(links.back().send, nullptr);
    }
    for (size_t bytes : {size_t{8}, size_t{200'000}}) {
      (void)clock.NowNs();
      clock.still = true;  // what is done now and then is not for the message
      const int calls = CallsFor(bytes, &links[peers / 2], &side, &network);
      clock.still = false;
      if (peers == kFew)
        among_few[bytes] = calls;
      else
        EXPECT_EQ(calls, among_few[bytes]) << bytes;
    }
  }
}

}  // namespace
}  // namespace ithaca::net
