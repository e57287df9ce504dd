// Acceptor and dialer over loopback, with a fake clock and hostile visitors.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "plugin/core/clock.h"
#include "plugin/core/log.h"
#include "plugin/socket/acceptor.h"
#include "plugin/socket/dialer.h"
#include "plugin/socket/poller.h"
#include "plugin/socket/tcp.h"
#include "plugin/transport/handle.h"

namespace ithaca {
namespace {

using testing::HasSubstr;

Rail Loopback() {
  Rail rail;
  rail.name = "lo";
  rail.loopback = true;
  auto* in = reinterpret_cast<sockaddr_in*>(&rail.address);
  in->sin_family = AF_INET;
  in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return rail;
}

class CountingLog : public LogSink {
 public:
  void Write(LogLevel level, const char*, int, const char* text) override {
    if (level == LogLevel::kWarn) lines.push_back(text);
  }
  std::vector<std::string> lines;
};

class AcceptorTest : public testing::Test, public HelloSink {
 protected:
  AcceptorTest() {
    poller_ = std::move(Poller::Create(&clock_)).value();
    acceptor_ = std::make_unique<Acceptor>(&rails_, 30, poller_.get(), &clock_,
                                           &log_, this);
    address_ = *acceptor_->Open(0);
  }
  ~AcceptorTest() override {
    for (int fd : taken_) close(fd);
  }
  bool OnHello(int, int fd, const std::string&, const Hello& hello) override {
    if (!known_) {
      close(fd);
      return false;
    }
    taken_.push_back(fd);
    hellos_.push_back(hello);
    if (answer_ != nullptr) {
      const std::string bytes = EncodeWelcome(*answer_);
      EXPECT_EQ(send(fd, bytes.data(), bytes.size(), 0), bytes.size());
    }
    return true;
  }
  int Connect() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd, (sockaddr*)&address_, sizeof(sockaddr_in)), 0);
    return fd;
  }
  void Pump(const std::function<bool()>& done) {
    for (int i = 0; i < 1'000'000; ++i) {
      poller_->Poll();
      poller_->Flush();
      if (done()) return;
    }
    FAIL() << "nothing more came";
  }
  std::unique_ptr<Dialer> Dial(std::vector<Dialer::Target> targets) {
    auto dialer = std::make_unique<Dialer>(
        &rails_, std::move(targets),
        [](int) -> StatusOr<Hello> {
          Hello hello;
          hello.nonce = 42;
          hello.address = "somewhere";
          return hello;
        },
        30, poller_.get());
    dialer->Start();
    return dialer;
  }

  FakeClock clock_;
  CountingLog log_;
  std::vector<Rail> rails_ = {Loopback()};
  std::unique_ptr<Poller> poller_;
  std::unique_ptr<Acceptor> acceptor_;
  sockaddr_storage address_;
  bool known_ = true;
  const Welcome* answer_ = nullptr;
  std::vector<int> taken_;
  std::vector<Hello> hellos_;
};

TEST_F(AcceptorTest, HelloInPiecesIsDelivered) {
  Hello hello;
  hello.nonce = 7;
  hello.address = std::string(500, 'a');
  const int fd = Connect();
  const std::string bytes = EncodeHello(hello) + "frames follow";
  for (char c : bytes) {
    ASSERT_EQ(send(fd, &c, 1, 0), 1);
    poller_->Poll();
  }
  Pump([&] { return !hellos_.empty(); });
  EXPECT_EQ(hellos_[0].nonce, 7);
  EXPECT_EQ(hellos_[0].address, hello.address);
  // The socket stands right behind the hello.
  std::string rest;
  char byte;
  Pump([&] {
    while (recv(taken_[0], &byte, 1, 0) == 1) rest += byte;
    return rest.size() >= 13;
  });
  EXPECT_EQ(rest, "frames follow");
  EXPECT_TRUE(log_.lines.empty());
  close(fd);
}

TEST_F(AcceptorTest, AConnectorThatClosesWhileItDialsIsNoStranger) {
  for (int i = 0; i < 5; ++i) {
    const int fd = Connect();
    Pump([&] { return acceptor_->pending() == 1; });
    close(fd);
    Pump([&] {
      acceptor_->Expire();
      return acceptor_->pending() == 0;
    });
  }
  EXPECT_TRUE(log_.lines.empty());
}

