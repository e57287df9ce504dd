// Both ends of a connection over fake lanes: random sizes, tags, orders,
// deaths.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "plugin/transport/fake_lane.h"
#include "plugin/transport/recv_connection.h"
#include "plugin/transport/send_connection.h"

namespace ithaca {
namespace {

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

#ifdef ITHACA_SANITIZED
constexpr int kRounds = 1;
#else
constexpr int kRounds = 6;
#endif
constexpr size_t kEager = 4096;
constexpr size_t kFragment = 10000;

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

// A receive of one buffer, or of a group.
struct Receive {
  Request* request = nullptr;
  std::vector<std::vector<char>> buffers;
  std::vector<void*> data;
  std::vector<size_t> sizes;
  std::vector<int> tags;

  void AddBuffer(size_t size, int tag) {
    buffers.emplace_back(size + 16, '\x5a');
    data.push_back(buffers.back().data());
    sizes.push_back(size);
    tags.push_back(tag);
  }
  int CountTag(int tag) const {
    return std::count(tags.begin(), tags.end(), tag);
  }
};

// Sends `count` random messages under a few tags while lanes (all but one)
// break; checks each byte, the order per tag, and that nothing is written past
// a message or after it completed.
void RunTraffic(int lanes, int deaths, int count, uint64_t window,
                unsigned seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  Pair pair(lanes, &random, window);
  std::vector<std::pair<int, std::vector<char>>> sent;
  std::map<int, std::deque<size_t>> expected;  // by tag: indices into sent
  // What is sent is freed when the request is complete.
  std::vector<std::pair<Request*, std::unique_ptr<std::vector<char>>>> sends;
  std::vector<std::unique_ptr<Receive>> receives, finished;
  std::map<int, int> to_post;
  int completed = 0;
  for (int i = 0; i < count; ++i) {
    const int tag = random() % 3;
    sent.push_back({tag, RandomBytes(RandomSize(&random), &random)});
    ++to_post[tag];
  }
  size_t next = 0;
  int left_to_break = deaths;
  for (int steps = 0; completed < count || !sends.empty(); ++steps) {
    ASSERT_LT(steps, 5'000'000) << "stuck";
    if (next < sent.size() && random() % 3 == 0) {
      const auto& [tag, bytes] = sent[next];
      auto memory = std::make_unique<std::vector<char>>(bytes);
      auto request = pair.sender->Send(memory->data(), bytes.size(), tag);
      ASSERT_TRUE(request.ok()) << request.status().ToString();
      if (*request != nullptr) {
        sends.push_back({*request, std::move(memory)});
        expected[tag].push_back(next++);
      }
    }
    if (random() % 3 == 0) {
      auto receive = std::make_unique<Receive>();
      for (int n = random() % 2 ? 1 : 1 + random() % kMaxGroup; n > 0; --n) {
        const int tag = random() % 3;
        if (to_post[tag] > receive->CountTag(tag))
          receive->AddBuffer(8 * kFragment + random() % 100, tag);
      }
      if (!receive->data.empty()) {
        auto request =
            pair.receiver->Receive(receive->data.size(), receive->data.data(),
                                   receive->sizes.data(), receive->tags.data());
        ASSERT_TRUE(request.ok()) << request.status().ToString();
        ASSERT_NE(*request, nullptr);
        for (int tag : receive->tags) --to_post[tag];
        receive->request = *request;
        receives.push_back(std::move(receive));
      }
    }
    pair.Step();
    if (left_to_break > 0 && random() % 50 == 0) {
      const size_t wire = left_to_break;  // lane 0 lives
      // Both ends notice, at different times; steps go on in between.
      const int side = pair.wires[wire]->up(0) && random() % 2 ? 0 : 1;
      pair.wires[wire]->Break(pair.wires[wire]->up(side) ? side : 1 - side);
      if (!pair.wires[wire]->up(0) && !pair.wires[wire]->up(1)) --left_to_break;
    }
    for (size_t i = 0; i < sends.size();) {
      uint64_t bytes = 0;
      auto done = pair.sender->Test(sends[i].first, &bytes);
      ASSERT_TRUE(done.ok()) << done.status().ToString();
      if (*done) {
        ASSERT_EQ(bytes, sends[i].second->size());
        std::fill(sends[i].second->begin(), sends[i].second->end(), '\x44');
        sends.erase(sends.begin() + i);
      } else {
        ++i;
      }
    }
    for (size_t i = 0; i < receives.size();) {
      uint64_t bytes[kMaxGroup] = {};
      auto done = pair.receiver->Test(receives[i]->request, bytes);
      ASSERT_TRUE(done.ok()) << done.status().ToString();
      if (!*done) {
        ++i;
        continue;
      }
      Receive& receive = *receives[i];
      for (size_t k = 0; k < receive.tags.size(); ++k) {
        // Equal tags match in post order, so the oldest posted of a tag takes
        // the oldest sent; completion may come in any order.
        size_t nth = 0;
        for (size_t j = 0; j < i; ++j)
          nth += receives[j]->CountTag(receive.tags[k]);
        auto& queue = expected[receive.tags[k]];
        ASSERT_LT(nth, queue.size());
        const auto& want = sent[queue[nth]].second;
        queue.erase(queue.begin() + nth);
        ASSERT_EQ(bytes[k], want.size());
        auto& buffer = receive.buffers[k];
        ASSERT_TRUE(std::equal(want.begin(), want.end(), buffer.begin()));
        for (size_t j = want.size(); j < buffer.size(); ++j)
          ASSERT_EQ(buffer[j], '\x5a') << "byte " << j;
        std::fill(buffer.begin(), buffer.end(), '\x33');
        ++completed;
      }
      finished.push_back(std::move(receives[i]));
      receives.erase(receives.begin() + i);
    }
  }
  while (pair.Step()) {
  }
  for (const auto& receive : finished)
    for (const auto& buffer : receive->buffers)
      for (char c : buffer) ASSERT_EQ(c, '\x33') << "late byte";
  EXPECT_EQ(pair.sender->unacknowledged(), 0);
  EXPECT_EQ(pair.broker.outstanding(0), 0);
  EXPECT_EQ(pair.broker.outstanding(1), 0);
  EXPECT_EQ(pair.owner.failed, 0);
}

TEST(Connection, RandomTrafficOverOneLane) {
  const unsigned seed = std::random_device()();
  for (int i = 0; i < kRounds; ++i) RunTraffic(1, 0, 150, 1 << 20, seed + i);
}

TEST(Connection, RandomTrafficOverFourLanesInASmallWindow) {
  const unsigned seed = std::random_device()();
  for (int i = 0; i < kRounds; ++i)
    RunTraffic(4, 0, 150, 3 * kFragment, seed + i);
}

TEST(Connection, EachByteOnceWhileLanesDie) {
  const unsigned seed = std::random_device()();
  for (int i = 0; i < 5 * kRounds; ++i) RunTraffic(4, 3, 80, 1 << 20, seed + i);
}

class ConnectionTest : public testing::Test {
 protected:
  std::mt19937 random_{std::random_device()()};
  Pair pair_{1, &random_};
};

TEST_F(ConnectionTest, TakesAWindowOfSendsWithoutAReceive) {
  const std::vector<char> small(100), large(5 * kFragment);
  for (uint32_t i = 0; i < kMessageWindow; ++i) {
    const auto& data = i % 2 ? small : large;
    auto request = pair_.sender->Send(data.data(), data.size(), 7);
    ASSERT_TRUE(request.ok());
    ASSERT_NE(*request, nullptr) << i;
    while (pair_.Step()) {
    }
  }
  auto request = pair_.sender->Send(small.data(), small.size(), 7);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(*request, nullptr);
}

TEST_F(ConnectionTest, AMessageLargerThanItsReceiveFailsTheConnection) {
  for (size_t bytes : {size_t{200}, 2 * kFragment}) {
    Pair pair(1, &random_);
    const std::vector<char> data(bytes);
    std::vector<char> buffer(100);
    auto received = pair.receiver->Receive(buffer.data(), buffer.size(), 1);
    ASSERT_TRUE(received.ok());
    ASSERT_TRUE(pair.sender->Send(data.data(), bytes, 1).ok());
    while (pair.Step()) {
    }
    uint64_t size;
    auto done = pair.receiver->Test(*received, &size);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(pair.owner.failed, 1);
    EXPECT_EQ(pair.log.lines, 1);
  }
}

TEST_F(ConnectionTest, DeregisteredMemoryIsNeverWrittenAgain) {
  const std::vector<char> data(4 * kFragment, 'x');
  std::vector<char> buffer(4 * kFragment);
  auto received = pair_.receiver->Receive(buffer.data(), buffer.size(), 1);
  ASSERT_TRUE(received.ok());
  ASSERT_TRUE(pair_.sender->Send(data.data(), data.size(), 1).ok());
  for (int i = 0; i < 6; ++i) pair_.Step();  // in the middle of it
  pair_.receiver->OnMemoryGone(buffer.data(), buffer.data() + 1);
  std::fill(buffer.begin(), buffer.end(), 'o');
  while (pair_.Step()) {
  }
  for (char c : buffer) ASSERT_EQ(c, 'o');
  uint64_t bytes;
  EXPECT_FALSE(pair_.receiver->Test(*received, &bytes).ok());
}

// A lane whose other end is the test.
class RecordingLane : public Lane {
 public:
  void Send(const Frame& frame, const void*) override { sent.push_back(frame); }
  void Forget(uint32_t seq) override { forgotten.push_back(seq); }
  uint64_t queued_bytes() const override { return 0; }
  LaneCounters counters() const override { return {}; }
  std::string Describe() const override { return "recording"; }
  std::vector<Frame> sent;
  std::vector<uint32_t> forgotten;
};

// One end of a connection over two lanes, played by hand.
class TwoLanesTest : public testing::Test {
 protected:
  TwoLanesTest() {
    for (int i = 0; i < 2; ++i) {
      auto lane = std::make_unique<RecordingLane>();
      lanes_[i] = lane.get();
      EXPECT_TRUE(pair_.receiver->AddLane(i, i, std::move(lane)).ok());
      lane = std::make_unique<RecordingLane>();
      send_lanes_[i] = lane.get();
      EXPECT_TRUE(pair_.sender->AddLane(i, i, std::move(lane)).ok());
    }
  }
  static Frame Make(FrameType type, uint32_t seq, uint64_t size,
                    uint64_t offset = 0) {
    Frame frame;
    frame.type = type;
    frame.seq = seq;
    frame.tag = 1;
    frame.size = size;
    frame.offset = offset;
    if (type == FrameType::kEager || type == FrameType::kData)
      frame.payload_bytes = size;
    return frame;
  }
  char* Head(int lane, const Frame& frame) {
    void* target = nullptr;
    EXPECT_TRUE(pair_.receiver->OnFrameHead(lanes_[lane], frame, &target).ok());
    return static_cast<char*>(target);
  }
  Request* Receive() {
    return *pair_.receiver->Receive(buffer_.data(), buffer_.size(), 1);
  }
  bool Done(Request* request) {
    uint64_t bytes;
    auto done = pair_.receiver->Test(request, &bytes);
    return done.ok() && *done;
  }

