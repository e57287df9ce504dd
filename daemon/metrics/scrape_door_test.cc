#include "daemon/metrics/scrape_door.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace ithaca::metrics {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

int Dial(const ScrapeAddress& address) {
  const timeval patience{20, 0};
  int fd = -1;
  if (address.unix_path.empty()) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(address.port);
    inet_pton(AF_INET, address.host.c_str(), &to.sin_addr);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  } else {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, address.unix_path.c_str(),
                 sizeof to.sun_path - 1);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

std::string Ask(const ScrapeAddress& address, const std::string& request) {
  const int fd = Dial(address);
  send(fd, request.data(), request.size(), MSG_NOSIGNAL);
  shutdown(fd, SHUT_WR);
  std::string answer;
  char buffer[4096];
  for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, static_cast<size_t>(n));
  close(fd);
  return answer;
}

std::string Get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
}

class ScrapeDoorTest : public testing::Test {
 protected:
  void Open(const std::string& where) {
    const auto parsed = ParseScrapeAddress(where);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    auto door = ScrapeDoor::Start(*parsed, [] { return "ithaca_x 1\n"; });
    ASSERT_TRUE(door.ok()) << door.status();
    door_ = std::move(*door);
    address_ = *ParseScrapeAddress(door_->address());
  }
  std::unique_ptr<ScrapeDoor> door_;
  ScrapeAddress address_;
};

TEST_F(ScrapeDoorTest, AnswersScrapesAndNothingElse) {
  Open("127.0.0.1:0");
  EXPECT_NE(address_.port, 0);
  const std::string good = Ask(address_, Get("/metrics"));
  EXPECT_THAT(good, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(good, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(good, EndsWith("\r\n\r\nithaca_x 1\n"));
  EXPECT_THAT(Ask(address_, Get("/")), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask(address_, Get("/../etc/passwd")), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask(address_,
                  "POST /metrics HTTP/1.1\r\nHost: x\r\n"
                  "Content-Length: 3\r\n\r\nabc"),
              StartsWith("HTTP/1.1 405"));
}

TEST_F(ScrapeDoorTest, AUnixSocketIsPrivateAndGoesWithTheDoor) {
  std::string folder = "/tmp/ithaca.XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/metrics.sock";
  Open("unix:" + path);
  struct stat found {};
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0660u);
  EXPECT_THAT(Ask(address_, Get("/metrics")), HasSubstr("ithaca_x 1"));
  door_.reset();
  EXPECT_NE(stat(path.c_str(), &found), 0);
  Open("unix:" + path);
}

TEST_F(ScrapeDoorTest, BadRequestsNeverHurt) {
  Open("127.0.0.1:0");
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string good = Get("/metrics");
  for (int i = 0; i < 300; ++i) {
    std::string bad = good;
    for (int hits = 1 + static_cast<int>(random() % 4); hits > 0; --hits)
      bad[random() % bad.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bad.resize(random() % bad.size());
    Ask(address_, bad);
  }
  Ask(address_, "GET /metrics HTTP/1.1\r\nHost: " + std::string(1 << 20, 'x'));
  // More than it takes at once: some are dropped, and it goes on.
  std::vector<int> idle;
  for (int i = 0; i < 40; ++i) idle.push_back(Dial(address_));
  for (int fd : idle) close(fd);
  EXPECT_THAT(Ask(address_, good), HasSubstr("ithaca_x 1"));
}

TEST(ParseScrapeAddress, SaysWhatIsWrong) {
  EXPECT_TRUE(ParseScrapeAddress("127.0.0.1:9465")->loopback);
  EXPECT_TRUE(ParseScrapeAddress("localhost:9465")->loopback);
  EXPECT_TRUE(ParseScrapeAddress("[::1]:9465")->loopback);
  EXPECT_FALSE(ParseScrapeAddress("0.0.0.0:9465")->loopback);
  EXPECT_EQ(ParseScrapeAddress("unix:/a/b")->unix_path, "/a/b");
  for (const std::string& bad :
       {std::string(""), std::string("127.0.0.1"), std::string("host.name:1"),
        std::string(":80"), std::string("127.0.0.1:65536"),
        std::string("127.0.0.1:x"), std::string("unix:relative"),
        std::string("unix:"), std::string("[::1:80"),
        "unix:/" + std::string(200, 'x')}) {
    const auto parsed = ParseScrapeAddress(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_THAT(std::string(parsed.status().message()),
                HasSubstr("use 127.0.0.1:PORT"));
  }
}

TEST(ScrapeDoor, AnAddressInUseIsAnError) {
  auto first =
      ScrapeDoor::Start(*ParseScrapeAddress("127.0.0.1:0"), [] { return ""; });
  ASSERT_TRUE(first.ok());
  const auto second = ScrapeDoor::Start(
      *ParseScrapeAddress((*first)->address()), [] { return ""; });
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("give another address"));
}

}  // namespace
}  // namespace ithaca::metrics