TEST_F(AcceptorTest, DialerTellsADeadProcessFromADeadPath) {
  acceptor_.reset();  // its port is closed
  auto dialer = Dial({{0, address_}});
  Pump([&] { return dialer->state() != Dialer::State::kTrying; });
  EXPECT_TRUE(dialer->nobody_there());
  EXPECT_FALSE(dialer->hung_up());
}

TEST_F(AcceptorTest, DialerNoticesThatNobodyKnowsItsHello) {
  known_ = false;
  auto dialer = Dial({{0, address_}});
  Pump([&] { return dialer->state() != Dialer::State::kTrying; });
  EXPECT_TRUE(dialer->hung_up());
  EXPECT_FALSE(dialer->nobody_there());
}

TEST_F(AcceptorTest, GarbageIsTurnedAwayAndLoggedOnce) {
  std::mt19937 random(std::random_device{}());
  for (int i = 0; i < 200; ++i) {
    const int fd = Connect();
    std::string bytes(random() % 300, '\0');
    for (char& c : bytes) c = random();
    (void)!send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    poller_->Poll();
    close(fd);
    poller_->Poll();
  }
  Pump([&] {
    acceptor_->Expire();
    return acceptor_->pending() == 0;
  });
  EXPECT_TRUE(hellos_.empty());
  EXPECT_EQ(log_.lines.size(), 1);
}

TEST_F(AcceptorTest, ASlowLorisGoesAfterTheTimeoutAndBlocksNobody) {
  std::vector<int> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(Connect());
    ASSERT_EQ(send(slow.back(), "I", 1, 0), 1);
  }
  Pump([&] { return acceptor_->pending() == 50; });
  const int fd = Connect();
  const std::string bytes = EncodeHello(Hello());
  ASSERT_EQ(send(fd, bytes.data(), bytes.size(), 0), bytes.size());
  Pump([&] { return hellos_.size() == 1; });
  clock_.AdvanceNs(Acceptor::kHelloTimeoutNs);
  acceptor_->Expire();
  EXPECT_EQ(acceptor_->pending(), 0);
  EXPECT_EQ(log_.lines.size(), 1);
  for (int s : slow) close(s);
  close(fd);
}

TEST_F(AcceptorTest, OnlySoManyMayBePending) {
  std::vector<int> idle;
  for (size_t i = 0; i < 300; ++i) {
    idle.push_back(Connect());
    poller_->Poll();
    EXPECT_LE(acceptor_->pending(), Acceptor::kMaxPending);
  }
  for (int fd : idle) close(fd);
}