  std::mt19937 random_{1};
  Pair pair_{0, &random_};
  std::vector<char> buffer_ = std::vector<char>(2 * kFragment);
  RecordingLane* lanes_[2];
  RecordingLane* send_lanes_[2];
};

const Status kLost(Code::kUnavailable, "lost by the test");

// A small message is half there on both lanes when the one that its sender had
// given up is found dead: the other copy must still count.
TEST_F(TwoLanesTest, EitherCopyOfASmallMessageMayBeTheOneThatArrives) {
  for (const bool posted_between : {false, true}) {
    for (int dies : {0, 1}) {
      Pair pair(0, &random_);
      RecordingLane* lanes[2];
      for (int i = 0; i < 2; ++i) {
        auto lane = std::make_unique<RecordingLane>();
        lanes[i] = lane.get();
        ASSERT_TRUE(pair.receiver->AddLane(i, i, std::move(lane)).ok());
      }
      const Frame frame = Make(FrameType::kEager, 0, 100);
      auto receive = [&] {
        return *pair.receiver->Receive(buffer_.data(), buffer_.size(), 1);
      };
      Request* request = posted_between ? nullptr : receive();
      void* targets[2] = {};
      ASSERT_TRUE(
          pair.receiver->OnFrameHead(lanes[1], frame, &targets[1]).ok());
      if (posted_between) request = receive();
      ASSERT_TRUE(
          pair.receiver->OnFrameHead(lanes[0], frame, &targets[0]).ok());
      pair.receiver->OnLaneDown(lanes[dies], kLost);
      RecordingLane* const other = lanes[1 - dies];
      ASSERT_EQ(std::count(other->forgotten.begin(), other->forgotten.end(), 0),
                0);
      std::fill(buffer_.begin(), buffer_.end(), '\0');
      memset(targets[1 - dies], 'x', 100);
      ASSERT_TRUE(pair.receiver->OnFrame(other, frame).ok());
      uint64_t bytes = 0;
      ASSERT_TRUE(*pair.receiver->Test(request, &bytes));
      EXPECT_EQ(bytes, 100);
      EXPECT_EQ(std::count(buffer_.begin(), buffer_.end(), 'x'), 100);
      // The dead lane may not write any more.
      EXPECT_GT(std::count(lanes[dies]->forgotten.begin(),
                           lanes[dies]->forgotten.end(), 0),
                0);
    }
  }
}

// A lane over UCX is reported down by the socket that watches over it, and may
// still be in the middle of a frame.
TEST_F(TwoLanesTest, ALaneThatIsDownForgetsToo) {
  Request* const request = Receive();
  ASSERT_TRUE(
      pair_.receiver
          ->OnFrame(lanes_[0], Make(FrameType::kAnnounce, 0, 2 * kFragment))
          .ok());
  ASSERT_NE(Head(1, Make(FrameType::kData, 0, kFragment, kFragment)), nullptr);
  pair_.receiver->OnLaneDown(lanes_[1], kLost);
  for (int i = 0; i < 2; ++i) {
    const Frame data = Make(FrameType::kData, 0, kFragment, i * kFragment);
    ASSERT_NE(Head(0, data), nullptr);
    ASSERT_TRUE(pair_.receiver->OnFrame(lanes_[0], data).ok());
  }
  EXPECT_TRUE(Done(request));
  EXPECT_EQ(lanes_[1]->forgotten, std::vector<uint32_t>{0});

  Receive();
  const Frame eager = Make(FrameType::kEager, 1, 100, /*offset=*/1);
  ASSERT_NE(Head(0, eager), nullptr);
  pair_.receiver->Fail(kLost);
  EXPECT_EQ(
      std::count(lanes_[0]->forgotten.begin(), lanes_[0]->forgotten.end(), 1),
      1);
}

// The receiver lost a lane and granted once more; the sender, which has not
// noticed, still holds the first copy on it.
TEST_F(TwoLanesTest, AFragmentGrantedTwiceIsForgottenWhereItIsStuck) {
  std::vector<char> data(2 * kFragment);
  Request* const sent = *pair_.sender->Send(data.data(), data.size(), 1);
  Frame grant = Make(FrameType::kGrant, 0, data.size());
  grant.lane = 1;
  ASSERT_TRUE(pair_.sender->OnFrame(send_lanes_[0], grant).ok());
  grant.lane = 0;
  ASSERT_TRUE(pair_.sender->OnFrame(send_lanes_[0], grant).ok());
  const uint32_t acked[] = {0};
  ASSERT_TRUE(pair_.sender->OnFrame(send_lanes_[0], MakeAck(acked, 1)).ok());
  uint64_t bytes;
  ASSERT_TRUE(*pair_.sender->Test(sent, &bytes));
  EXPECT_EQ(send_lanes_[1]->forgotten, std::vector<uint32_t>{0});
}

// A peer that is late reads nothing: what nobody asked for must fit into the
// buffers of its socket.
TEST_F(TwoLanesTest, OnlySoMuchTravelsUnasked) {
  const std::vector<char> data(kEager);
  Request* const first = *pair_.sender->Send(data.data(), data.size(), 1);
  for (uint32_t i = 1; i < kMessageWindow; ++i)
    ASSERT_NE(*pair_.sender->Send(data.data(), data.size(), 1), nullptr);
  uint64_t unasked = 0, frames = 0;
  for (const RecordingLane* lane : send_lanes_) {
    for (const Frame& frame : lane->sent) unasked += frame.payload_bytes;
    frames += lane->sent.size();
  }
  EXPECT_EQ(frames, kMessageWindow);
  EXPECT_EQ(unasked, 48 << 10);
  // Acknowledged, they make room.
  const uint32_t acked[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  for (int i = 0; i < 12; i += kAcksPerFrame)
    ASSERT_TRUE(
        pair_.sender->OnFrame(send_lanes_[0], MakeAck(acked + i, 6)).ok());
  uint64_t bytes;
  ASSERT_TRUE(*pair_.sender->Test(first, &bytes));
  for (RecordingLane* lane : send_lanes_) lane->sent.clear();
  ASSERT_NE(*pair_.sender->Send(data.data(), data.size(), 1), nullptr);
  ASSERT_EQ(send_lanes_[0]->sent.size(), 1);
  EXPECT_EQ(send_lanes_[0]->sent[0].type, FrameType::kEager);
}

// A hostile sender calls a large message small and empty half-way.
TEST_F(TwoLanesTest, AMessageIsEitherGrantedOrEager) {
  Request* const request = Receive();
  ASSERT_TRUE(
      pair_.receiver
          ->OnFrame(lanes_[0], Make(FrameType::kAnnounce, 0, 2 * kFragment))
          .ok());
  EXPECT_EQ(pair_.broker.outstanding(0) + pair_.broker.outstanding(1),
            2 * kFragment);
  EXPECT_EQ(
      pair_.receiver->OnFrame(lanes_[0], Make(FrameType::kEager, 0, 0)).code(),
      Code::kDataLoss);
  EXPECT_FALSE(Done(request));
}

// Message numbers: one slot's next message comes once the one before it is
// acknowledged, and a late copy of that one is acknowledged again.
TEST_F(TwoLanesTest, TellsLateCopiesFromNewMessages) {
  const Frame first = Make(FrameType::kEager, 3, 0, /*offset=*/0);
  const Frame second = Make(FrameType::kEager, 3 + kMessageWindow, 0, 1);
  EXPECT_EQ(pair_.receiver->OnFrame(lanes_[0], second).code(), Code::kDataLoss);
  ASSERT_TRUE(pair_.receiver->OnFrame(lanes_[0], first).ok());
  EXPECT_TRUE(Done(Receive()));
  ASSERT_TRUE(pair_.receiver->OnFrame(lanes_[1], first).ok());
  pair_.owner.Flush();
  const auto& sent = lanes_[0]->sent;
  ASSERT_EQ(sent.size(), 1);
  uint32_t acked[kAcksPerFrame];
  ASSERT_EQ(ReadAck(sent[0], acked), 2);
  EXPECT_EQ(acked[0], 3);
  EXPECT_EQ(acked[1], 3);
  Request* const request = Receive();
  ASSERT_TRUE(pair_.receiver->OnFrame(lanes_[0], second).ok());
  EXPECT_TRUE(Done(request));
}

// A message overtakes others of its tag on the way, not in the order in which
// they match.
TEST_F(TwoLanesTest, MatchesAsSentHoweverAnnouncementsArrive) {
  char in[3] = {'0', '1', '2'};
  void* data[] = {&in[0], &in[1], &in[2]};
  const size_t sizes[] = {1, 1, 1};
  const int tags[] = {1, 1, 1};
  Request* const request = *pair_.receiver->Receive(3, data, sizes, tags);
  for (uint32_t seq : {2, 1, 0}) {
    const Frame frame = Make(FrameType::kEager, seq, 1, seq);
    *Head(seq % 2, frame) = 'a' + seq;
    ASSERT_TRUE(pair_.receiver->OnFrame(lanes_[seq % 2], frame).ok());
  }
  uint64_t bytes[kMaxGroup];
  ASSERT_TRUE(*pair_.receiver->Test(request, bytes));
  EXPECT_EQ(std::string(in, 3), "abc");
}

TEST_F(TwoLanesTest, TwoMessagesDoNotClaimOnePlace) {
  ASSERT_TRUE(
      pair_.receiver->OnFrame(lanes_[0], Make(FrameType::kEager, 0, 0, 1))
          .ok());
  for (const uint64_t order :
       {uint64_t{1}, uint64_t{kMessageWindow}, ~uint64_t{0}})
    EXPECT_EQ(
        pair_.receiver->OnFrame(lanes_[0], Make(FrameType::kEager, 1, 0, order))
            .code(),
        Code::kDataLoss)
        << order;
}

TEST_F(TwoLanesTest, AcksOfWhatWasNeverSentAreRefused) {
  ASSERT_NE(*pair_.sender->Send(nullptr, 0, 1), nullptr);
  for (const uint32_t seq : {1u, kMessageWindow, 5u, 1u << 30}) {
    EXPECT_EQ(pair_.sender->OnFrame(send_lanes_[0], MakeAck(&seq, 1)).code(),
              Code::kDataLoss)
        << seq;
  }
  const uint32_t late = 0u - kMessageWindow;
  EXPECT_TRUE(pair_.sender->OnFrame(send_lanes_[0], MakeAck(&late, 1)).ok());
}

// Frames of a hostile peer: the connection fails or shrugs, and memory around
// the posted buffer stays untouched.
TEST_F(ConnectionTest, SurvivesRandomFrames) {
  for (int round = 0; round < 500 * kRounds; ++round) {
    Pair pair(1, &random_);
    std::vector<char> buffer(3 * kFragment, '\x5a');
    std::vector<char> payload(kMaxEagerBytes);
    ASSERT_TRUE(
        pair.receiver->Receive(buffer.data() + 64, 2 * kFragment, 1).ok());
    ASSERT_TRUE(pair.sender->Send(payload.data(), 100, 1).ok());
    ASSERT_TRUE(pair.sender->Send(payload.data(), 3 * kEager, 1).ok());
    for (int i = 0; i < 8; ++i) {
      uint8_t wire[kFrameBytes];
      Frame frame;
      frame.type = static_cast<FrameType>(random_() % 7);
      frame.lane = random_() % 10;
      frame.seq = random_() % 3 - (random_() % 5 == 0);
      frame.tag = random_() % 2;
      frame.offset = random_() % 3 * kFragment + (random_() % 4 == 0);
      frame.size = random_() % 2 ? kFragment : random_() % (4 * kFragment);
      if (frame.type == FrameType::kEager || frame.type == FrameType::kAnnounce)
        frame.offset = frame.seq + (random_() % 4 == 0);
      if (frame.type == FrameType::kEager || frame.type == FrameType::kData)
        frame.payload_bytes = frame.size;
      EncodeFrame(frame, wire);
      if (random_() % 4 == 0) wire[random_() % kFrameBytes] ^= random_();
      Frame decoded;
      if (!DecodeFrame(wire, &decoded).ok()) continue;
      for (Connection* connection :
           {static_cast<Connection*>(pair.receiver.get()),
            static_cast<Connection*>(pair.sender.get())}) {
        void* target = nullptr;
        if (decoded.payload_bytes > 0) {
          if (!connection->OnFrameHead(nullptr, decoded, &target).ok())
            continue;
          if (target != nullptr) memset(target, 'x', decoded.payload_bytes);
        }
        (void)connection->OnFrame(nullptr, decoded).ok();
      }
    }
    for (size_t i = 0; i < 64; ++i) ASSERT_EQ(buffer[i], '\x5a');
    for (size_t i = 64 + 2 * kFragment; i < buffer.size(); ++i)
      ASSERT_EQ(buffer[i], '\x5a');
  }
}

}  // namespace
}  // namespace ithaca
