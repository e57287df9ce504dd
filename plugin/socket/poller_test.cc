// The poller: what one turn touches however many sockets there are, and
// sockets that linger.
#include "plugin/socket/poller.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <vector>

#include "plugin/core/clock.h"

namespace ithaca {
namespace {

// One end of a socket pair, which counts what it is asked.
class Peer : public Pollable, public Flushable {
 public:
  explicit Peer(Poller* poller) : poller_(poller) {
    EXPECT_EQ(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd_),
        0);
    token_ = poller->Add(fd_[0], EPOLLIN, this).value();
  }
  ~Peer() override {
    poller_->ForgetFlush(this);
    poller_->Remove(token_);
    close(fd_[0]);
    close(fd_[1]);
  }
  void Poke() { EXPECT_EQ(send(fd_[1], "x", 1, 0), 1); }
  void OnReady(uint32_t) override {
    ++ready;
    EXPECT_GT(recv(fd_[0], poller_->scratch(), Poller::kScratchBytes, 0), 0);
    poller_->FlushSoon(this);
    if (on_ready) on_ready();
  }
  bool chats() const override { return chats_; }
  bool TryRead() override {
    const bool came =
        recv(fd_[0], poller_->scratch(), Poller::kScratchBytes, 0) > 0;
    tried += came;
    return came;
  }
  void OnFlush() override { ++flushed; }
  bool chats_ = true;
  int tried = 0;
  int ready = 0;
  int flushed = 0;
  std::function<void()> on_ready;  // may be empty

