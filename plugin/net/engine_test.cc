// Two engines over several rails of loopback: lanes, data, strangers, ends.
#include "plugin/net/engine.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "plugin/net/engine_sides.h"

namespace ithaca::net {
namespace {

using testing::HasSubstr;

class EngineTest : public testing::Test {
 protected:
  // Connects a to b, and waits for `lanes` lanes on both ends.
  void Connect(Side* a, Side* b, int lanes) {
    a_ = a, b_ = b;
    uint8_t handle[kHandleSize];
    auto listener = b->engine->Listen(b->device, handle);
    ASSERT_TRUE(listener.ok()) << listener.status().ToString();
    Until([&] {
      if (send_ == nullptr) {
        auto comm = a->engine->Connect(a->device, handle);
        EXPECT_TRUE(comm.ok()) << comm.status().ToString();
        if (comm.ok()) send_ = *std::move(comm);
      }
      if (recv_ == nullptr) {
        auto comm = b->engine->Accept(listener->get());
        EXPECT_TRUE(comm.ok()) << comm.status().ToString();
        if (comm.ok()) recv_ = *std::move(comm);
      }
      return send_ != nullptr && recv_ != nullptr &&
             send_->connection()->lanes_up() == lanes &&
             recv_->connection()->lanes_up() == lanes;
    });
  }

  void Until(const std::function<bool()>& done) {
    for (int i = 0; i < 5'000'000; ++i) {
      if (done()) return;
      a_->engine->Progress();
      b_->engine->Progress();
    }
    FAIL() << "nothing more happened";
  }

  // Sends `bytes` random bytes and checks what arrives.
  void Transfer(size_t bytes) {
    std::string data(bytes, '\0'), got(bytes + 8, '\x5a');
    for (char& c : data) c = random_();
    auto received = recv_->connection()->Receive(got.data(), bytes, 0);
    auto sent = send_->connection()->Send(data.data(), bytes, 0);
    ASSERT_TRUE(received.ok() && sent.ok());
    ASSERT_TRUE(*received != nullptr && *sent != nullptr);
    a_->engine->Kick();
    b_->engine->Kick();
    bool in = false, out = false;
    uint64_t size = 0;
    Until([&] {
      if (!in) in = *recv_->connection()->Test(*received, &size);
      if (!out) out = *send_->connection()->Test(*sent, &size);
      return in && out;
    });
    EXPECT_TRUE(got == data + std::string(8, '\x5a'));
  }

