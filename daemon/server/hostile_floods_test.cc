// Floods: too much of everything that a peer may send, while a good client goes
// on being served.
//
// gRPC 1.51 itself has no bound on streams that are opened and reset at once
// (fixed in later versions); what the daemon sets before it are bounds on
// connections, streams of a connection, and calls of a user.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "daemon/server/hostile_for_test.h"
#include "ithaca/groups/v1/groups.grpc.pb.h"

namespace ithaca::server {
namespace {

constexpr char kGetGroup[] = "/ithaca.groups.v1.GroupsService/GetGroup";
constexpr char kWatchGroup[] = "/ithaca.groups.v1.GroupsService/WatchGroup";

// A gRPC message with a HTTP/2 frame around it.
std::string DataFrame(uint32_t stream, bool last, const std::string& message) {
  std::string body(1, '\0');
  for (int shift : {24, 16, 8, 0})
    body += static_cast<char>(message.size() >> shift);
  body += message;
  return Frame(static_cast<uint32_t>(body.size()), 0, last ? 1 : 0, stream,
               body);
}

TEST_F(HostileTest, PortScans) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::vector<std::string> probes = {
      "",
      "\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "OPTIONS * RTSP/1.0\r\n\r\n",
      "HELP\r\n",
      "SSH-2.0-scan\r\n",
      "EHLO scan\r\n",
      std::string("\x16\x03\x00\x00S\x01\x00\x00O\x03\x00", 11),
      std::string("\x00\x00\x00\xa4\xffSMBr\x00\x00\x00\x00", 13),
      "OPTIONS sip:nm SIP/2.0\r\n\r\n",
      "stats\r\n",
      "PRI * HTTP/2.0\r\n\r\n",
  };
  for (int i = 0; i < 2000; ++i) {
    Raw raw(daemon_.socket());
    ASSERT_TRUE(raw.connected());
    std::string probe = probes[random() % probes.size()];
    if (random() % 4 == 0) {
      probe.resize(random() % 200);
      for (char& c : probe) c = static_cast<char>(random());
    }
    raw.SendWhatFits(probe);
    if (i % 100 == 0) raw.IsClosed();
  }
}

// Inside, and then nothing, or a byte of a header now and then.
TEST_F(HostileTest, SlowLorisBehindTheDoor) {
  std::vector<std::unique_ptr<Raw>> peers;
  const std::string slow = HeadersFrame(1, kGetGroup);
  for (int i = 0; i < 300; ++i) {
    peers.push_back(std::make_unique<Raw>(daemon_.socket()));
    ASSERT_TRUE(peers.back()->Send(kHello));
  }
  for (size_t at = 0; at < slow.size(); ++at) {
    for (size_t i = at % 3; i < peers.size(); i += 3)
      peers[i]->SendWhatFits(slow.substr(at, 1));
  }
  ServesStill();
}

TEST_F(HostileTest, RapidResets) {
  for (int connection = 0; connection < 4; ++connection) {
    Raw raw(daemon_.socket());
    std::string bytes = kHello;
    for (uint32_t stream = 1; stream < 10'000; stream += 2) {
      bytes += HeadersFrame(stream, kWatchGroup) +
               Frame(4, 3, 0, stream, std::string("\0\0\0\x08", 4));
    }
    raw.Send(bytes);
    ServesStill();
  }
}

TEST_F(HostileTest, PingsSettingsAndWindowsWithoutEnd) {
  const std::string ping = Frame(8, 6, 0, 0, "12345678");
  const std::string settings =
      Frame(6, 4, 0, 0, std::string("\0\x04\0\0\0\0", 6));
  const std::string window = Frame(4, 8, 0, 0, std::string("\0\0\0\1", 4));
  const std::string priority =
      Frame(5, 2, 0, 3, std::string("\0\0\0\1\x10", 5));
  const std::string empty = Frame(0, 0, 0, 1, "");
  for (const std::string& frame : {ping, settings, window, priority, empty}) {
    Raw raw(daemon_.socket());
    std::string bytes = kHello + HeadersFrame(1, kGetGroup);
    for (int i = 0; i < 50'000; ++i) bytes += frame;
    // Its answers are never read.
    raw.SendWhatFits(bytes);
    ServesStill();
  }
}

// A header block that never ends.
TEST_F(HostileTest, ContinuationsWithoutEnd) {
  Raw raw(daemon_.socket());
  const std::string headers = CallHeaders(kGetGroup);
  ASSERT_TRUE(raw.Send(
      kHello + Frame(static_cast<uint32_t>(headers.size()), 1, 0, 1, headers)));
  const std::string filler(std::string("\0\x06"
                                       "filler\x7d",
                                       9) +
                           std::string(125, 'x'));
  std::string more;
  for (int i = 0; i < 20'000; ++i)
    more += Frame(static_cast<uint32_t>(filler.size()), 9, 0, 1, filler);
  raw.SendWhatFits(more);
}

TEST_F(HostileTest, TooManyAndTooLargeMessages) {
  std::string many = kHello;
  for (uint32_t stream = 1; stream < 200; stream += 2) {
    many += HeadersFrame(stream, kGetGroup);
    for (int i = 0; i < 50; ++i)
      many += DataFrame(stream, i == 49, std::string("\x0a\x01g", 3));
  }
  Raw raw(daemon_.socket());
  raw.Send(many);
  // One that announces 4 GiB and sends a few bytes of it.
  Raw huge(daemon_.socket());
  huge.Send(kHello + HeadersFrame(1, kGetGroup) +
            Frame(9, 0, 0, 1,
                  std::string("\0\xff\xff\xff\xff"
                              "1234",
                              9)));
}

// Streams that are opened and never read, with no room for an answer.
TEST_F(HostileTest, StreamsThatNobodyReads) {
  std::vector<std::unique_ptr<Raw>> peers;
  for (int i = 0; i < 10; ++i) {
    peers.push_back(std::make_unique<Raw>(daemon_.socket()));
    // SETTINGS_INITIAL_WINDOW_SIZE = 0.
    std::string bytes = kHello.substr(0, 24) +
                        Frame(6, 4, 0, 0, std::string("\0\x04\0\0\0\0", 6));
    for (uint32_t stream = 1; stream < 400; stream += 2) {
      bytes +=
          HeadersFrame(stream, "/ithaca.groups.v1.GroupsService/ListGroups") +
          DataFrame(stream, true, "");
    }
    peers.back()->Send(bytes);
  }
  ServesStill();
}

// With room for all the descriptors that root may have.
class HostileCrowdTest : public HostileTest {
 protected:
  void SetUp() override {
    rlimit limit{80'000, 80'000};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
    // Each costs three here: the peer's, gRPC's and the door's.
    count_ = std::min<size_t>(10'000, limit.rlim_max / 5);
    HostileTest::SetUp();
  }
  size_t count_ = 0;
};

// As several users in turn: the last places are for administrators.
TEST_F(HostileCrowdTest, TenThousandConnections) {
  const bool root = geteuid() == 0;
  if (root) {
    chmod(daemon_.options.run_dir.c_str(), 0755);
    chmod(daemon_.socket().c_str(), 0666);
  }
  std::vector<std::unique_ptr<Raw>> peers;
  constexpr uid_t kUsers = 5;
  for (uid_t user = 0; user < (root ? kUsers : 1); ++user) {
    std::thread([&] {
      // Of this thread alone: the kernel's call, not the library's.
      if (root) syscall(SYS_setresuid, -1, 60'000 + user, -1);
      for (size_t i = 0; i < count_ / (root ? kUsers : 1); ++i) {
        peers.push_back(std::make_unique<Raw>(daemon_.socket()));
        if (i % 2 == 0) peers.back()->SendWhatFits(kHello);
      }
    }).join();
    ServesStill();
  }
  std::printf("%zu connections as %d users\n", peers.size(),
              root ? static_cast<int>(kUsers) : 1);
  for (int i = 0; i < 3; ++i) ServesStill();
}

}  // namespace
}  // namespace ithaca::server
