// One end of a connection over two lanes, played by hand: frames that arrive
// twice, late, in any order, or for nothing.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "plugin/transport/connection_pair.h"

namespace ithaca {
namespace {

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

}  // namespace
}  // namespace ithaca
