// Socket lanes over loopback: frames in pieces, forgotten memory, closing.
#include "plugin/socket/socket_lane.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/socket/poller.h"
#include "plugin/socket/tcp.h"

namespace ithaca {
namespace {

// Stores payloads; a frame's offset says into which slot.
class Collector : public LaneSink {
 public:
  Status OnFrameHead(Lane*, const Frame& frame, void** target) override {
    if (refuse_heads) return Status(Code::kDataLoss, "refused by the test");
    std::string& slot = payloads[frame.seq];
    slot.assign(frame.payload_bytes, '\x5a');
    *target = drop ? nullptr : slot.data();
    return Status();
  }
  Status OnFrame(Lane*, const Frame& frame) override {
    frames.push_back(frame);
    return Status();
  }
  void OnLaneDown(Lane*, const Status& why) override {
    ++downs;
    down = why;
  }
  bool refuse_heads = false;
  bool drop = false;
  std::map<uint32_t, std::string> payloads;
  std::vector<Frame> frames;
  int downs = 0;
  Status down;
};

class LanePairTest : public testing::Test {
 protected:
  void SetUp() override {
    poller_ = std::move(Poller::Create(&MonotonicClock())).value();
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(bind(listener, (sockaddr*)&address, sizeof(address)), 0);
    ASSERT_EQ(listen(listener, 1), 0);
    socklen_t length = sizeof(address);
    getsockname(listener, (sockaddr*)&address, &length);
    fds_[0] = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(connect(fds_[0], (sockaddr*)&address, sizeof(address)), 0);
    fds_[1] = accept(listener, nullptr, nullptr);
    close(listener);
    for (int fd : fds_) fcntl(fd, F_SETFL, O_NONBLOCK);
    Open(0);
  }
  void Open(int side) {
    auto lane =
        SocketLane::Create(fds_[side], "test", poller_.get(), &sinks_[side]);
    ASSERT_TRUE(lane.ok());
    lanes_[side] = std::move(lane).value();
  }
  // Moves data until `done`.
  void Pump(const std::function<bool()>& done) {
    for (int i = 0; i < 10'000'000; ++i) {
      poller_->Flush();
      poller_->Poll();
      if (done()) return;
    }
    FAIL() << "nothing more came";
  }