 private:
  Poller* const poller_;
  int fd_[2];
  uint64_t token_ = 0;
};

class PollerTest : public testing::Test {
 protected:
  void Add(int count) {
    for (int i = 0; i < count; ++i)
      peers_.push_back(std::make_unique<Peer>(poller_.get()));
  }
  FakeClock clock_;
  std::unique_ptr<Poller> poller_ = std::move(Poller::Create(&clock_)).value();
  std::vector<std::unique_ptr<Peer>> peers_;
};

// Both are ready; whoever comes first replaces the other.
TEST_F(PollerTest, AnEventIsNotForWhoTookTheOnesPlace) {
  Add(2);
  for (int i : {0, 1}) {
    peers_[i]->Poke();
    peers_[i]->on_ready = [this, i] {
      peers_[1 - i] = std::make_unique<Peer>(poller_.get());
      peers_[1 - i]->Poke();
    };
  }
  EXPECT_EQ(poller_->Poll(), 2);
  EXPECT_EQ(peers_[0]->ready + peers_[1]->ready, 1);
  EXPECT_EQ(poller_->Poll(), 1);
  EXPECT_EQ(peers_[0]->ready, 1);
  EXPECT_EQ(peers_[1]->ready, 1);
}

// The same work for one message among 16 peers and among 4,096.
TEST_F(PollerTest, ATurnTouchesWhatIsReadyAlone) {
  for (size_t count : {16, 4096}) {
    SCOPED_TRACE(count);
    Add(count - peers_.size());
    for (size_t active : {size_t{0}, count / 2, count - 1}) {
      peers_[active]->Poke();
      EXPECT_EQ(poller_->Poll(), 1);
      poller_->Flush();
      EXPECT_EQ(peers_[active]->ready, 1);
      EXPECT_EQ(peers_[active]->flushed, 1);
      peers_[active]->ready = peers_[active]->flushed = 0;
    }
    EXPECT_EQ(poller_->Poll(), 0);
    for (const auto& peer : peers_) EXPECT_EQ(peer->ready + peer->flushed, 0);
  }
}

TEST_F(PollerTest, EachGetsItsTurnWhenAllAreReady) {
  Add(1000);
  for (const auto& peer : peers_) peer->Poke();
  int events = 0, turns = 0;
  while (const int n = poller_->Poll()) {
    events += n;
    ++turns;
  }
  EXPECT_EQ(events, 1000);
  EXPECT_LE(turns, 20);
  for (const auto& peer : peers_) EXPECT_EQ(peer->ready, 1);
}

TEST_F(PollerTest, FlushesEachOnceAndNoneThatLeft) {
  Add(4);
  for (int i : {0, 1, 2, 0, 1, 3}) poller_->FlushSoon(peers_[i].get());
  poller_->ForgetFlush(peers_[1].get());
  poller_->ForgetFlush(peers_[1].get());
  peers_.erase(peers_.begin() + 2);
  poller_->Flush();
  poller_->Flush();
  EXPECT_EQ(peers_[0]->flushed, 1);
  EXPECT_EQ(peers_[1]->flushed, 0);
  EXPECT_EQ(peers_[2]->flushed, 1);
  poller_->FlushSoon(peers_[1].get());
  poller_->Flush();
  EXPECT_EQ(peers_[1]->flushed, 1);
}

// Whether the other end of a lingering socket finds it closed.
bool Closed(int fd) {
  return send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE;
}

TEST_F(PollerTest, ASocketLingersUntilThePeerClosesOrTimeIsUp) {
  int quiet[2], busy[2];
  for (int* pair : {quiet, busy}) {
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    shutdown(pair[0], SHUT_WR);
    poller_->Linger(pair[0]);
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(Closed(quiet[1]));
    EXPECT_FALSE(Closed(busy[1]));
    poller_->Poll();
  }
  shutdown(busy[1], SHUT_WR);
  poller_->Poll();
  char byte;
  EXPECT_EQ(recv(busy[1], &byte, 1, 0), 0);
  EXPECT_FALSE(Closed(quiet[1]));
  clock_.AdvanceNs(Poller::kLingerNs);
  poller_->Poll();
  EXPECT_TRUE(Closed(quiet[1]));
  close(quiet[1]);
  close(busy[1]);
}

// In a ping-pong the peer's socket is read first.
TEST_F(PollerTest, APeerThatTalksAloneIsReadWithoutBeingAskedFor) {
  Add(3);
  for (int i = 0; !poller_->hot(); ++i) {
    ASSERT_LT(i, 100);
    peers_[1]->Poke();
    EXPECT_EQ(poller_->Poll(), 1);
  }
  const int ready = peers_[1]->ready;
  peers_[1]->Poke();
  EXPECT_EQ(poller_->Poll(), 1);
  EXPECT_EQ(peers_[1]->ready, ready);
  EXPECT_EQ(peers_[1]->tried, 1);
  EXPECT_EQ(poller_->Poll(), 0);
}

TEST_F(PollerTest, APeerThatTalksAloneKeepsNobodyWaiting) {
  Add(3);
  while (!poller_->hot()) {
    peers_[1]->Poke();
    poller_->Poll();
  }
  // Nothing from it.
  peers_[2]->Poke();
  for (int i = 0; peers_[2]->ready == 0; ++i) {
    ASSERT_LT(i, 10);
    poller_->Poll();
  }
  for (int i = 0; poller_->hot(); ++i) {
    ASSERT_LT(i, 100);
    peers_[2]->Poke();
    poller_->Poll();
  }
  // Something from it each time: they have their turn too.
  while (!poller_->hot()) {
    peers_[1]->Poke();
    poller_->Poll();
  }
  peers_[0]->Poke();
  for (int i = 0; peers_[0]->ready == 0; ++i) {
    ASSERT_LT(i, 10);
    peers_[1]->Poke();
    poller_->Poll();
  }
}

TEST_F(PollerTest, AStreamIsNoConversation) {
  Add(1);
  peers_[0]->chats_ = false;
  for (int i = 0; i < 100; ++i) {
    peers_[0]->Poke();
    EXPECT_EQ(poller_->Poll(), 1);
  }
  EXPECT_FALSE(poller_->hot());
  peers_[0]->chats_ = true;
  while (!poller_->hot()) {
    peers_[0]->Poke();
    poller_->Poll();
  }
  peers_[0]->chats_ = false;
  poller_->Poll();
  EXPECT_FALSE(poller_->hot());
}

TEST_F(PollerTest, APeerThatTalkedAloneMayGo) {
  Add(2);
  while (!poller_->hot()) {
    peers_[1]->Poke();
    poller_->Poll();
  }
  peers_.pop_back();
  peers_[0]->Poke();
  EXPECT_EQ(poller_->Poll(), 1);
  EXPECT_EQ(peers_[0]->ready, 1);
}

}  // namespace
}  // namespace ithaca
