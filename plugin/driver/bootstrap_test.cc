#include "plugin/driver/bootstrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace ithaca::driver {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kLongMs = 30'000;
constexpr int64_t kShortMs = 300;  // where the deadline itself is the subject

BootstrapOptions Options(int rank, int ranks, int64_t timeout_ms = kLongMs) {
  BootstrapOptions options;
  options.rank = rank;
  options.ranks = ranks;
  options.timeout_ms = timeout_ms;
  return options;
}

BootstrapListener Listen() {
  auto listener = BootstrapListener::Open({"127.0.0.1", 0});
  EXPECT_TRUE(listener.ok()) << listener.status().ToString();
  return std::move(listener).value();
}

using Body = std::function<Status(Bootstrap&)>;

// All ranks of a job as threads; what each returned.
std::vector<Status> RunRanks(int ranks, const Body& body,
                             int64_t timeout_ms = kLongMs) {
  BootstrapListener listener = Listen();
  const std::string id = listener.id();
  std::vector<Status> results(ranks);
  std::vector<std::thread> threads;
  for (int r = 0; r < ranks; ++r) {
    threads.emplace_back([&, r] {
      const BootstrapOptions options = Options(r, ranks, timeout_ms);
      auto bootstrap = r == 0 ? Bootstrap::Serve(std::move(listener), options)
                              : Bootstrap::Join(id, options);
      results[r] = bootstrap.ok() ? body(**bootstrap) : bootstrap.status();
    });
  }
  for (std::thread& t : threads) t.join();
  return results;
}

// A raw connection to a rendezvous, for misbehaviour.
Fd Dial(const std::string& id) {
  auto parsed = RendezvousId::Parse(id);
  auto fd = TcpConnect(parsed->address, Deadline(MonotonicClock(), kLongMs));
  EXPECT_TRUE(fd.ok()) << fd.status().ToString();
  return std::move(fd).value();
}

void SendBytes(const Fd& fd, const void* data, size_t bytes) {
  (void)SendAll(fd.get(), data, bytes, Deadline(MonotonicClock(), kLongMs));
}

TEST(RendezvousIdTest, ParsesAndPrints) {
  auto id = RendezvousId::Parse("node7:29500#5f3c");
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id->address.host, "node7");
  EXPECT_EQ(id->address.port, 29500);
  EXPECT_EQ(id->token, 0x5f3cu);
  EXPECT_EQ(id->ToString(), "node7:29500#5f3c");
  EXPECT_EQ(RendezvousId::Parse("[::1]:80")->ToString(), "[::1]:80");
}

TEST(RendezvousIdTest, RefusesNonsenseWithARemedy) {
  for (const char* text :
       {"", ":", "a:", ":1", "a:b", "a:70000", "a:1#", "a:1#xyz", "::1:80",
        "a:1#00112233445566778", "[::1]", "a:-1", "a:1 "}) {
    auto id = RendezvousId::Parse(text);
    EXPECT_EQ(id.status().code(), Code::kInvalidArgument) << text;
  }
}

class BootstrapSizeTest : public ::testing::TestWithParam<int> {};

