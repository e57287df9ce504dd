// Real fabrics: what they carry, that they hold back, how they fail, and that
// nothing of them is left. Skipped where namespaces cannot be made.
#include "tests/fabric/fabric.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/fabric/bound.h"

namespace ithaca::fabric {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int kLongMs = 60'000;

// A connected pair of sockets in two hosts of a fabric, over one rail.
struct Wire {
  int a = -1;
  int b = -1;

  Wire(const Fabric& fabric, int host_a, int host_b, int rail) {
    sockaddr_in at = {};
    at.sin_family = AF_INET;
    inet_pton(AF_INET, fabric.HostAddress(host_b, rail).c_str(), &at.sin_addr);
    int listener = -1;
    EXPECT_TRUE(fabric
                    .InHost(host_b,
                            [&] {
                              listener = socket(AF_INET, SOCK_STREAM, 0);
                              socklen_t size = sizeof(at);
                              bind(listener, (sockaddr*)&at, size);
                              listen(listener, 1);
                              getsockname(listener, (sockaddr*)&at, &size);
                            })
                    .ok());
    EXPECT_TRUE(
        fabric.InHost(host_a, [&] { a = socket(AF_INET, SOCK_STREAM, 0); })
            .ok());
    EXPECT_EQ(connect(a, (sockaddr*)&at, sizeof(at)), 0) << strerror(errno);
    b = accept(listener, nullptr, nullptr);
    EXPECT_GE(b, 0);
    close(listener);
  }
  ~Wire() {
    close(a);
    close(b);
  }

  void Send(const std::string& text) const {
    EXPECT_EQ(send(a, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // Whether something (bytes or an error) comes within the time.
  static bool Hears(int fd, int timeout_ms) {
    pollfd ready = {fd, POLLIN, 0};
    return poll(&ready, 1, timeout_ms) == 1;
  }
  std::string Receive(size_t bytes) const {
    std::string text;
    char chunk[65536];
    while (text.size() < bytes && Hears(b, kLongMs)) {
      const ssize_t n = recv(b, chunk, sizeof(chunk), 0);
      if (n <= 0) break;
      text.append(chunk, n);
    }
    return text;
  }
};

std::vector<std::string> Leftovers(const std::string& id) {
  std::vector<std::string> names;
  for (const char* folder : {"/run/netns", "/run/ithaca-fabric"}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      const std::string name = entry.path().filename();
      if (name == id || name.rfind(id + "-", 0) == 0) names.push_back(name);
    }
  }
  return names;
}

class FabricTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static const Status supported = Fabric::Supported();
    if (!supported.ok()) {
      GTEST_SKIP() << "no fabrics here: " << supported.message();
    }
  }

