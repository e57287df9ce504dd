// Small messages: complete at once, kept until acknowledged, acknowledged late.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

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
  void OnWantsFlush(Connection*) override { ++soon; }
  void OnWantsFlushLater(Connection*) override { ++later; }
  void OnFailed(Connection*) override { ++failed; }
  int soon = 0;
  int later = 0;
  int failed = 0;
};

struct Sent {
  Frame frame;
  const char* payload;
};

// Reads no payload before it is told to.
class LazyLane : public Lane {
 public:
  explicit LazyLane(std::vector<Sent>* sent) : sent_(sent) {}
  void Send(const Frame& frame, const void* payload) override {
    sent_->push_back({frame, static_cast<const char*>(payload)});
  }
  void Forget(uint32_t seq) override {
    sent_->erase(std::remove_if(sent_->begin(), sent_->end(),
                                [&](const Sent& sent) {
                                  return sent.frame.seq == seq &&
                                         sent.frame.payload_bytes > 0;
                                }),
                 sent_->end());
  }
  uint64_t queued_bytes() const override { return sent_->size(); }
  LaneCounters counters() const override { return {}; }
  std::string Describe() const override { return "lazy"; }

 private:
  std::vector<Sent>* const sent_;  // outlives the lane
};

constexpr size_t kEager = 4096;
const Status kCut(Code::kUnavailable, "cut by the test");

class EagerTest : public testing::Test {
 protected:
  EagerTest() {
    RecvConnection::Options options;
    options.peer = "a";
    options.broker = &broker_;
    options.owner = &owner_;
    options.clock = &clock_;
    options.log = &log_;
    receiver_ = std::make_unique<RecvConnection>(options);
  }
  void Add(Connection* connection, int index, uint32_t dial = 1) {
    ASSERT_TRUE(connection
                    ->AddLane(index, index,
                              std::make_unique<LazyLane>(&sent_[index]), dial)
                    .ok());
  }
  bool Done(Connection* connection, Request* request) {
    uint64_t bytes[kMaxGroup];
    auto done = connection->Test(request, bytes);
    return done.ok() && *done;
  }
  // What `text` says is sent, and its memory poisoned at once.
  Request* Send(std::string text) {
    Request* const request = *sender_.Send(text.data(), text.size(), 1);
    if (request->state == Request::State::kDone)
      std::fill(text.begin(), text.end(), '!');
    return request;
  }
  static std::string Payload(const Sent& sent) {
    return std::string(sent.payload, sent.frame.payload_bytes);
  }
  // Message `seq` arrives, with as many bytes of 'x'.
  void Arrive(uint32_t seq, size_t bytes, int lane = 0) {
    Frame frame;
    frame.type = FrameType::kEager;
    frame.seq = seq;
    frame.tag = 1;
    frame.offset = seq;
    frame.size = frame.payload_bytes = bytes;
    void* target = nullptr;
    ASSERT_TRUE(
        receiver_->OnFrameHead(receiver_->lane(lane), frame, &target).ok());
    if (target != nullptr) std::fill_n(static_cast<char*>(target), bytes, 'x');
    ASSERT_TRUE(receiver_->OnFrame(receiver_->lane(lane), frame).ok());
  }
  Request* Receive() {
    return *receiver_->Receive(buffer_.data(), buffer_.size(), 1);
  }
  int Acked(int lane) const {
    int acked = 0;
    for (const Sent& sent : sent_[lane])
      if (sent.frame.type == FrameType::kAck) acked += sent.frame.lane;
    return acked;
  }

  FakeClock clock_;
  NullLog log_;
  Owner owner_;
  rails::CreditBroker broker_{2, {1 << 20, 10000}};
  std::vector<Sent> sent_[2];
  SendConnection sender_{"b", kEager, &owner_, &clock_, &log_};
  std::unique_ptr<RecvConnection> receiver_;
  std::vector<char> buffer_ = std::vector<char>(3 * kEager);
};

TEST_F(EagerTest, CompletesBeforeAnythingHasLeft) {
  Add(&sender_, 0);
  Request* const request = Send("hello");
  EXPECT_TRUE(Done(&sender_, request));
  EXPECT_EQ(sender_.pending(), 0);
  EXPECT_EQ(sender_.unacknowledged(), 1);
  EXPECT_TRUE(sender_.busy());
  ASSERT_EQ(sent_[0].size(), 1);
  EXPECT_EQ(Payload(sent_[0][0]), "hello");
  const uint32_t seq = 0;
  sent_[0].clear();
  ASSERT_TRUE(sender_.OnFrame(sender_.lane(0), MakeAck(&seq, 1)).ok());
  EXPECT_FALSE(sender_.busy());
}

// Whether the request is seen to be complete before or after the
// acknowledgement: its slot is used again once, and after both.
TEST_F(EagerTest, ASlotWaitsForTheAcknowledgementAndTheCaller) {
  Add(&sender_, 0);
  Request* const first = Send("1");
  Request* const second = Send("2");
  EXPECT_TRUE(Done(&sender_, first));
  const uint32_t seqs[] = {0, 1};
  ASSERT_TRUE(sender_.OnFrame(sender_.lane(0), MakeAck(seqs, 2)).ok());
  sent_[0].clear();
  EXPECT_EQ(Send("3"), first);
  EXPECT_NE(Send("4"), second);
  EXPECT_TRUE(Done(&sender_, second));
  EXPECT_EQ(Send("5"), second);
  std::vector<uint32_t> seen;
  for (const Sent& sent : sent_[0]) seen.push_back(sent.frame.seq);
  EXPECT_EQ(seen,
            (std::vector<uint32_t>{kMessageWindow, 2, 1 + kMessageWindow}));
}