TEST_P(BootstrapSizeTest, CollectivesGiveEveryoneTheSame) {
  const int n = GetParam();
  const auto results = RunRanks(n, [n](Bootstrap& b) {
    for (int round = 0; round < 3; ++round) {
      auto all = b.AllGather(std::string(b.rank() * 100 + round, 'a'));
      if (!all.ok()) return all.status();
      for (int r = 0; r < n; ++r) {
        EXPECT_EQ((*all)[r], std::string(r * 100 + round, 'a'));
      }
      std::vector<std::string> mine;
      for (int r = 0; r < n; ++r) {
        mine.push_back(std::to_string(b.rank()) + ">" + std::to_string(r));
      }
      auto theirs = b.AllToAll(mine);
      if (!theirs.ok()) return theirs.status();
      for (int s = 0; s < n; ++s) {
        EXPECT_EQ((*theirs)[s],
                  std::to_string(s) + ">" + std::to_string(b.rank()));
      }
      ITHACA_RETURN_IF_ERROR(b.Barrier());
      ITHACA_RETURN_IF_ERROR(b.CheckPeers());
    }
    // Nobody leaves before everybody has looked.
    return b.Barrier();
  });
  for (const Status& status : results) {
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, BootstrapSizeTest,
                         ::testing::Values(1, 2, 3, 16));

TEST(BootstrapTest, LargeBlobsPass) {
  const auto results = RunRanks(3, [](Bootstrap& b) {
    auto all = b.AllGather(std::string(5 << 20, 'a' + b.rank()));
    if (!all.ok()) return all.status();
    EXPECT_EQ((*all)[2], std::string(5 << 20, 'c'));
    return Status();
  });
  for (const Status& status : results) EXPECT_TRUE(status.ok());
}

TEST(BootstrapTest, TooManyBytesAreRefusedByName) {
  const auto results = RunRanks(2, [](Bootstrap& b) {
    return b.AllGather(std::string(40 << 20, 'x')).status();
  });
  EXPECT_EQ(results[0].code(), Code::kResourceExhausted);
  EXPECT_FALSE(results[1].ok());
}

TEST(BootstrapTest, MissingRanksAreNamed) {
  BootstrapListener listener = Listen();
  const std::string id = listener.id();
  std::thread rank2(
      [&] { (void)Bootstrap::Join(id, Options(2, 5, kShortMs)); });
  auto root = Bootstrap::Serve(std::move(listener), Options(0, 5, kShortMs));
  rank2.join();
  EXPECT_EQ(root.status().code(), Code::kDeadlineExceeded);
  EXPECT_THAT(root.status().message(), HasSubstr("ranks 1, 3 and 4"));
}

TEST(BootstrapTest, NobodyListensIsADeadline) {
  std::string id;
  {
    BootstrapListener gone = Listen();
    id = gone.id();
  }
  auto joined = Bootstrap::Join(id, Options(1, 2, kShortMs));
  EXPECT_EQ(joined.status().code(), Code::kDeadlineExceeded);
  EXPECT_THAT(joined.status().message(), HasSubstr("cannot connect"));
}

TEST(BootstrapTest, ADeadRankIsNamedToAll) {
  const auto results = RunRanks(4, [](Bootstrap& b) {
    if (b.rank() == 2) return Status();  // leaves without a word
    Status status = b.Barrier();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(status.message(), HasSubstr("rank 2 is gone"));
    // It stays broken.
    EXPECT_FALSE(b.Barrier().ok());
    return Status();
  });
  for (const Status& status : results) EXPECT_TRUE(status.ok());
}

TEST(BootstrapTest, ASilentRankIsNamedAtTheDeadline) {
  std::atomic<bool> over{false};
  const auto results = RunRanks(
      3,
      [&over](Bootstrap& b) {
        if (b.rank() == 1) {
          while (!over) std::this_thread::yield();
          return Status();
        }
        Status status = b.Barrier();
        if (b.rank() == 0) over = true;
        return status;
      },
      kShortMs);
  EXPECT_EQ(results[0].code(), Code::kDeadlineExceeded);
  EXPECT_THAT(results[0].message(), HasSubstr("rank 1 did not answer"));
  EXPECT_FALSE(results[2].ok());
}

TEST(BootstrapTest, AbortReachesEverybody) {
  const auto results = RunRanks(4, [](Bootstrap& b) {
    if (b.rank() == 3) {
      b.Abort("the plugin\nfailed \x01");
      return Status();
    }
    return b.Barrier();
  });
  for (int r = 0; r < 3; ++r) {
    EXPECT_THAT(results[r].message(),
                HasSubstr("rank 3 gave up: the plugin\nfailed ?"))
        << r;
  }
}

TEST(BootstrapTest, CheckPeersSeesDeathsAndReasons) {
  for (int culprit : {0, 1}) {
    const auto results = RunRanks(3, [culprit](Bootstrap& b) {
      ITHACA_RETURN_IF_ERROR(b.Barrier());
      if (b.rank() == culprit) {
        b.Abort("no memory");
        return Status();
      }
      Status status;
      while (status.ok()) status = b.CheckPeers();
      return status;
    });
    for (int r = 0; r < 3; ++r) {
      if (r == culprit) continue;
      EXPECT_THAT(results[r].message(), HasSubstr("gave up: no memory"));
    }
  }
}

TEST(BootstrapTest, DifferentCollectivesAreAnError) {
  const auto results = RunRanks(2, [](Bootstrap& b) {
    return b.rank() == 0 ? b.Barrier() : b.AllToAll({"", ""}).status();
  });
  EXPECT_EQ(results[0].code(), Code::kFailedPrecondition);
  EXPECT_FALSE(results[1].ok());
}

// Who does not belong is told why, and the job starts all the same.
TEST(BootstrapTest, WrongJoinersAreRefusedByReason) {
  BootstrapListener listener = Listen();
  const std::string id = listener.id();
  std::thread root_thread([&] {
    auto root = Bootstrap::Serve(std::move(listener), Options(0, 3));
    ASSERT_TRUE(root.ok()) << root.status().ToString();
    EXPECT_GE((*root)->strays(), 4);
    EXPECT_TRUE((*root)->Barrier().ok());
  });
  const std::string address = id.substr(0, id.find('#'));
  auto token = Bootstrap::Join(address + "#77", Options(1, 3));
  EXPECT_THAT(token.status().message(), HasSubstr("another job"));
  auto ranks = Bootstrap::Join(id, Options(1, 4));
  EXPECT_THAT(ranks.status().message(), HasSubstr("another number of ranks"));
  auto first = Bootstrap::Join(id, Options(1, 3));
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  auto again = Bootstrap::Join(id, Options(1, 3));
  EXPECT_THAT(again.status().message(), HasSubstr("joined already"));
  {
    Hello hello;
    hello.version = 99;
    hello.rank = 2;
    hello.ranks = 3;
    hello.token = RendezvousId::Parse(id)->token;
    Fd fd = Dial(id);
    const auto bytes = Encode(hello);
    SendBytes(fd, bytes.data(), bytes.size());
    uint8_t reply[kWelcomeBytes];
    ASSERT_TRUE(RecvAll(fd.get(), reply, sizeof(reply),
                        Deadline(MonotonicClock(), kLongMs))
                    .ok());
    Welcome welcome;
    ASSERT_TRUE(DecodeWelcome(reply, sizeof(reply), &welcome));
    EXPECT_EQ(welcome.refusal, Refusal::kVersion);
  }
  std::thread second([&] {
    auto joined = Bootstrap::Join(id, Options(2, 3));
    ASSERT_TRUE(joined.ok());
    EXPECT_TRUE((*joined)->Barrier().ok());
  });
  EXPECT_TRUE((*first)->Barrier().ok());
  second.join();
  root_thread.join();
}

// Scanners, half hellos, noise, and connections that say nothing at all, more
// of them than the root keeps: the ranks still get in.
TEST(BootstrapTest, StraysNeitherHangNorCrashTheRoot) {
  const uint32_t seed = 42;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  BootstrapListener listener = Listen();
  const std::string id = listener.id();
  std::thread root_thread([&] {
    auto root = Bootstrap::Serve(std::move(listener), Options(0, 2));
    ASSERT_TRUE(root.ok()) << root.status().ToString();
    EXPECT_TRUE((*root)->Barrier().ok());
  });
  const auto good = Encode(Hello{kBootstrapVersion, 1, 2, 3});
  std::vector<Fd> silent;
  for (int i = 0; i < 400; ++i) {
    Fd fd = Dial(id);
    std::vector<uint8_t> bytes(good.begin(), good.end());
    for (int m = 0; m < 3; ++m) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    }
    if (i % 3 == 0) bytes.resize(random() % bytes.size());
    SendBytes(fd, bytes.data(), bytes.size());
    if (i % 4 == 0) silent.push_back(std::move(fd));
  }
  auto joined = Bootstrap::Join(id, Options(1, 2));
  ASSERT_TRUE(joined.ok()) << joined.status().ToString();
  EXPECT_TRUE((*joined)->Barrier().ok());
  root_thread.join();
}