  std::unique_ptr<Fabric> Up(const std::string& text) {
    auto spec = ParseSpec(text);
    EXPECT_TRUE(spec.ok()) << spec.status().ToString();
    auto fabric = Fabric::Up(*spec);
    EXPECT_TRUE(fabric.ok()) << fabric.status().ToString();
    return fabric.ok() ? std::move(*fabric) : nullptr;
  }
};

TEST_F(FabricTest, EveryRailCarriesTcpAndCountsIt) {
  auto fabric = Up("hosts=2,rails=2,rate=100mbit");
  ASSERT_NE(fabric, nullptr);
  EXPECT_EQ(fabric->RailNames(), "rail0,rail1");
  const std::string text(200'000, 'x');
  for (int rail = 0; rail < 2; ++rail) {
    const auto before = fabric->EgressCounters(0, rail);
    const auto other = fabric->EgressCounters(0, 1 - rail);
    ASSERT_TRUE(before.ok()) << before.status().ToString();
    Wire wire(*fabric, 0, 1, rail);
    wire.Send(text);
    EXPECT_EQ(wire.Receive(text.size()), text);
    EXPECT_GE(fabric->EgressCounters(0, rail)->bytes,
              before->bytes + text.size());
    EXPECT_GE(fabric->IngressCounters(1, rail)->bytes, text.size());
    EXPECT_LT(fabric->EgressCounters(0, 1 - rail)->bytes,
              other->bytes + text.size());
  }
}

// A token bucket cannot be beaten, however the machine is loaded, and neither
// can the bound.
TEST_F(FabricTest, ShapingHoldsBackAsTheBoundSays) {
  auto fabric = Up("hosts=2,rate=20mbit,queue=64k");
  ASSERT_NE(fabric, nullptr);
  auto shapers = AskTool({"tc", "-s", "qdisc", "show", "dev", "h1r0"},
                         fabric->SwitchNetns());
  ASSERT_TRUE(shapers.ok());
  EXPECT_THAT(*shapers, HasSubstr("rate 20Mbit burst 128Kb"));
  const size_t bytes = 1 << 20;
  Traffic traffic = {{0, bytes}, {0, 0}};
  const Bound bound = ComputeBound(fabric->spec(), traffic, Burst::kCounted);
  EXPECT_GT(bound.seconds, 0.3);
  Wire wire(*fabric, 0, 1, 0);
  const auto start = std::chrono::steady_clock::now();
  std::thread sender([&] { wire.Send(std::string(bytes, 'y')); });
  EXPECT_EQ(wire.Receive(bytes).size(), bytes);
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - start;
  sender.join();
  EXPECT_GE(took.count(), bound.seconds);
}

TEST_F(FabricTest, PodsMeetOverUplinks) {
  auto fabric = Up("hosts=3,rails=2,pods=1+2,uplink=100mbit");
  ASSERT_NE(fabric, nullptr);
  for (int rail = 0; rail < 2; ++rail) {
    Wire across(*fabric, 0, 2, rail), within(*fabric, 1, 2, rail);
    across.Send("across");
    EXPECT_EQ(across.Receive(6), "across");
    within.Send("within");
    EXPECT_EQ(within.Receive(6), "within");
  }
}

TEST_F(FabricTest, HostsHaveTheirOwnCongestionControl) {
  const std::string ours =
      *AskTool({"cat", "/proc/sys/net/ipv4/tcp_congestion_control"}, "");
  auto fabric = Up("hosts=1,cc=reno");
  ASSERT_NE(fabric, nullptr);
  EXPECT_EQ(*AskTool({"cat", "/proc/sys/net/ipv4/tcp_congestion_control"},
                     fabric->HostNetns(0)),
            "reno");
  EXPECT_EQ(*AskTool({"cat", "/proc/sys/net/ipv4/tcp_congestion_control"}, ""),
            ours);
}

TEST_F(FabricTest, ABlackHoleIsSilent) {
  auto fabric = Up("hosts=2,rails=2,rate=100mbit");
  ASSERT_NE(fabric, nullptr);
  Wire wire(*fabric, 0, 1, 0), other(*fabric, 0, 1, 1);
  ASSERT_TRUE(fabric->SetBlackHole(1, 0, true).ok());
  wire.Send("lost?");
  EXPECT_FALSE(Wire::Hears(wire.b, 300)) << "it is no black hole";
  EXPECT_FALSE(Wire::Hears(wire.a, 0)) << "the sender sees an error";
  const auto link =
      AskTool({"ip", "-br", "link", "show", "rail0"}, fabric->HostNetns(1));
  ASSERT_TRUE(link.ok());
  EXPECT_THAT(*link, HasSubstr("LOWER_UP"));
  other.Send("fine");
  EXPECT_EQ(other.Receive(4), "fine");
  ASSERT_TRUE(fabric->SetBlackHole(1, 0, false).ok());
  EXPECT_EQ(wire.Receive(5), "lost?");
}

TEST_F(FabricTest, ALinkGoesDownAndComesBack) {
  auto fabric = Up("hosts=2,rate=100mbit");
  ASSERT_NE(fabric, nullptr);
  Wire wire(*fabric, 0, 1, 0);
  auto state = [&] {
    return *AskTool({"ip", "-br", "link", "show", "rail0"},
                    fabric->HostNetns(1));
  };
  ASSERT_TRUE(fabric->SetLink(1, 0, false).ok());
  EXPECT_THAT(state(), HasSubstr("DOWN"));
  wire.Send("later");
  ASSERT_TRUE(fabric->SetLink(1, 0, true).ok());
  EXPECT_EQ(wire.Receive(5), "later");
  EXPECT_THAT(state(), HasSubstr("LOWER_UP"));
}

TEST_F(FabricTest, ACableIsPulledAndPluggedInAgain) {
  auto fabric = Up("hosts=2,rate=100mbit");
  ASSERT_NE(fabric, nullptr);
  Wire wire(*fabric, 0, 1, 0);
  auto state = [&] {
    return *AskTool({"ip", "-br", "link", "show", "rail0"},
                    fabric->HostNetns(1));
  };
  ASSERT_TRUE(fabric->SetCarrier(1, 0, false).ok());
  EXPECT_THAT(state(), HasSubstr("NO-CARRIER"));
  EXPECT_THAT(state(), HasSubstr(",UP"));
  wire.Send("later");
  ASSERT_TRUE(fabric->SetCarrier(1, 0, true).ok());
  EXPECT_EQ(wire.Receive(5), "later");
}

TEST_F(FabricTest, AResetReachesBothEndsOfOneRail) {
  auto fabric = Up("hosts=2,rails=2,rate=100mbit");
  ASSERT_NE(fabric, nullptr);
  Wire wire(*fabric, 0, 1, 0), other(*fabric, 0, 1, 1);
  ASSERT_TRUE(fabric->ResetConnections(1, 0).ok());
  char byte;
  for (int fd : {wire.a, wire.b}) {
    ASSERT_TRUE(Wire::Hears(fd, kLongMs));
    EXPECT_EQ(recv(fd, &byte, 1, 0), -1);
    EXPECT_THAT(errno, AnyOf(ECONNRESET, ECONNABORTED));
  }
  other.Send("fine");
  EXPECT_EQ(other.Receive(4), "fine");
  Wire again(*fabric, 0, 1, 0);
  again.Send("fine");
  EXPECT_EQ(again.Receive(4), "fine");
}

TEST_F(FabricTest, ARateChangesInBothDirections) {
  auto fabric = Up("hosts=2,rate=100mbit,queue=64k");
  ASSERT_NE(fabric, nullptr);
  ASSERT_TRUE(fabric->SetRate(1, 0, 7'000'000).ok());
  auto shown = [](const std::string& netns, const char* device) {
    return *AskTool({"tc", "qdisc", "show", "dev", device}, netns);
  };
  EXPECT_THAT(shown(fabric->HostNetns(1), "rail0"), HasSubstr("rate 7Mbit"));
  EXPECT_THAT(shown(fabric->SwitchNetns(), "h1r0"), HasSubstr("rate 7Mbit"));
  EXPECT_THAT(shown(fabric->SwitchNetns(), "h0r0"), HasSubstr("rate 100Mbit"));
  Wire wire(*fabric, 0, 1, 0);
  wire.Send("fine");
  EXPECT_EQ(wire.Receive(4), "fine");
}

TEST_F(FabricTest, FaultsOfHostsThatAreNotThere) {
  auto fabric = Up("hosts=1");
  ASSERT_NE(fabric, nullptr);
  for (const Status& status :
       {fabric->SetLink(1, 0, false), fabric->SetBlackHole(0, 1, true),
        fabric->SetRate(-1, 0, 1'000'000), fabric->ResetConnections(0, -1)}) {
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("hosts 0 to 0"));
  }
}

TEST_F(FabricTest, NothingIsLeft) {
  auto fabric = Up("hosts=2,rails=2,rate=100mbit,pods=1+1,uplink=100mbit");
  ASSERT_NE(fabric, nullptr);
  const std::string id = fabric->id();
  // Three namespaces and a folder.
  EXPECT_EQ(Leftovers(id).size(), 4u);
  ProcessOptions options;
  options.argv = {"sleep", "1000"};
  auto inside = fabric->Start(1, options);
  ASSERT_TRUE(inside.ok());
  // It has entered once it runs the program.
  while (*AskTool({"cat", "/proc/" + std::to_string(inside->pid()) + "/comm"},
                  "") != "sleep") {
  }
  fabric = nullptr;
  EXPECT_THAT(Leftovers(id), ::testing::IsEmpty());
  auto exit = inside->Wait(kLongMs);
  ASSERT_TRUE(exit.ok()) << exit.status().ToString();
  EXPECT_EQ(*exit, -SIGKILL);
}

TEST_F(FabricTest, NothingIsLeftOfOneThatFailsHalfWay) {
  auto spec = ParseSpec("hosts=2,cc=nosuch");
  ASSERT_TRUE(spec.ok());
  auto fabric = Fabric::Up(*spec);
  ASSERT_FALSE(fabric.ok());
  EXPECT_THAT(fabric.status().message(), HasSubstr("cc=nosuch"));
  for (const InstanceInfo& info : ListInstances()) {
    EXPECT_NE(info.owner, getpid()) << info.id;
  }
}

TEST_F(FabricTest, NothingIsLeftOfAnOwnerThatIsKilled) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  const pid_t owner = fork();
  if (owner == 0) {
    auto fabric = Fabric::Up(*ParseSpec("hosts=2,rate=100mbit"));
    const std::string id = fabric.ok() ? (*fabric)->id() : "";
    if (write(fds[1], id.data(), id.size()) < 0) _exit(1);
    close(fds[1]);
    for (;;) pause();
  }
  close(fds[1]);
  char id[64] = {};
  ASSERT_GT(read(fds[0], id, sizeof(id) - 1), 0) << "the owner has no fabric";
  EXPECT_FALSE(Leftovers(id).empty());
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  // The janitor holds no end of this pipe and is nobody's child here.
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(kLongMs);
  while (!Leftovers(id).empty() && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  EXPECT_THAT(Leftovers(id), ::testing::IsEmpty());
  close(fds[0]);
}

TEST_F(FabricTest, AKeptOneStaysUntilTakenDown) {
  std::string id;
  {
    auto fabric = Up("hosts=1,rate=100mbit");
    ASSERT_NE(fabric, nullptr);
    id = fabric->id();
    ASSERT_TRUE(fabric->Keep().ok());
  }
  EXPECT_EQ(Leftovers(id).size(), 3u);
  auto again = Fabric::Attach(id);
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_EQ((*again)->spec().rate_bps[0][0], 100'000'000u);
  EXPECT_TRUE((*again)->SetLink(0, 0, false).ok());
  again->reset();
  EXPECT_EQ(Leftovers(id).size(), 3u);
  TakeDown(id);
  EXPECT_THAT(Leftovers(id), ::testing::IsEmpty());
  EXPECT_EQ(Fabric::Attach(id).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace ithaca::fabric