  std::mt19937 random_{std::random_device()()};
  std::unique_ptr<Poller> poller_;
  int fds_[2];
  Collector sinks_[2];
  std::unique_ptr<Lane> lanes_[2];
};

Frame Data(uint32_t seq, uint32_t bytes) {
  Frame frame;
  frame.type = FrameType::kData;
  frame.seq = seq;
  frame.payload_bytes = bytes;
  frame.size = bytes;
  return frame;
}

TEST_F(LanePairTest, FramesOfAllSizesArriveWholeAndInOrder) {
  Open(1);
  std::vector<std::string> payloads;
  for (int i = 0; i < 600; ++i) {
    const size_t bytes = i % 7 == 0   ? 1 + random_() % (3 << 20)
                         : i % 3 == 0 ? 1 + random_() % 100000
                                      : random_() % 64;
    std::string payload(bytes, '\0');
    for (size_t j = 0; j + 4 <= bytes; j += 4) {
      const uint32_t word = random_();
      memcpy(&payload[j], &word, 4);
    }
    payloads.push_back(std::move(payload));
  }
  for (size_t i = 0; i < payloads.size(); ++i) {
    Frame frame = Data(i, payloads[i].size());
    if (payloads[i].empty()) frame.type = FrameType::kAck;
    lanes_[0]->Send(frame, payloads[i].data());
    Frame ack;
    ack.seq = i;
    lanes_[1]->Send(ack, nullptr);
  }
  Pump([&] {
    return sinks_[1].frames.size() == payloads.size() &&
           sinks_[0].frames.size() == payloads.size();
  });
  for (size_t i = 0; i < payloads.size(); ++i) {
    ASSERT_EQ(sinks_[1].frames[i].seq, i);
    ASSERT_EQ(sinks_[0].frames[i].seq, i);
    if (payloads[i].empty()) continue;
    ASSERT_TRUE(sinks_[1].payloads[i] == payloads[i]) << i;
  }
  EXPECT_EQ(lanes_[0]->queued_bytes(), 0);
  EXPECT_EQ(lanes_[0]->counters().bytes_sent,
            lanes_[1]->counters().bytes_received);
}

TEST_F(LanePairTest, BytesInAnyPiecesMakeTheSameFrames) {
  // The peer is a plain socket that writes as it likes.
  std::string wire;
  for (uint32_t i = 0; i < 50; ++i) {
    const uint32_t bytes = random_() % 200;
    Frame frame = Data(i, bytes);
    if (bytes == 0) frame.type = FrameType::kAck;
    uint8_t head[kFrameBytes];
    EncodeFrame(frame, head);
    wire.append(reinterpret_cast<char*>(head), kFrameBytes);
    wire.append(bytes, static_cast<char>(i));
  }
  for (size_t at = 0; at < wire.size();) {
    const size_t part = std::min<size_t>(wire.size() - at, 1 + random_() % 90);
    ASSERT_EQ(send(fds_[1], wire.data() + at, part, 0), part);
    at += part;
    poller_->Poll();
  }
  Pump([&] { return sinks_[0].frames.size() == 50; });
  for (uint32_t i = 0; i < 50; ++i)
    for (char c : sinks_[0].payloads[i]) ASSERT_EQ(c, static_cast<char>(i));
  close(fds_[1]);
}

TEST_F(LanePairTest, GarbageTakesTheLaneDownOnce) {
  for (int i = 0; i < 1000; ++i) {
    char byte = random_();
    if (i < 2) byte = 0;  // not the magic
    (void)!send(fds_[1], &byte, 1, MSG_NOSIGNAL);
  }
  Pump([&] { return sinks_[0].downs > 0; });
  poller_->Poll();
  EXPECT_EQ(sinks_[0].downs, 1);
  EXPECT_EQ(sinks_[0].down.code(), Code::kDataLoss);
  lanes_[0]->Send(Frame(), nullptr);  // does nothing
  poller_->Flush();
  close(fds_[1]);
}

TEST_F(LanePairTest, ASinkThatRefusesTakesTheLaneDown) {
  Open(1);
  sinks_[1].refuse_heads = true;
  const std::string payload(100, 'x');
  lanes_[0]->Send(Data(1, 100), payload.data());
  Pump([&] { return sinks_[1].downs == 1; });
  EXPECT_EQ(sinks_[1].down.message(), "refused by the test");
}

TEST_F(LanePairTest, ALaneThatGoesDownTellsTheOtherEnd) {
  Open(1);
  sinks_[1].refuse_heads = true;
  const std::string payload(100, 'x');
  lanes_[0]->Send(Data(1, 100), payload.data());
  // The lane on side 1 stays with its connection, which has others.
  Pump([&] { return sinks_[0].downs == 1; });
}

TEST_F(LanePairTest, ForgottenMemoryIsNeitherReadNorWritten) {
  Open(1);
  // Too much for the socket's buffers, so that frames are cut in half.
  auto payload = std::make_unique<std::string>(16 << 20, 'p');
  lanes_[0]->Send(Data(1, payload->size()), payload->data());
  lanes_[0]->Send(Data(2, payload->size()), payload->data());
  poller_->Flush();
  lanes_[0]->Forget(1);
  lanes_[0]->Forget(2);
  payload.reset();  // a later read would be seen by AddressSanitizer
  Frame last;
  last.seq = 9;
  lanes_[0]->Send(last, nullptr);
  Pump([&] {
    return !sinks_[1].frames.empty() && sinks_[1].frames.back().seq == 9;
  });
  ASSERT_EQ(sinks_[1].frames.size(), 2);  // frame 1 filled with zeros, and 9
  EXPECT_EQ(sinks_[1].payloads[1].back(), '\0');

  // The receiving side: half-way through, its target goes away.
  std::string other(16 << 20, 'q');
  lanes_[0]->Send(Data(5, other.size()), other.data());
  Pump([&] { return sinks_[1].payloads.count(5) > 0; });
  lanes_[1]->Forget(5);
  sinks_[1].payloads[5] = std::string(16 << 20, 'k');
  lanes_[0]->Send(last, nullptr);
  const size_t before = sinks_[1].frames.size();
  Pump([&] { return sinks_[1].frames.size() > before; });
  EXPECT_EQ(sinks_[1].frames.back().seq, 9);  // no OnFrame for what was cut
  EXPECT_EQ(sinks_[1].payloads[5], std::string(16 << 20, 'k'));
}

TEST_F(LanePairTest, WhatWasSentBeforeClosingArrivesInSpiteOfUnreadInput) {
  Open(1);
  // Input that side 0 never reads would make the kernel reset the connection.
  const std::string unread(1 << 16, 'u');
  lanes_[1]->Send(Data(1, unread.size()), unread.data());
  poller_->Flush();
  for (uint32_t i = 0; i < 100; ++i) {
    Frame frame;
    frame.seq = i;
    lanes_[0]->Send(frame, nullptr);
  }
  lanes_[0].reset();
  Pump([&] { return sinks_[1].downs == 1; });
  EXPECT_EQ(sinks_[1].frames.size(), 100);
}

TEST(Tcp, TheKernelWatchesPeersThatAreQuiet) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  PrepareStream(fd, 30);
  const auto option = [&](int level, int name) {
    int value = 0;
    socklen_t length = sizeof(value);
    EXPECT_EQ(getsockopt(fd, level, name, &value, &length), 0);
    return value;
  };
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_USER_TIMEOUT), 30'000);
  // Two probes at least go out before the time-out.
  EXPECT_LE(option(IPPROTO_TCP, TCP_KEEPIDLE) +
                2 * option(IPPROTO_TCP, TCP_KEEPINTVL),
            30);
  close(fd);
}

// A ping-pong is read in place (TryRead), then anything may follow: large
// frames, halves of frames, many at once, the end. Each byte counts once.
TEST_F(LanePairTest, WhatIsReadBeforeItIsAskedForCountsOnce) {
  Open(1);
  std::map<uint32_t, std::string> sent;
  uint32_t next = 0;
  auto send_some = [&](size_t bytes) {
    std::string& payload = sent[next];
    for (size_t i = 0; i < bytes; ++i) payload += random_();
    lanes_[0]->Send(Data(next++, bytes), payload.data());
  };
  auto arrived = [&] { return sinks_[1].frames.size() == next; };
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 60; ++i) {
      send_some(1 + random_() % 40);
      Pump(arrived);
    }
    EXPECT_TRUE(poller_->hot());
    if (round % 2 == 0) send_some(1 + random_() % 1'000'000);
    for (int i = random_() % 20; i > 0; --i) send_some(1 + random_() % 900);
    Pump(arrived);
  }
  EXPECT_EQ(sinks_[1].payloads, sent);
  EXPECT_EQ(lanes_[1]->counters().bytes_received,
            lanes_[0]->counters().bytes_sent);
  lanes_[0].reset();
  Pump([&] { return sinks_[1].downs == 1; });
  EXPECT_TRUE(arrived());
}

}  // namespace
}  // namespace ithaca