  std::mt19937 random_{std::random_device()()};
  Side* a_ = nullptr;
  Side* b_ = nullptr;
  std::unique_ptr<SendComm> send_;
  std::unique_ptr<RecvComm> recv_;
};

TEST_F(EngineTest, OneLanePerPairOfRails) {
  Side a(LoopbackRails(1, 4)), b(LoopbackRails(10, 4));
  Connect(&a, &b, 4);
  for (size_t bytes : {0, 1, 8192, 8193, 1 << 20, 3'333'333}) Transfer(bytes);
  EXPECT_TRUE(a.log.warnings.empty());
  EXPECT_TRUE(b.log.warnings.empty());
  send_.reset(), recv_.reset();
}

TEST_F(EngineTest, OnOneHostOneLaneOverSharedMemoryIsEnough) {
  constexpr uint64_t kHost = 42;
  Side a(LoopbackRails(1, 3), &MonotonicClock(), SmallFragments(), nullptr,
         kHost);
  Side b(LoopbackRails(4, 2), &MonotonicClock(), SmallFragments(), nullptr,
         kHost);
  Connect(&a, &b, 1);
  for (size_t bytes : {0, 1, 8192, 8193, 1 << 20, 20 << 20}) Transfer(bytes);
  EXPECT_EQ(send_->connection()->lanes_up(), 1);
  EXPECT_THAT(a.log.warnings, testing::IsEmpty());
  EXPECT_THAT(b.log.warnings, testing::IsEmpty());
  send_.reset(), recv_.reset();
}

TEST_F(EngineTest, OneEngineReachesItselfOverSharedMemory) {
  Side a(LoopbackRails(1, 2), &MonotonicClock(), SmallFragments(), nullptr, 42);
  Connect(&a, &a, 1);
  Transfer(1 << 20);
  send_.reset(), recv_.reset();
}

TEST_F(EngineTest, HostsThatDifferOrDoNotWantItUseSockets) {
  for (const uint64_t host : {43, 0}) {
    Side a(LoopbackRails(1, 2), &MonotonicClock(), SmallFragments(), nullptr,
           42);
    Side b(LoopbackRails(3, 2), &MonotonicClock(), SmallFragments(), nullptr,
           host);
    Connect(&a, &b, 2);
    Transfer(1 << 20);
    send_.reset(), recv_.reset();
    Connect(&b, &a, 2);
    Transfer(1 << 20);
    send_.reset(), recv_.reset();
  }
}

TEST_F(EngineTest, APeerOverSharedMemoryThatGoesIsNoticed) {
  Side a(LoopbackRails(1, 1), &MonotonicClock(), SmallFragments(), nullptr, 42);
  auto b = std::make_unique<Side>(LoopbackRails(2, 1), &MonotonicClock(),
                                  SmallFragments(), nullptr, 42);
  Connect(&a, b.get(), 1);
  std::string data(1 << 20, 'x');
  auto sent = send_->connection()->Send(data.data(), data.size(), 0);
  ASSERT_TRUE(sent.ok() && *sent != nullptr);
  recv_.reset();
  uint64_t size = 0;
  Until([&] { return !send_->connection()->Test(*sent, &size).ok(); });
  EXPECT_EQ(send_->connection()->status().code(), Code::kUnavailable);
  EXPECT_THAT(a.log.warnings, testing::SizeIs(1));
  send_.reset();
}

TEST_F(EngineTest, PeersMayHaveDifferentNumbersOfRails) {
  Side a(LoopbackRails(1, 1)), b(LoopbackRails(10, 3));
  Connect(&a, &b, 3);
  Transfer(1 << 20);
  send_.reset(), recv_.reset();
  Side c(LoopbackRails(1, 3)), d(LoopbackRails(10, 2));
  Connect(&c, &d, 3);
  Transfer(1 << 20);
  send_.reset(), recv_.reset();
}

TEST_F(EngineTest, ARailThatCannotReachThePeerIsDoneWithout) {
  // Documentation addresses that no interface has: binding them fails.
  std::vector<Rail> rails = LoopbackRails(1, 2);
  auto* in = reinterpret_cast<sockaddr_in*>(&rails[1].address);
  in->sin_addr.s_addr = htonl(0xc0000201);  // 192.0.2.1
  Side a(rails), b(LoopbackRails(10, 2));
  Connect(&a, &b, 1);
  Transfer(1 << 20);
  send_.reset(), recv_.reset();
}

TEST_F(EngineTest, StrangersDoNotDisturbATransfer) {
  Side a(LoopbackRails(1, 1)), b(LoopbackRails(10, 1));
  Connect(&a, &b, 1);
  uint8_t bytes[kHandleSize];
  auto listener = b.engine->Listen(b.device, bytes);
  ASSERT_TRUE(listener.ok());
  Handle handle;
  ASSERT_TRUE(DecodeHandle(bytes, &handle).ok());
  std::vector<int> strangers;
  for (int i = 0; i < 40; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(connect(fd, (sockaddr*)&handle.rails[0], sizeof(sockaddr_in)), 0);
    Hello hello;  // well-formed, of a listener that is not there
    hello.listener = handle.listener;
    hello.nonce = handle.nonce + 1;
    std::string text = i % 2 ? EncodeHello(hello) : std::string(i * 10, '\0');
    if (i % 2 == 0)
      for (char& c : text) c = random_();
    (void)!send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    strangers.push_back(fd);
    Transfer(100'000);
  }
  EXPECT_EQ(b.log.warnings.size(), 1);
  for (int fd : strangers) close(fd);
  send_.reset(), recv_.reset();
}

TEST_F(EngineTest, OneListenerServesManyConnections) {
  Side a(LoopbackRails(1, 2)), b(LoopbackRails(10, 2));
  uint8_t handle[kHandleSize];
  auto listener = b.engine->Listen(b.device, handle);
  ASSERT_TRUE(listener.ok());
  std::vector<std::unique_ptr<SendComm>> sends;
  std::vector<std::unique_ptr<RecvComm>> recvs;
  a_ = &a, b_ = &b;
  for (int i = 0; i < 20; ++i) {
    uint8_t copy[kHandleSize];
    memcpy(copy, handle, kHandleSize);
    std::unique_ptr<SendComm> comm;
    Until([&] {
      comm = *a.engine->Connect(a.device, copy);
      return comm != nullptr;
    });
    sends.push_back(std::move(comm));
  }
  Until([&] {
    auto comm = *b.engine->Accept(listener->get());
    if (comm != nullptr) recvs.push_back(std::move(comm));
    return recvs.size() == sends.size();
  });
  Until([&] { return !b.engine->Accept(listener->get()).value(); });
}

TEST_F(EngineTest, AClosedListenerIsNamedToTheConnector) {
  Side a(LoopbackRails(1, 1)), b(LoopbackRails(10, 1));
  a_ = &a, b_ = &b;
  uint8_t handle[kHandleSize];
  { auto listener = b.engine->Listen(b.device, handle); }
  Status status;
  Until([&] {
    auto comm = a.engine->Connect(a.device, handle);
    status = comm.status();
    return !comm.ok();
  });
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("127.0.0.10:"));
}

TEST_F(EngineTest, SilenceEndsAtThePeerTimeout) {
  FakeClock clock;
  Side a(LoopbackRails(1, 1), &clock), b(LoopbackRails(10, 1), &clock);
  uint8_t handle[kHandleSize];
  auto listener = b.engine->Listen(b.device, handle);
  // b never looks at its sockets: the kernel takes the connection, and that is
  // all.
  auto comm = a.engine->Connect(a.device, handle);
  ASSERT_TRUE(comm.ok() && *comm == nullptr);
  clock.AdvanceNs(31 * kNsPerSecond);
  comm = a.engine->Connect(a.device, handle);
  ASSERT_FALSE(comm.ok());
  EXPECT_EQ(comm.status().code(), Code::kDeadlineExceeded);
  EXPECT_THAT(comm.status().message(), HasSubstr("ITHACA_PEER_TIMEOUT"));

  Side c(LoopbackRails(20, 1), &clock);
  auto quiet = c.engine->Listen(c.device, handle);
  ASSERT_EQ(c.engine->Accept(quiet->get()).value(), nullptr);
  clock.AdvanceNs(31 * kNsPerSecond);
  auto accepted = c.engine->Accept(quiet->get());
  ASSERT_FALSE(accepted.ok());
  EXPECT_EQ(accepted.status().code(), Code::kDeadlineExceeded);
}

// NCCL may never call connect again with a handle: what it began must not stay
// for as long as the communicator lives.
TEST_F(EngineTest, AnAbandonedConnectIsGivenUpAtThePeerTimeout) {
  FakeClock clock;
  Side a(LoopbackRails(1, 1), &clock), b(LoopbackRails(10, 1), &clock);
  a_ = &a, b_ = &b;
  uint8_t handle[kHandleSize];
  auto listener = b.engine->Listen(b.device, handle);
  ASSERT_EQ(a.engine->Connect(a.device, handle).value(), nullptr);
  std::unique_ptr<RecvComm> peer;
  Until([&] {
    clock.AdvanceNs(kNsPerMs);
    peer = b.engine->Accept(listener->get()).value();
    return peer != nullptr && peer->connection()->lanes_up() == 1;
  });
  clock.AdvanceNs(29 * kNsPerSecond);
  a.engine->Progress();
  for (int i = 0; i < 100; ++i) {
    clock.AdvanceNs(kNsPerMs);
    b.engine->Progress();
  }
  EXPECT_TRUE(peer->connection()->status().ok()) << "not yet";
  clock.AdvanceNs(2 * kNsPerSecond);
  a.engine->Progress();
  Until([&] {
    clock.AdvanceNs(kNsPerMs);
    return !peer->connection()->status().ok();
  });
  EXPECT_EQ(a.engine->Connect(a.device, handle).status().code(),
            Code::kInvalidArgument);
}

TEST_F(EngineTest, APeerThatGoesFailsWhatIsPendingOnce) {
  Side a(LoopbackRails(1, 2)), b(LoopbackRails(10, 2));
  Connect(&a, &b, 2);
  const std::string data(4 << 20, 'x');
  auto sent = send_->connection()->Send(data.data(), data.size(), 0);
  ASSERT_TRUE(sent.ok());
  a.engine->Kick();
  recv_.reset();
  Until([&] { return !send_->connection()->status().ok(); });
  uint64_t size;
  EXPECT_EQ(send_->connection()->Test(*sent, &size).status().code(),
            Code::kUnavailable);
  int failures = 0;
  for (const std::string& line : a.log.warnings)
    failures += line.find("failed") != std::string::npos;
  EXPECT_EQ(failures, 1);
  send_.reset();
}

// A sender that aborts has its memory deregistered in the middle of a fragment.
// What the receiver is missing then must not pass for data.
TEST_F(EngineTest, AMessageCutOffByItsSenderDoesNotComplete) {
  Options options;
  options.fragment_bytes = kMaxFragmentBytes;
  for (size_t bytes = 256 << 10; bytes <= kMaxFragmentBytes;
       bytes += bytes / 3) {
    SCOPED_TRACE(bytes);
    Side a(LoopbackRails(1, 1)),
        b(LoopbackRails(10, 1), &MonotonicClock(), options);
    Connect(&a, &b, 1);
    const std::string data(bytes, 'x');
    std::string got(bytes, '\0');
    auto received = recv_->connection()->Receive(got.data(), bytes, 0);
    auto sent = send_->connection()->Send(data.data(), bytes, 0);
    ASSERT_TRUE(received.ok() && sent.ok());
    a.engine->Kick();
    Until([&] { return got[0] == 'x'; });
    // The receiver empties the socket, so that the sender could go on.
    uint64_t size = 0;
    for (int i = 0; i < 100; ++i) b.engine->Progress();
    auto done = recv_->connection()->Test(*received, &size);
    ASSERT_TRUE(done.ok());
    const bool whole = *done;
    send_->connection()->OnMemoryGone(data.data(), data.data() + bytes);
    a.engine->Kick();
    if (!whole)
      Until([&] {
        done = recv_->connection()->Test(*received, &size);
        return !done.ok() || *done;
      });
    EXPECT_TRUE(!done.ok() || got == data);
    send_.reset(), recv_.reset();
  }
}

// A lane that comes up after the connection failed would keep the peer waiting.
TEST_F(EngineTest, AFailedConnectionDialsNoMore) {
  Side a(LoopbackRails(1, 2)), b(LoopbackRails(10, 1));
  a_ = &a, b_ = &b;
  uint8_t bytes[kHandleSize];
  auto listener = b.engine->Listen(b.device, bytes);
  ASSERT_TRUE(listener.ok());
  // The handle's second rail is the test's: it answers when it wants to.
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_storage address = LoopbackRails(20, 1)[0].address;
  socklen_t length = sizeof(address);
  ASSERT_EQ(bind(fd, (sockaddr*)&address, sizeof(sockaddr_in)), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  getsockname(fd, (sockaddr*)&address, &length);
  Handle handle;
  ASSERT_TRUE(DecodeHandle(bytes, &handle).ok());
  handle.rails.push_back(address);
  EncodeHandle(handle, bytes);
  Until([&] {
    send_ = a.engine->Connect(a.device, bytes).value();
    return send_ != nullptr;
  });
  const int late = accept(fd, nullptr, nullptr);
  uint8_t hello[kHelloBytes];
  Until([&] {
    return recv(late, hello, sizeof(hello), MSG_DONTWAIT) == kHelloBytes;
  });

  const std::string data(1 << 20, 'x');
  ASSERT_TRUE(send_->connection()->Send(data.data(), data.size(), 0).ok());
  send_->connection()->OnMemoryGone(data.data(), data.data() + 1);
  const std::string welcome = EncodeWelcome({});
  ASSERT_EQ(send(late, welcome.data(), welcome.size(), 0), welcome.size());
  char byte;
  Until([&] { return recv(late, &byte, 1, MSG_DONTWAIT) == 0; });
  EXPECT_EQ(send_->connection()->lanes_up(), 0);
  close(late), close(fd);
  send_.reset();
}

TEST_F(EngineTest, AForeignHandleIsRefusedAndAttemptsAreNotGuessable) {
  Side a(LoopbackRails(1, 1)), b(LoopbackRails(10, 1));
  uint8_t handle[kHandleSize] = {};
  EXPECT_EQ(a.engine->Connect(a.device, handle).status().code(),
            Code::kInvalidArgument);
  auto listener = b.engine->Listen(b.device, handle);
  SetHandleAttempt(handle, 12345);
  EXPECT_EQ(a.engine->Connect(a.device, handle).status().code(),
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace ithaca::net