TEST_F(AcceptorTest, TooFewDescriptorsAreLoggedOnceAndOvercome) {
  const int fds[2] = {Connect(), Connect()};
  std::vector<int> fillers;
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit low = {static_cast<rlim_t>(fds[1]) + 1, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  for (int fd; (fd = dup(fds[0])) >= 0;) fillers.push_back(fd);
  for (int i = 0; i < 10; ++i) poller_->Poll();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  for (int fd : fillers) close(fd);
  ASSERT_EQ(log_.lines.size(), 1);
  EXPECT_THAT(log_.lines[0], HasSubstr("ulimit -n"));
  const std::string bytes = EncodeHello({});
  for (int fd : fds) ASSERT_EQ(send(fd, bytes.data(), bytes.size(), 0), 96);
  Pump([&] { return hellos_.size() == 2; });
  for (int fd : fds) close(fd);
}

TEST_F(AcceptorTest, AStaleHandleIsTurnedAwayAndLoggedOnce) {
  known_ = false;
  for (int i = 0; i < 3; ++i) {
    const int fd = Connect();
    const std::string bytes = EncodeHello(Hello());
    ASSERT_EQ(send(fd, bytes.data(), bytes.size(), 0), bytes.size());
    char byte;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    Pump([&] { return recv(fd, &byte, 1, 0) == 0; });
    close(fd);
  }
  ASSERT_EQ(log_.lines.size(), 1);
  EXPECT_THAT(log_.lines[0], HasSubstr("stale"));
}

TEST_F(AcceptorTest, DialerIsWelcomed) {
  Welcome welcome;
  welcome.kind = kUcxLane;
  welcome.ucx_lane_id = 5;
  welcome.text = std::string(1500, 'w');
  answer_ = &welcome;
  auto dialer = Dial({{0, address_}});
  Pump([&] { return dialer->state() != Dialer::State::kTrying; });
  ASSERT_EQ(dialer->state(), Dialer::State::kWelcome);
  EXPECT_EQ(hellos_[0].nonce, 42);
  EXPECT_EQ(hellos_[0].address, "somewhere");
  EXPECT_EQ(dialer->welcome().ucx_lane_id, 5);
  EXPECT_EQ(dialer->welcome().text, welcome.text);
  close(dialer->TakeSocket());
}

TEST_F(AcceptorTest, DialerTriesTheNextPair) {
  const Welcome welcome;
  answer_ = &welcome;
  // A port where nobody listens, and a family that the rail does not have.
  sockaddr_storage dead = address_;
  const int fd = Connect();
  socklen_t length = sizeof(dead);
  getsockname(fd, (sockaddr*)&dead, &length);
  sockaddr_storage v6 = {};
  v6.ss_family = AF_INET6;
  auto dialer = Dial({{0, v6}, {0, dead}, {0, address_}});
  close(fd);
  Pump([&] { return dialer->state() != Dialer::State::kTrying; });
  ASSERT_EQ(dialer->state(), Dialer::State::kWelcome);
  close(dialer->TakeSocket());
}

// A firewall that drops instead of refusing must not use up all the time.
TEST_F(AcceptorTest, DialerGivesASilentPairItsShareOnly) {
  // A full backlog: the kernel drops what else wants to connect.
  const int full = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_storage silent = Loopback().address;
  socklen_t length = sizeof(silent);
  ASSERT_EQ(bind(full, (sockaddr*)&silent, sizeof(sockaddr_in)), 0);
  ASSERT_EQ(listen(full, 0), 0);
  getsockname(full, (sockaddr*)&silent, &length);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    connect(fillers.back(), (sockaddr*)&silent, sizeof(sockaddr_in));
  }
  Welcome welcome;
  answer_ = &welcome;
  auto dialer = Dial({{0, silent}, {0, address_}});
  dialer->HurryUp(clock_.NowNs());
  clock_.AdvanceNs(14 * kNsPerSecond);
  for (int i = 0; i < 100; ++i) poller_->Poll();
  dialer->HurryUp(clock_.NowNs());
  ASSERT_TRUE(hellos_.empty());
  clock_.AdvanceNs(2 * kNsPerSecond);
  dialer->HurryUp(clock_.NowNs());
  Pump([&] { return dialer->state() == Dialer::State::kWelcome; });
  close(dialer->TakeSocket());
  for (int fd : fillers) close(fd);
  close(full);
}

TEST_F(AcceptorTest, DialerSaysWhyEachPairFailed) {
  sockaddr_storage v6 = {};
  v6.ss_family = AF_INET6;
  known_ = false;
  auto dialer = Dial({{0, v6}, {0, address_}});
  Pump([&] { return dialer->state() != Dialer::State::kTrying; });
  ASSERT_EQ(dialer->state(), Dialer::State::kFailed);
  EXPECT_THAT(dialer->error().message(), HasSubstr("families"));
  EXPECT_THAT(dialer->error().message(), HasSubstr("127.0.0.1:"));
}

TEST_F(AcceptorTest, ARefusalIsFinalAndSaysWhy) {
  Welcome refusal;
  refusal.verdict = Verdict::kPlanMismatch;
  refusal.text = "the plans differ";
  answer_ = &refusal;
  auto dialer = Dial({{0, address_}, {0, address_}});
  Pump([&] { return dialer->state() != Dialer::State::kTrying; });
  ASSERT_EQ(dialer->state(), Dialer::State::kFailed);
  EXPECT_TRUE(dialer->refused());
  EXPECT_EQ(hellos_.size(), 1);
  EXPECT_THAT(dialer->error().message(), HasSubstr("the plans differ"));
}

TEST_F(AcceptorTest, DialerSurvivesGarbageInsteadOfAWelcome) {
  std::mt19937 random(std::random_device{}());
  for (int i = 0; i < 50; ++i) {
    auto dialer = Dial({{0, address_}});
    const size_t before = taken_.size();
    Pump([&] { return taken_.size() > before; });
    std::string bytes(1 + random() % 200, '\0');
    for (char& c : bytes) c = random();
    (void)!send(taken_.back(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    shutdown(taken_.back(), SHUT_WR);
    Pump([&] { return dialer->state() != Dialer::State::kTrying; });
    EXPECT_EQ(dialer->state(), Dialer::State::kFailed);
  }
}

}  // namespace
}  // namespace ithaca
