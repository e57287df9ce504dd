// Bad peers on the daemon's TCP port, while a local client and another daemon
// go on being served.

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "daemon/clients/cc/client.h"
#include "daemon/cluster/caller_header.h"
#include "daemon/cluster/tls_for_test.h"
#include "daemon/server/cluster_side.h"
#include "daemon/server/daemon_for_test.h"

namespace ithaca::server {
namespace {

// The beginning of what every TLS client says first.
const std::string kHello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);

// A raw connection. Writes and reads give up rather than hang.
class Raw {
 public:
  explicit Raw(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address),
                         sizeof address) == 0;
    const timeval patience{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Raw() { close(fd_); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  bool connected() const { return connected_; }
  bool Send(const std::string& bytes) {
    size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n =
          send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<size_t>(n);
    }
    return true;
  }
  // Whether the daemon closed it, after whatever it sent.
  bool IsClosed() {
    char buffer[4096];
    for (;;) {
      const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
      if (n > 0) continue;
      return n == 0 || errno == ECONNRESET;
    }
  }

 private:
  const int fd_;
  bool connected_ = false;
};

class TcpHostileTest : public testing::Test {
 protected:
  void SetUp() override {
    daemon_.options.patience_ms = 500;
    daemon_.options.cluster.listen = "127.0.0.1:0";
    daemon_.options.cluster.node = "one";
    daemon_.options.cluster.tls = authority_.Issue("one");
    daemon_.Start();
    const std::string address = daemon_.daemon()->cluster()->address();
    port_ = std::stoi(address.substr(address.rfind(':') + 1));
    // This daemon's own way to another one, which is itself here.
    peer_ = groups::v1::GroupsService::NewStub(
        daemon_.daemon()->cluster()->ChannelTo(address));
    client::ConnectOptions options;
    options.socket = daemon_.socket();
    options.timeout_ms = 60'000;
    auto client = client::Client::Connect(options);
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = std::move(*client);
    good_ = std::thread([this] {
      for (; !stop_; ++served_) {
        const auto groups = client_->ListGroups();
        EXPECT_TRUE(groups.ok()) << groups.status();
        EXPECT_TRUE(AskAsPeer(60'000).ok());
      }
    });
  }
  void TearDown() override {
    ServesStill();
    stop_ = true;
    good_.join();
    client_.reset();
    peer_.reset();
    daemon_.Stop();
  }
  grpc::Status AskAsPeer(int64_t timeout_ms) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::milliseconds(timeout_ms));
    context.AddMetadata(cluster::kCallerHeader, "0,0,1,two");
    groups::v1::ListGroupsResponse response;
    return peer_->ListGroups(&context, {}, &response);
  }
  void ServesStill() {
    const int before = served_;
    while (served_ < before + 3) std::this_thread::yield();
  }

  cluster::AuthorityForTest authority_;
  DaemonForTest daemon_;
  int port_ = 0;
  std::unique_ptr<groups::v1::GroupsService::Stub> peer_;
  std::unique_ptr<client::Client> client_;
  std::thread good_;
  std::atomic<bool> stop_{false};
  std::atomic<int> served_{0};
};

TEST_F(TcpHostileTest, GarbageAndPlainTextAreClosedAndLogged) {
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", 33),
        std::string(100'000, '\xff'), std::string("\x16\x03\x07"),
        std::string("\x16\x03\x01\xff\xff\x01", 6),
        std::string("\x15\x03\x01\0\x02\x01\0", 7)}) {
    const int before = daemon_.CountLog("does not speak TLS");
    Raw raw(port_);
    ASSERT_TRUE(raw.connected());
    raw.Send(bytes);
    EXPECT_TRUE(raw.IsClosed());
    EXPECT_EQ(daemon_.CountLog("does not speak TLS"), before + 1);
  }
}

TEST_F(TcpHostileTest, HalfOpenAndSlowPeersAreClosedInTime) {
  std::vector<std::unique_ptr<Raw>> peers;
  for (size_t i = 0; i <= kHello.size(); ++i) {
    peers.push_back(std::make_unique<Raw>(port_));
    ASSERT_TRUE(peers.back()->connected());
    peers.back()->Send(kHello.substr(0, i));
  }
  // One that sends a byte now and then gains no time by it, neither before nor
  // in its handshake.
  Raw slow(port_);
  const std::string words = kHello + std::string(600, '\0');
  bool open = true;
  for (size_t i = 0; i < words.size() && open; ++i) {
    open = slow.Send(words.substr(i, 1));
    if (i < 60) std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  EXPECT_FALSE(open && !slow.IsClosed());
  for (auto& peer : peers) EXPECT_TRUE(peer->IsClosed());
  EXPECT_GE(daemon_.CountLog("did not begin to speak TLS"), 1);
}

TEST_F(TcpHostileTest, AThousandHalfOpenConnectionsHurtNobody) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const size_t count = std::min<size_t>(1000, limit.rlim_cur / 8);
  std::vector<std::unique_ptr<Raw>> peers;
  for (size_t i = 0; i < count; ++i) {
    peers.push_back(std::make_unique<Raw>(port_));
    if (i % 2 == 0) peers.back()->Send(kHello);
  }
  ServesStill();
  for (auto& peer : peers) EXPECT_TRUE(peer->IsClosed());
}

// What follows a good beginning is OpenSSL's to judge.
TEST_F(TcpHostileTest, RandomHandshakesNeverHurt) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto stop_at =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  while (std::chrono::steady_clock::now() < stop_at) {
    Raw raw(port_);
    ASSERT_TRUE(raw.connected());
    std::string bytes = kHello;
    for (size_t more = random() % 700; more > 0; --more)
      bytes += static_cast<char>(random());
    if (random() % 3 == 0) bytes[random() % bytes.size()] ^= 1;
    raw.Send(bytes);
  }
}

TEST_F(TcpHostileTest, NoDescriptorLeftIsSurvived) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  std::vector<std::unique_ptr<Raw>> peers;
  ServesStill();
  rlimit tight = before;
  tight.rlim_cur = 96;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  for (int i = 0; i < 120; ++i) peers.push_back(std::make_unique<Raw>(port_));
  setrlimit(RLIMIT_NOFILE, &before);
  peers.clear();
  // The port still takes connections.
  Raw late(port_);
  ASSERT_TRUE(late.connected());
  late.Send("nonsense");
  EXPECT_TRUE(late.IsClosed());
}

}  // namespace
}  // namespace ithaca::server
