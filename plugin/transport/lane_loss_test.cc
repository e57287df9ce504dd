// Lanes that are lost, superseded and said goodbye to, one end played by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "plugin/transport/hand_lane.h"
#include "plugin/transport/recv_connection.h"
#include "plugin/transport/send_connection.h"

namespace ithaca {
namespace {

class CountingLog : public LogSink {
 public:
  void Write(LogLevel level, const char*, int, const char*) override {
    warnings += level == LogLevel::kWarn;
  }
  int warnings = 0;
};

class Owner : public ConnectionOwner {
 public:
  void OnWantsFlush(Connection* connection) override { dirty = connection; }
  void OnFailed(Connection*) override { ++failed; }
  void OnBusy(Connection* connection) override {
    ++busy;
    connection->set_watched(true);
  }
  void OnLaneLost(Connection*, int rail, const Status&) override {
    lost.push_back(rail);
  }
  void OnLaneBack(Connection*, int rail) override { back.push_back(rail); }
  void OnRegranted(int, uint64_t bytes) override { regranted += bytes; }
  Connection* dirty = nullptr;
  int failed = 0;
  int busy = 0;
  std::vector<int> lost, back;
  uint64_t regranted = 0;
};

constexpr size_t kFragment = 1000;
const Status kCut(Code::kUnavailable, "cut by the test");

Frame Make(FrameType type, uint32_t seq = 0, uint64_t size = 0,
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

class LaneLossTest : public testing::Test {
 protected:
  LaneLossTest() {
    RecvConnection::Options options;
    options.peer = "a";
    options.broker = &broker_;
    options.owner = &owner_;
    options.clock = &clock_;
    options.log = &log_;
    receiver_ = std::make_unique<RecvConnection>(options);
  }
  // What lane `index` sends from now on is in sent_[index].
  Status Add(Connection* connection, int index, uint32_t dial = 1) {
    return connection->AddLane(index, index,
                               std::make_unique<HandLane>(&sent_[index]), dial);
  }
  int Count(int index, FrameType type) const {
    return std::count_if(sent_[index].begin(), sent_[index].end(),
                         [&](const Frame& f) { return f.type == type; });
  }
  // As from a lane that died, with its callback.
  void Cut(Connection* connection, int index) {
    connection->OnLaneDown(connection->lane(index), kCut);
  }
  bool Arrives(int index, const Frame& frame) {
    Lane* const lane = receiver_->lane(index);
    void* target = nullptr;
    if (frame.payload_bytes > 0 &&
        !receiver_->OnFrameHead(lane, frame, &target).ok())
      return false;
    return receiver_->OnFrame(lane, frame).ok();
  }

  FakeClock clock_;
  CountingLog log_;
  Owner owner_;
  rails::CreditBroker broker_{2, {1 << 20, kFragment}};
  std::vector<Frame> sent_[2];
  SendConnection sender_{"b", 100, &owner_, &clock_, &log_};
  std::unique_ptr<RecvConnection> receiver_;
  std::vector<char> buffer_ = std::vector<char>(4 * kFragment);
};

TEST_F(LaneLossTest, TheLastLaneTakesNoSendWithIt) {
  ASSERT_TRUE(Add(&sender_, 0).ok());
  Request* const before = *sender_.Send(buffer_.data(), 4 * kFragment, 1);
  Cut(&sender_, 0);
  sender_.ReapLanes();
  EXPECT_TRUE(sender_.status().ok());
  EXPECT_EQ(owner_.lost, std::vector<int>{0});
  // Sends are accepted meanwhile.
  Request* const meanwhile = *sender_.Send(buffer_.data(), 50, 1);
  ASSERT_NE(meanwhile, nullptr);
  sent_[0].clear();
  ASSERT_TRUE(Add(&sender_, 0, 2).ok());
  EXPECT_EQ(owner_.back, std::vector<int>{0});
  EXPECT_EQ(Count(0, FrameType::kAnnounce), 1);
  EXPECT_EQ(Count(0, FrameType::kEager), 1);
  const uint32_t seqs[2] = {0, 1};
  ASSERT_TRUE(sender_.OnFrame(sender_.lane(0), MakeAck(seqs, 2)).ok());
  uint64_t bytes;
  EXPECT_TRUE(*sender_.Test(before, &bytes));
  EXPECT_TRUE(*sender_.Test(meanwhile, &bytes));
  EXPECT_EQ(log_.warnings, 0);
}

TEST_F(LaneLossTest, TheLastLaneTakesNoReceiveWithIt) {
  ASSERT_TRUE(Add(receiver_.get(), 0).ok());
  Request* const request =
      *receiver_->Receive(buffer_.data(), 2 * kFragment, 1);
  ASSERT_TRUE(Arrives(0, Make(FrameType::kAnnounce, 0, 2 * kFragment)));
  EXPECT_EQ(Count(0, FrameType::kGrant), 2);
  ASSERT_TRUE(Arrives(0, Make(FrameType::kData, 0, kFragment)));
  Cut(receiver_.get(), 0);
  EXPECT_EQ(broker_.outstanding(0), 0);
  EXPECT_EQ(owner_.regranted, kFragment);
  sent_[0].clear();
  ASSERT_TRUE(Add(receiver_.get(), 0, 2).ok());
  ASSERT_EQ(Count(0, FrameType::kGrant), 1);
  ASSERT_TRUE(Arrives(0, Make(FrameType::kData, 0, kFragment, kFragment)));
  uint64_t bytes;
  EXPECT_TRUE(*receiver_->Test(request, &bytes));
}

// Redialled while it still looks well from here: what was on its way goes over
// the new one.
TEST_F(LaneLossTest, ALaterDialTakesThePlaceOfALaneThatIsUp) {
  ASSERT_TRUE(Add(receiver_.get(), 0).ok());
  ASSERT_NE(*receiver_->Receive(buffer_.data(), kFragment, 1), nullptr);
  ASSERT_TRUE(Arrives(0, Make(FrameType::kAnnounce, 0, kFragment)));
  ASSERT_TRUE(Add(receiver_.get(), 0, 3).ok());
  EXPECT_EQ(Count(0, FrameType::kGrant), 2);
  EXPECT_EQ(broker_.outstanding(0), kFragment);
  EXPECT_EQ(receiver_->lanes_up(), 1);
  EXPECT_EQ(owner_.lost, std::vector<int>{0});
  EXPECT_EQ(owner_.back, std::vector<int>{0});
}

TEST_F(LaneLossTest, AnEarlierDialComesTooLate) {
  ASSERT_TRUE(Add(&sender_, 0, 3).ok());
  for (uint32_t dial : {1, 2, 3})
    EXPECT_EQ(Add(&sender_, 0, dial).code(), Code::kFailedPrecondition);
  Cut(&sender_, 0);
  EXPECT_EQ(Add(&sender_, 0, 3).code(), Code::kFailedPrecondition);
  EXPECT_TRUE(Add(&sender_, 0, 4).ok());
}

// The path is dead: only the other lane can tell the peer.
TEST_F(LaneLossTest, ThePeerIsToldOverWhatIsLeft) {
  ASSERT_TRUE(Add(&sender_, 0, 5).ok());
  ASSERT_TRUE(Add(&sender_, 1).ok());
  sender_.LoseLane(0, 4, kCut);  // of an earlier dial: not this one
  EXPECT_EQ(sender_.lanes_up(), 2);
  sender_.LoseLane(0, 5, kCut);
  EXPECT_EQ(sender_.lanes_up(), 1);
  ASSERT_EQ(Count(1, FrameType::kLaneLost), 1);
  EXPECT_EQ(sent_[1].back().lane, 0);
  EXPECT_EQ(sent_[1].back().seq, 5);

  ASSERT_TRUE(Add(receiver_.get(), 0, 5).ok());
  ASSERT_TRUE(Add(receiver_.get(), 1).ok());
  ASSERT_TRUE(receiver_->OnFrame(receiver_->lane(1), sent_[1].back()).ok());
  EXPECT_EQ(receiver_->lane(0), nullptr);
  EXPECT_NE(receiver_->lane(1), nullptr);
}

// Told before the only lane that could tell was lost as well.
TEST_F(LaneLossTest, WhoComesUpIsToldAgain) {
  ASSERT_TRUE(Add(&sender_, 0).ok());
  ASSERT_TRUE(Add(&sender_, 1).ok());
  Cut(&sender_, 0);
  Cut(&sender_, 1);
  sent_[1].clear();
  ASSERT_TRUE(Add(&sender_, 1, 2).ok());
  ASSERT_EQ(Count(1, FrameType::kLaneLost), 1);
  EXPECT_EQ(sent_[1][0].lane, 0);
}

// Two lanes: the last acknowledgement may still be on its way over the one when
// the bye has come over the other.
TEST_F(LaneLossTest, TheLastByeEndsTheConnection) {
  ASSERT_TRUE(Add(&sender_, 0).ok());
  ASSERT_TRUE(Add(&sender_, 1).ok());
  Request* const sent = *sender_.Send(buffer_.data(), 50, 1);
  ASSERT_TRUE(sender_.OnFrame(sender_.lane(0), Make(FrameType::kBye)).ok());
  EXPECT_TRUE(sender_.peer_left());
  ASSERT_TRUE(sender_.status().ok());
  const uint32_t seq = 0;
  ASSERT_TRUE(sender_.OnFrame(sender_.lane(1), MakeAck(&seq, 1)).ok());
  uint64_t bytes;
  EXPECT_TRUE(*sender_.Test(sent, &bytes));
  ASSERT_TRUE(sender_.OnFrame(sender_.lane(1), Make(FrameType::kBye)).ok());
  EXPECT_EQ(sender_.status().code(), Code::kUnavailable);
  EXPECT_EQ(log_.warnings, 0);  // nothing was pending
  // Who needs it is told, once.
  EXPECT_FALSE(sender_.Send(buffer_.data(), 1, 1).ok());
  EXPECT_FALSE(sender_.Send(buffer_.data(), 1, 1).ok());
  EXPECT_EQ(log_.warnings, 1);
}

TEST_F(LaneLossTest, APeerThatLeavesTakesPendingRequestsWithIt) {
  ASSERT_TRUE(Add(receiver_.get(), 0).ok());
  Request* const request = *receiver_->Receive(buffer_.data(), 100, 1);
  ASSERT_TRUE(Arrives(0, Make(FrameType::kBye)));
  uint64_t bytes;
  EXPECT_EQ(receiver_->Test(request, &bytes).status().code(),
            Code::kUnavailable);
  EXPECT_EQ(log_.warnings, 1);
  EXPECT_EQ(owner_.failed, 1);
}

TEST_F(LaneLossTest, AfterAByeOfOneLaneTheLossOfTheOtherIsTheEnd) {
  ASSERT_TRUE(Add(receiver_.get(), 0).ok());
  ASSERT_TRUE(Add(receiver_.get(), 1).ok());
  ASSERT_TRUE(Arrives(0, Make(FrameType::kBye)));
  Cut(receiver_.get(), 1);
  EXPECT_EQ(receiver_->status().code(), Code::kUnavailable);
}

TEST_F(LaneLossTest, EveryLaneHearsBye) {
  ASSERT_TRUE(Add(&sender_, 0).ok());
  ASSERT_TRUE(Add(&sender_, 1).ok());
  sender_.DropLanes();
  for (int i = 0; i < 2; ++i) {
    ASSERT_FALSE(sent_[i].empty());
    EXPECT_EQ(sent_[i].back().type, FrameType::kBye);
  }
}

// Who has all it wanted may not look again for long: one dead lane must not
// keep the sender waiting.
TEST_F(LaneLossTest, TheLastAcknowledgementGoesOverEachLane) {
  ASSERT_TRUE(Add(receiver_.get(), 0).ok());
  ASSERT_TRUE(Add(receiver_.get(), 1).ok());
  for (int i = 0; i < 2; ++i)
    ASSERT_NE(*receiver_->Receive(buffer_.data(), 100, 1), nullptr);
  for (uint32_t seq = 0; seq < 2; ++seq) {
    Frame eager = Make(FrameType::kEager, seq, 100);
    eager.offset = seq;  // its order
    ASSERT_TRUE(Arrives(0, eager));
    receiver_->Flush();
    EXPECT_EQ(Count(0, FrameType::kAck) + Count(1, FrameType::kAck),
              seq == 0 ? 1 : 3);
  }
}

TEST_F(LaneLossTest, WorkIsAnnouncedToWhoWatchesOnce) {
  ASSERT_TRUE(Add(&sender_, 0).ok());
  for (int i = 0; i < 3; ++i)
    ASSERT_NE(*sender_.Send(buffer_.data(), 10, 1), nullptr);
  EXPECT_EQ(owner_.busy, 1);
}

TEST_F(LaneLossTest, PingsMeanNothing) {
  ASSERT_TRUE(Add(&sender_, 0).ok());
  ASSERT_TRUE(sender_.OnFrame(sender_.lane(0), Make(FrameType::kPing)).ok());
  EXPECT_TRUE(sender_.status().ok());
  EXPECT_TRUE(sent_[0].empty());
}

}  // namespace
}  // namespace ithaca
