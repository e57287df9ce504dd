// Small sends that are complete, and what becomes of their messages when their
// connection is closed, their lane dies or nobody polls any more.
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>

#include "plugin/net/engine_sides.h"

namespace ithaca::net {
namespace {

const Status kCut(Code::kUnavailable, "cut by the test");

class EngineEagerTest : public testing::Test {
 protected:
  void Connect(int lanes) {
    link_ = ConnectSides(&a_, &b_, lanes);
    ASSERT_NE(link_.send, nullptr);
  }
  // Sends and sees it complete before anybody polls.
  void Send(std::string text) {
    Request* const request =
        *link_.send->connection()->Send(text.data(), text.size(), 0);
    a_.engine->Kick();
    uint64_t bytes = 0;
    ASSERT_TRUE(*link_.send->connection()->Test(request, &bytes));
    EXPECT_EQ(bytes, text.size());
    text.assign(text.size(), '!');
  }
  void Post() {
    got_ = std::string(20, '?');
    received_ = *link_.recv->connection()->Receive(got_.data(), got_.size(), 0);
    ASSERT_NE(received_, nullptr);
  }
  bool Received() {
    uint64_t bytes = 0;
    auto done = link_.recv->connection()->Test(received_, &bytes);
    EXPECT_TRUE(done.ok()) << done.status().ToString();
    if (!done.ok()) return true;
    if (*done) got_.resize(bytes);
    return *done;
  }
  int left_open() const { return a_.engine->leaving(); }

  Side a_{LoopbackRails(1, 2)}, b_{LoopbackRails(10, 2)};
  Link link_;
  std::string got_;
  Request* received_ = nullptr;
};

TEST_F(EngineEagerTest, ArrivesThoughTheSenderIsClosed) {
  Connect(2);
  Send("first");
  Send("second");
  a_.engine->Close(std::move(link_.send));
  EXPECT_EQ(left_open(), 1);
  for (const char* text : {"first", "second"}) {
    Post();
    ASSERT_TRUE(Until(&a_, &b_, [&] { return Received(); }));
    EXPECT_EQ(got_, text);
  }
  // Once all is acknowledged nothing is left.
  EXPECT_TRUE(Until(&a_, &b_, [&] { return left_open() == 0; }));
  link_.recv.reset();
}

TEST_F(EngineEagerTest, ArrivesThoughTheSenderIsClosedAndItsLanesDie) {
  Connect(2);
  for (int i = 0; i < 2; ++i) {
    Send("message");
    a_.engine->Close(std::move(link_.send));
    // Before anything was read: what the sockets hold is lost.
    for (int lane = 0; lane < 2; ++lane)
      link_.recv->connection()->LoseLane(
          lane, link_.recv->connection()->dial(lane), kCut);
    Post();
    ASSERT_TRUE(Until(&a_, &b_, [&] { return Received(); }));
    EXPECT_EQ(got_, "message");
    EXPECT_TRUE(Until(&a_, &b_, [&] { return left_open() == 0; }));
    link_ = Link();
    Connect(2);
  }
  link_ = Link();
}

TEST_F(EngineEagerTest, AClosedSenderDoesNotWaitForAReceiverThatLeft) {
  Connect(2);
  Send("nobody wants this");
  a_.engine->Close(std::move(link_.send));
  link_.recv.reset();
  EXPECT_TRUE(Until(&a_, &b_, [&] { return left_open() == 0; }));
  EXPECT_TRUE(a_.log.warnings.empty());
}

TEST_F(EngineEagerTest, WithNothingOnItsWayASenderGoesAtOnce) {
  Connect(2);
  a_.engine->Close(std::move(link_.send));
  EXPECT_EQ(left_open(), 0);
  Connect(2);
  std::string large(1 << 20, 'x');
  ASSERT_NE(*link_.send->connection()->Send(large.data(), large.size(), 0),
            nullptr);
  Send("small");
  a_.engine->Close(std::move(link_.send));  // its memory may go now
  EXPECT_EQ(left_open(), 0);
  link_.recv.reset();
}

TEST_F(EngineEagerTest, TheEngineMayGoFirst) {
  Connect(2);
  Send("in the kernel");
  a_.engine->Close(std::move(link_.send));
  a_.engine.reset();
  Post();
  for (int i = 0; i < 5'000'000 && !Received(); ++i) b_.engine->Progress();
  EXPECT_EQ(got_, "in the kernel");
  link_.recv.reset();
}

// The sender is never polled: its caretaker learns that the lanes died and
// brings the message over new ones.
TEST(EngineCare, GoesOnWhenNobodyPolls) {
  Caretaker caretaker;
  Side a(LoopbackRails(1, 1), &MonotonicClock(), SmallFragments(), nullptr, 0,
         nullptr, &caretaker);
  Side b(LoopbackRails(10, 1));
  Link link = ConnectSides(&a, &b, 1);
  ASSERT_NE(link.send, nullptr);
  {
    const std::lock_guard<std::mutex> lock(a.engine->mutex());
    ASSERT_NE(*link.send->connection()->Send("alone", 5, 0), nullptr);
    a.engine->Kick();
    a.engine->Close(std::move(link.send));
  }
  link.recv->connection()->LoseLane(0, 1, kCut);
  a.engine.reset();  // the caretaker keeps it
  std::string got(5, '?');
  Request* const received =
      *link.recv->connection()->Receive(got.data(), got.size(), 0);
  uint64_t bytes = 0;
  for (bool done = false; !done;) {
    b.engine->Progress();
    auto tested = link.recv->connection()->Test(received, &bytes);
    ASSERT_TRUE(tested.ok()) << tested.status().ToString();
    done = *tested;
  }
  EXPECT_EQ(got, "alone");
  link.recv.reset();
}

// The receiver has all it asked for and is never polled again; its
// acknowledgement is lost with the lane. Its caretaker says it once more, over
// the new one.
TEST(EngineCare, AcknowledgesAgainWhenNobodyPolls) {
  Caretaker caretaker;
  Side a(LoopbackRails(1, 1));
  Side b(LoopbackRails(10, 1), &MonotonicClock(), SmallFragments(), nullptr, 0,
         nullptr, &caretaker);
  Link link = ConnectSides(&a, &b, 1);
  ASSERT_NE(link.send, nullptr);
  const std::string text(100'000, 'x');
  std::string got(text.size(), '?');
  uint64_t bytes = 0;
  Request* const sent =
      *link.send->connection()->Send(text.data(), text.size(), 0);
  a.engine->Kick();
  {
    const std::lock_guard<std::mutex> lock(b.engine->mutex());
    Request* const received =
        *link.recv->connection()->Receive(got.data(), got.size(), 0);
    while (!*link.recv->connection()->Test(received, &bytes)) {
      a.engine->Progress();
      b.engine->Progress();
    }
  }
  EXPECT_EQ(got, text);
  ASSERT_FALSE(*link.send->connection()->Test(sent, &bytes));
  link.send->connection()->LoseLane(0, 1, kCut);
  for (bool done = false; !done;) {
    a.engine->Progress();
    auto tested = link.send->connection()->Test(sent, &bytes);
    ASSERT_TRUE(tested.ok()) << tested.status().ToString();
    done = *tested;
  }
  const std::lock_guard<std::mutex> lock(b.engine->mutex());
  link.recv.reset();
}

}  // namespace
}  // namespace ithaca::net
