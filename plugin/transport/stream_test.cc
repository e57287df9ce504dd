// Frames that travel together while a stream of large messages is on its way.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "plugin/transport/hand_lane.h"
#include "plugin/transport/recv_connection.h"
#include "plugin/transport/send_connection.h"

namespace ithaca {
namespace {

class NullLog : public LogSink {
 public:
  void Write(LogLevel, const char*, int, const char*) override {}
};

class Owner : public ConnectionOwner {
 public:
  void OnWantsFlush(Connection*) override { ++now; }
  void OnWantsFlushSoon(Connection*) override { ++soon; }
  void OnFailed(Connection*) override {}
  int now = 0;
  int soon = 0;
};

// Of each message, and of each fragment.
constexpr size_t kBytes = kStreamBytes;
const Status kCut(Code::kUnavailable, "cut by the test");

class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    RecvConnection::Options options;
    options.peer = "a";
    options.broker = &broker_;
    options.owner = &owner_;
    options.clock = &clock_;
    options.log = &log_;
    receiver_ = std::make_unique<RecvConnection>(options);
    Add(&sender_, 1);
    Add(receiver_.get(), 1);
  }
  void Add(Connection* connection, uint32_t dial) {
    ASSERT_TRUE(
        connection->AddLane(0, 0, std::make_unique<HandLane>(&sent_), dial)
            .ok());
  }
  // What was sent since the last call, by type.
  std::vector<FrameType> Sent() {
    std::vector<FrameType> types;
    for (const Frame& frame : sent_) types.push_back(frame.type);
    sent_.clear();
    return types;
  }
  void Send(size_t bytes = kBytes) {
    ASSERT_NE(*sender_.Send(data_.data(), bytes, 1), nullptr);
  }
  void Grant(uint32_t seq) {
    Frame grant;
    grant.type = FrameType::kGrant;
    grant.seq = seq;
    grant.size = kBytes;
    ASSERT_TRUE(sender_.OnFrame(sender_.lane(0), grant).ok());
  }
  void Ack(uint32_t seq) {
    ASSERT_TRUE(sender_.OnFrame(sender_.lane(0), MakeAck(&seq, 1)).ok());
  }
  void Announce(uint32_t seq) {
    ASSERT_NE(*receiver_->Receive(data_.data(), kBytes, 1), nullptr);
    Frame announce;
    announce.type = FrameType::kAnnounce;
    announce.seq = seq;
    announce.tag = 1;
    announce.offset = seq;
    announce.size = kBytes;
    ASSERT_TRUE(receiver_->OnFrame(receiver_->lane(0), announce).ok());
  }
  void Arrive(uint32_t seq) {
    Frame data;
    data.type = FrameType::kData;
    data.seq = seq;
    data.payload_bytes = kBytes;
    void* target = nullptr;
    Lane* const lane = receiver_->lane(0);
    ASSERT_TRUE(receiver_->OnFrameHead(lane, data, &target).ok());
    ASSERT_TRUE(receiver_->OnFrame(lane, data).ok());
  }

  using Types = std::vector<FrameType>;
  static constexpr FrameType kAnnounced = FrameType::kAnnounce;
  FakeClock clock_;
  NullLog log_;
  Owner owner_;
  rails::CreditBroker broker_{1, {1 << 20, kBytes}};
  std::vector<Frame> sent_;
  std::vector<char> data_ = std::vector<char>(kBytes);
  SendConnection sender_{"b", 4096, &owner_, &clock_, &log_};
  std::unique_ptr<RecvConnection> receiver_;
};

// --- The sender.

TEST_F(StreamTest, WithoutAStreamEachMessageIsAnnouncedAtOnce) {
  Send();
  Send();
  EXPECT_EQ(Sent(), (Types{kAnnounced, kAnnounced}));
  EXPECT_EQ(owner_.soon, 0);
}