TEST_F(EagerTest, IsSentAgainWhenItsLaneDies) {
  Add(&sender_, 0);
  EXPECT_TRUE(Done(&sender_, Send("once")));
  EXPECT_TRUE(Done(&sender_, Send("twice")));
  const uint32_t seq = 0;
  ASSERT_TRUE(sender_.OnFrame(sender_.lane(0), MakeAck(&seq, 1)).ok());
  sender_.OnLaneDown(sender_.lane(0), kCut);
  EXPECT_TRUE(sender_.status().ok());
  EXPECT_EQ(sender_.unacknowledged(), 1);
  Add(&sender_, 1);
  std::vector<std::string> again;
  for (const Sent& sent : sent_[1])
    if (sent.frame.type == FrameType::kEager) again.push_back(Payload(sent));
  EXPECT_EQ(again, std::vector<std::string>{"twice"});
}

TEST_F(EagerTest, WithoutALaneTheCallerWaits) {
  const std::string text = "patience";
  Request* const request = *sender_.Send(text.data(), text.size(), 1);
  EXPECT_FALSE(Done(&sender_, request));
  Add(&sender_, 0);
  EXPECT_FALSE(Done(&sender_, request));
  EXPECT_EQ(Payload(sent_[0][0]), text);
  const uint32_t seq = 0;
  ASSERT_TRUE(sender_.OnFrame(sender_.lane(0), MakeAck(&seq, 1)).ok());
  EXPECT_TRUE(Done(&sender_, request));
}

// More than may be kept waits for a grant.
TEST_F(EagerTest, MemoryIsBounded) {
  Add(&sender_, 0);
  const std::vector<char> data(kEager);
  size_t complete = 0;
  for (uint32_t i = 0; i < kMessageWindow; ++i)
    complete +=
        Done(&sender_, *sender_.Send(data.data(), data.size(), /*tag=*/1));
  EXPECT_EQ(complete * kEager, 48 << 10);
  EXPECT_EQ(*sender_.Send(data.data(), data.size(), 1), nullptr);
}

// Acknowledged before it has left: no lane may read the copy any more.
TEST_F(EagerTest, ALyingPeerDoesNotMakeUsReadFreedMemory) {
  Add(&sender_, 0);
  EXPECT_TRUE(Done(&sender_, Send("still here")));
  const uint32_t seq = 0;
  ASSERT_TRUE(sender_.OnFrame(sender_.lane(0), MakeAck(&seq, 1)).ok());
  EXPECT_TRUE(sent_[0].empty());
}

TEST_F(EagerTest, MemoryOfACompleteSendMayGo) {
  Add(&sender_, 0);
  std::vector<char> data(100);
  Request* const request = *sender_.Send(data.data(), data.size(), 1);
  sender_.OnMemoryGone(data.data(), data.data() + data.size());
  EXPECT_TRUE(sender_.status().ok());
  EXPECT_TRUE(Done(&sender_, request));
}

TEST_F(EagerTest, AFailureIsForTheNextRequest) {
  Add(&sender_, 0);
  Request* const request = Send("gone");
  sender_.Fail(kCut);
  EXPECT_TRUE(Done(&sender_, request));
  EXPECT_EQ(sender_.Send("x", 1, 1).status().code(), Code::kUnavailable);
}

// --- The receiver.

TEST_F(EagerTest, AcknowledgementsTravelTogether) {
  Add(receiver_.get(), 0);
  uint32_t seq = 0;
  for (; owner_.soon == 0; ++seq) {
    ASSERT_LT(seq, kMessageWindow / 8) << "the sender runs out of slots";
    Request* const request = Receive();
    Arrive(seq, 8);
    EXPECT_TRUE(Done(receiver_.get(), request));
  }
  EXPECT_GT(seq, 8);
  EXPECT_EQ(owner_.later, 1);
  receiver_->Flush();
  EXPECT_EQ(Acked(0), static_cast<int>(seq));
  // The same again.
  Receive();
  Arrive(seq, 8);
  EXPECT_EQ(owner_.soon, 1);
  EXPECT_EQ(owner_.later, 2);
}

// A steady stream must not wait for its sender's room.
TEST_F(EagerTest, ManyBytesAreAcknowledgedSoon) {
  Add(receiver_.get(), 0);
  for (uint32_t seq = 0; seq < 3; ++seq) {
    Receive();
    Arrive(seq, kEager);
  }
  EXPECT_EQ(owner_.soon, 1);
}

TEST_F(EagerTest, AcknowledgementsGoWithAGrant) {
  Add(receiver_.get(), 0);
  Receive();
  Arrive(0, 8);
  Receive();
  Frame announce;
  announce.type = FrameType::kAnnounce;
  announce.seq = announce.offset = 1;
  announce.tag = 1;
  announce.size = 2 * kEager;
  ASSERT_TRUE(receiver_->OnFrame(receiver_->lane(0), announce).ok());
  EXPECT_EQ(owner_.soon, 1);
}

TEST_F(EagerTest, ACopyIsAcknowledgedAtOnceAndDeliveredOnce) {
  Add(receiver_.get(), 0);
  Add(receiver_.get(), 1);
  Request* const first = Receive();
  Arrive(0, 8);
  EXPECT_TRUE(Done(receiver_.get(), first));
  Request* const second = Receive();
  Arrive(0, 8, /*lane=*/1);
  EXPECT_FALSE(Done(receiver_.get(), second));
  EXPECT_EQ(owner_.soon, 1);
}

}  // namespace
}  // namespace ithaca