// A rank that joined properly and then talks nonsense is named.
TEST(BootstrapTest, NonsenseFromARankIsNamed) {
  const uint32_t seed = 7;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 60; ++i) {
    BootstrapListener listener = Listen();
    const std::string id = listener.id();
    Status status;
    std::thread root_thread([&] {
      auto root = Bootstrap::Serve(std::move(listener), Options(0, 2));
      ASSERT_TRUE(root.ok());
      auto all = (*root)->AllToAll({"to 0", "to 1"});
      status = all.status();
    });
    Fd fd = Dial(id);
    Hello hello;
    hello.rank = 1;
    hello.ranks = 2;
    hello.token = RendezvousId::Parse(id)->token;
    const auto bytes = Encode(hello);
    SendBytes(fd, bytes.data(), bytes.size());
    const std::string blobs = EncodeBlobs({"abc", "def"});
    const auto header =
        Encode(FrameHeader{FrameKind::kAllToAll, 0, blobs.size()});
    std::string frame(header.begin(), header.end());
    frame += blobs;
    // One byte of the header or of a length; never one of the blobs' own.
    size_t at = random() % (kFrameHeaderBytes + 8);
    frame[at] = static_cast<char>(frame[at] + 1 + random() % 255);
    SendBytes(fd, frame.data(), frame.size());
    shutdown(fd.get(), SHUT_WR);
    root_thread.join();
    EXPECT_FALSE(status.ok()) << "byte " << at;
    EXPECT_THAT(status.message(), HasSubstr("rank 1")) << "byte " << at;
  }
}

// A joiner that meets something else than a rank 0.
TEST(BootstrapTest, NonsenseFromTheRootIsAnError) {
  const uint32_t seed = 11;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 40; ++i) {
    HostPort address;
    auto listener = TcpListen({"127.0.0.1", 0}, &address);
    ASSERT_TRUE(listener.ok());
    std::thread liar([&] {
      Fd fd;
      while (!fd.valid()) fd = Fd(accept(listener->get(), nullptr, nullptr));
      std::string noise(random() % 100, '\0');
      for (char& c : noise) c = static_cast<char>(random());
      if (i % 2 == 0) {
        Welcome welcome;
        welcome.ranks = 2;
        const auto bytes = Encode(welcome);
        noise.insert(0, reinterpret_cast<const char*>(bytes.data()),
                     bytes.size());
      }
      SendBytes(fd, noise.data(), noise.size());
    });
    auto joined = Bootstrap::Join(ToString(address), Options(1, 2));
    if (joined.ok()) {
      EXPECT_FALSE((*joined)->Barrier().ok());
    }
    liar.join();
  }
}

TEST(BootstrapTest, RanksThatDoNotExist) {
  EXPECT_EQ(Bootstrap::Join("h:1", Options(5, 5)).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(Bootstrap::Join("h:1", Options(-1, 5)).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(Bootstrap::Join("h:1", Options(0, 0)).status().code(),
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace ithaca::driver
