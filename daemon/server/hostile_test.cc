// Bad peers on the daemon's socket, while a good client goes on being served.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "daemon/server/hostile_for_test.h"
#include "ithaca/groups/v1/groups.grpc.pb.h"

namespace ithaca::server {
namespace {

TEST_F(HostileTest, GarbageIsClosedAndLoggedOnce) {
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string("\x16\x03\x01\x02\x00", 5), std::string(100'000, '\xff'),
        std::string("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"),
        kHello.substr(0, 24) + Frame(0, 0, 0, 1, ""),
        kHello.substr(0, 24) + Frame(0xffffff, 4, 0, 0, "")}) {
    const int before = daemon_.CountLog("does not speak HTTP/2");
    Raw raw(daemon_.socket());
    ASSERT_TRUE(raw.connected());
    raw.Send(bytes);
    EXPECT_TRUE(raw.IsClosed());
    EXPECT_EQ(daemon_.CountLog("does not speak HTTP/2"), before + 1);
  }
}

TEST_F(HostileTest, HalfOpenAndSlowPeersAreClosedInTime) {
  std::vector<std::unique_ptr<Raw>> peers;
  for (int i = 0; i < 33; ++i) {
    peers.push_back(std::make_unique<Raw>(daemon_.socket()));
    ASSERT_TRUE(peers.back()->connected());
    peers.back()->Send(kHello.substr(0, static_cast<size_t>(i)));
  }
  // One that sends a byte now and then gains no time by it.
  Raw slow(daemon_.socket());
  bool open = true;
  for (size_t i = 0; i < kHello.size() && open; ++i) {
    open = slow.Send(kHello.substr(i, 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  EXPECT_FALSE(open && !slow.IsClosed());
  for (auto& peer : peers) EXPECT_TRUE(peer->IsClosed());
  EXPECT_GE(daemon_.CountLog("did not begin to speak"), 1);
}

TEST_F(HostileTest, ManyIdleConnectionsDoNotKeepOthersOut) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const size_t count = std::min<size_t>(1000, limit.rlim_cur / 8);
  std::vector<std::unique_ptr<Raw>> peers;
  for (size_t i = 0; i < count; ++i) {
    peers.push_back(std::make_unique<Raw>(daemon_.socket()));
    if (i % 2 == 0) peers.back()->Send(kHello);
  }
  ServesStill();
}

// Random frames after a good beginning, cut and torn at random.
TEST_F(HostileTest, RandomFramesNeverHurt) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto stop_at =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  while (std::chrono::steady_clock::now() < stop_at) {
    Raw raw(daemon_.socket());
    ASSERT_TRUE(raw.connected());
    std::string bytes = kHello;
    for (int frames = static_cast<int>(random() % 8); frames > 0; --frames) {
      std::string payload(random() % 300, '\0');
      for (char& c : payload) c = static_cast<char>(random());
      const uint32_t length = random() % 4 == 0
                                  ? static_cast<uint32_t>(random() & 0xffffff)
                                  : static_cast<uint32_t>(payload.size());
      bytes += Frame(length, static_cast<uint8_t>(random() % 11),
                     static_cast<uint8_t>(random()),
                     static_cast<uint32_t>(random() % 9), payload);
    }
    if (random() % 3 == 0) bytes.resize(random() % bytes.size());
    raw.Send(bytes);
  }
}

// A whole, small call whose bytes are changed one after another.
TEST_F(HostileTest, AMutatedCallNeverHurts) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string body("\0\0\0\0\x03\x0a\x01g", 8);
  const std::string good =
      kHello + HeadersFrame(1, "/ithaca.groups.v1.GroupsService/GetGroup") +
      Frame(static_cast<uint32_t>(body.size()), 0, 1, 1, body);
  for (int i = 0; i < 1500; ++i) {
    std::string bad = good;
    for (int hits = 1 + static_cast<int>(random() % 3); hits > 0; --hits) {
      bad[33 + random() % (bad.size() - 33)] = static_cast<char>(random());
    }
    Raw raw(daemon_.socket());
    ASSERT_TRUE(raw.connected());
    raw.Send(bad);
  }
}

TEST_F(HostileTest, HugeMessagesAndMetadataAreRefused) {
  const auto bad = Another();
  const auto stub = groups::v1::GroupsService::NewStub(bad->channel());
  {
    grpc::ClientContext context;
    groups::v1::PublishBlobRequest request;
    request.set_data(std::string(5 << 20, 'x'));
    groups::v1::PublishBlobResponse response;
    EXPECT_EQ(stub->PublishBlob(&context, request, &response).error_code(),
              grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  {
    grpc::ClientContext context;
    context.AddMetadata("filler", std::string(64 << 10, 'x'));
    groups::v1::ListGroupsResponse response;
    EXPECT_FALSE(stub->ListGroups(&context, {}, &response).ok());
  }
}

// Streams that are opened and dropped at once, thousands of times.
TEST_F(HostileTest, RapidResetsDoNotHurt) {
  const auto bad = Another();
  const auto stub = groups::v1::GroupsService::NewStub(bad->channel());
  for (int i = 0; i < 2000; ++i) {
    grpc::ClientContext context;
    groups::v1::WatchGroupRequest request;
    request.set_group_id("g");
    auto reader = stub->WatchGroup(&context, request);
    context.TryCancel();
    reader->Finish();
  }
}

TEST_F(HostileTest, NoDescriptorLeftIsSurvived) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  std::vector<std::unique_ptr<Raw>> peers;
  peers.push_back(std::make_unique<Raw>(daemon_.socket()));
  rlimit tight = before;
  tight.rlim_cur = 64;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  for (int i = 0; i < 80; ++i)
    peers.push_back(std::make_unique<Raw>(daemon_.socket()));
  peers.clear();
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace ithaca::server