TEST_F(StreamTest, AnAnnouncementTravelsWithTheNextData) {
  Send();
  Send();
  Grant(0);
  Sent();
  Send();
  Send();
  EXPECT_EQ(Sent(), Types{});
  EXPECT_EQ(owner_.soon, 1);
  Grant(1);
  EXPECT_EQ(Sent(), (Types{kAnnounced, kAnnounced, FrameType::kData}));
}

TEST_F(StreamTest, AnAnnouncementWaitsNoLongerThanTheStreamOrTheOwnerWants) {
  Send();
  Grant(0);
  Sent();
  Send();
  sender_.Flush();
  EXPECT_EQ(Sent(), Types{kAnnounced});
  Send();
  EXPECT_EQ(Sent(), Types{});
  Ack(0);
  EXPECT_EQ(Sent(), Types{kAnnounced});
  Send();
  EXPECT_EQ(Sent(), Types{kAnnounced}) << "the stream is over";
}

// Messages match in order: what is behind must not wait for the stream.
TEST_F(StreamTest, ASmallMessageTakesTheAnnouncementsBeforeItAlong) {
  Send();
  Grant(0);
  Sent();
  Send();
  Send(100);
  EXPECT_EQ(Sent(), (Types{kAnnounced, FrameType::kEager}));
}

TEST_F(StreamTest, AnAnnouncementOutlivesItsLane) {
  Send();
  Grant(0);
  Send();
  sender_.OnLaneDown(sender_.lane(0), kCut);
  sender_.Flush();
  Sent();
  Add(&sender_, 2);
  std::vector<uint32_t> announced;
  for (const Frame& frame : sent_)
    if (frame.type == kAnnounced) announced.push_back(frame.seq);
  EXPECT_EQ(announced, (std::vector<uint32_t>{0, 1}));
}

TEST_F(StreamTest, AFailedConnectionAnnouncesNothing) {
  Send();
  Grant(0);
  Send();
  Sent();
  sender_.Fail(kCut);
  sender_.Flush();
  EXPECT_EQ(Sent(), Types{});
}

// --- The receiver.

TEST_F(StreamTest, AnAcknowledgementTravelsWithTheNextGrant) {
  uint32_t seq = 0;
  for (; seq < 50; ++seq) {  // the path may be trusted with more in the end
    Announce(seq);
    clock_.AdvanceNs(1000);
    Arrive(seq);
  }
  receiver_->Flush();
  for (int i = 0; i < 3; ++i) Announce(seq++);
  Sent();
  owner_.now = owner_.soon = 0;
  Arrive(seq - 3);
  EXPECT_EQ(owner_.now, 0);
  EXPECT_EQ(owner_.soon, 1);
  Announce(seq);
  EXPECT_EQ(owner_.now, 1);
  receiver_->Flush();
  EXPECT_EQ(Sent(), (Types{FrameType::kGrant, FrameType::kAck}));
  receiver_->Flush();
  EXPECT_EQ(Sent(), Types{}) << "there is nothing left to say";
}

TEST_F(StreamTest, TheLastAcknowledgementsDoNotWait) {
  for (uint32_t seq = 0; seq < 3; ++seq) Announce(seq);
  Arrive(0);
  Arrive(1);
  EXPECT_EQ(owner_.now, 0);
  Arrive(2);
  EXPECT_EQ(owner_.now, 1);
  Sent();
  receiver_->Flush();
  ASSERT_EQ(sent_.size(), 1);
  uint32_t seqs[kAcksPerFrame];
  EXPECT_EQ(ReadAck(sent_[0], seqs), 3);
}

TEST_F(StreamTest, AFrameOfAcknowledgementsDoesNotWait) {
  for (uint32_t seq = 0; seq < 8; ++seq) Announce(seq);
  for (uint32_t seq = 0; seq + 1 < kAcksPerFrame; ++seq) {
    Arrive(seq);
    EXPECT_EQ(owner_.now, 0);
  }
  Arrive(kAcksPerFrame - 1);
  EXPECT_EQ(owner_.now, 1);
}

}  // namespace
}  // namespace ithaca
