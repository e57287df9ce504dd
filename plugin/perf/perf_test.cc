// The program itself: processes, signals, exit status, output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plugin/driver/tcp.h"
#include "tests/support/program.h"

namespace ithaca::perf {
namespace {

using driver::Deadline;
using driver::Fd;
using driver::HostPort;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr char kProgram[] = "plugin/ithaca-perf";
constexpr char kPlugin[] = "--plugin=tests/support/libnccl-net-test.so";
// Long enough for any machine; a test that fails by hanging ends here.
constexpr int64_t kLongMs = 60'000;

class Program : public ithaca::testing::Program {
 public:
  explicit Program(std::vector<std::string> args,
                   const std::string& faults = "")
      : ithaca::testing::Program(kProgram, std::move(args),
                                 {{"ITHACA_TEST_NET", faults}}) {}

  // The ranks, once all `count` of them have moved data: by then the first
  // case, of one byte, is in the table.
  std::vector<pid_t> WaitForRanks(size_t count) const {
    const Deadline deadline(MonotonicClock(), kLongMs);
    while (!deadline.Expired()) {
      const std::vector<pid_t> ranks = Children();
      if (ranks.size() == count &&
          out().find("\n       1 B") != std::string::npos) {
        return ranks;
      }
      std::this_thread::yield();
    }
    ADD_FAILURE() << "no " << count << " ranks: " << err();
    return std::vector<pid_t>(count, -1);
  }
};

void ExpectGone(const std::vector<pid_t>& ranks) {
  const Deadline deadline(MonotonicClock(), kLongMs);
  for (pid_t rank : ranks) {
    while (ithaca::testing::IsRunning(rank) && !deadline.Expired()) {
      std::this_thread::yield();
    }
    EXPECT_FALSE(ithaca::testing::IsRunning(rank)) << rank;
  }
}

TEST(PerfTest, EveryAbiGivesCheckedFigures) {
  for (const char* abi : {"8", "9", "10", "11", "12"}) {
    Program run({kPlugin, "--ranks=3", std::string("--abi=") + abi, "--iters=3",
                 "--bytes=0,1,4K,128K,1M", "-o", "json"});
    ASSERT_EQ(run.Wait(), 0) << run.err();
    const auto json = nlohmann::json::parse(run.out());
    EXPECT_EQ(json["plugin"]["name"], "test");
    EXPECT_EQ(json["plugin"]["abi"], std::stoi(abi));
    EXPECT_EQ(json["run"]["ranks"], 3);
    ASSERT_EQ(json["results"].size(), 5u);
    for (const auto& result : json["results"]) {
      const uint64_t bytes = result["bytes"];
      // 3 iterations, and 2 before them that are checked as well.
      EXPECT_EQ(result["checked_bytes"], bytes * 9 * 5);
      EXPECT_EQ(result["payload_bytes"], bytes * 6 * 3);
      EXPECT_GT(result["median_us"], 0);
      EXPECT_LE(result["min_us"], result["median_us"]);
      EXPECT_LE(result["median_us"], result["max_us"]);
    }
  }
}

TEST(PerfTest, EveryPatternWorks) {
  const std::string counts = std::string(getenv("TEST_TMPDIR")) + "/counts";
  std::ofstream(counts) << "[[9,0,300000],[1,0,0],[70000,8,2]]";
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{
           {"--ranks=3", "--pattern=sendrecv"},
           {"--ranks=3", "--pattern=latency", "--bytes=0,8,100K"},
           {"--ranks=2", "--user-buffers"},
           {"--ranks=2", "--null-pointers"},
           {"--ranks=1"},
           {"--ranks=3", "--pattern=alltoallv", "--skew=3"},
           {"--pattern=alltoallv", "--counts=" + counts}}) {
    std::vector<std::string> all = args;
    all.insert(all.end(), {kPlugin, "--iters=2"});
    if (args.back().find("--counts") != 0 && args.back().find("--bytes") != 0) {
      all.push_back("--bytes=0,1,300K");
    }
    Program run(all);
    EXPECT_EQ(run.Wait(), 0) << args.back() << ": " << run.err();
    EXPECT_THAT(run.out(), HasSubstr("net ABI v12"));
  }
}

std::vector<nlohmann::json> Lines(const std::string& text) {
  std::vector<nlohmann::json> lines;
  std::stringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(nlohmann::json::parse(line));
  }
  return lines;
}

TEST(PerfTest, JsonLinesAsItGoesAndTheDocumentAtTheEnd) {
  Program run({kPlugin, "--ranks=3", "--pattern=alltoallv", "--skew=8",
               "--bytes=1K,300K", "--iters=4", "--json"});
  ASSERT_EQ(run.Wait(), 0) << run.err();
  const auto lines = Lines(run.out());
  ASSERT_EQ(lines.size(), 2 * 4 + 1u);
  for (size_t n = 0; n < 8; ++n) {
    const auto& line = lines[n];
    const uint64_t bytes = n < 4 ? 1024 : 300 << 10;
    EXPECT_EQ(line["event"], "iteration");
    EXPECT_EQ(line["iteration"], n % 4);
    EXPECT_EQ(line["bytes"], bytes);
    // Two ranks send 8 times as much to rank 0; three send to one or two more.
    EXPECT_EQ(line["payload_bytes"], bytes * (2 * 8 + 4));
    EXPECT_EQ(line["checked_bytes"], bytes * (3 * 8 + 6));
    ASSERT_EQ(line["rank_us"].size(), 3u);
    for (const auto& rank_us : line["rank_us"]) {
      EXPECT_LE(rank_us, line["wall_us"]);
    }
  }
  const auto& summary = lines.back();
  EXPECT_EQ(summary["event"], "summary");
  EXPECT_EQ(summary["format"], 1);
  ASSERT_EQ(summary["results"].size(), 2u);
  std::vector<double> walls;
  for (size_t n = 4; n < 8; ++n) walls.push_back(lines[n]["wall_us"]);
  std::sort(walls.begin(), walls.end());
  EXPECT_NEAR(summary["results"][1]["wall_median_us"],
              (walls[1] + walls[2]) / 2, 0.01);
}

TEST(PerfTest, TheOwnShareCanBeLeftOut) {
  Program run({kPlugin, "--ranks=3", "--no-own-share", "--bytes=0,5000",
               "--iters=2", "--warmup=0", "-o", "json"});
  ASSERT_EQ(run.Wait(), 0) << run.err();
  const auto json = nlohmann::json::parse(run.out());
  EXPECT_EQ(json["results"][1]["checked_bytes"], 5000 * 6 * 2);
  EXPECT_EQ(json["results"][1]["payload_bytes"], 5000 * 6 * 2);
}

TEST(PerfTest, CompareRunsBothInTurns) {
  Program run({kPlugin, "--ranks=2", "--bytes=0,100K", "--iters=3", "--turns=2",
               "--compare=,faulty",
               "--compare-env=ITHACA_TEST_NET=done_delay=3", "--json"});
  ASSERT_EQ(run.Wait(), 0) << run.err();
  const auto lines = Lines(run.out());
  ASSERT_EQ(lines.size(), 2 * 2 * 2 * 3 + 1u);
  for (size_t n = 0; n + 1 < lines.size(); ++n) {
    EXPECT_EQ(lines[n]["plugin"], n / 6 % 2 == 0 ? "test" : "faulty") << n;
    EXPECT_EQ(lines[n]["turn"], n / 12);
    EXPECT_EQ(lines[n]["checked_bytes"], 4 * lines[n]["bytes"].get<int>());
  }
  const auto& document = lines.back();
  EXPECT_EQ(document["event"], "comparison");
  ASSERT_EQ(document["comparison"].size(), 2u);
  EXPECT_GT(document["comparison"][1]["time_ns"]["ratio"]["median"], 0);
  EXPECT_GT(
      document["comparison"][1]["cpu_seconds_per_gigabyte"]["first"]["median"],
      0);
}

TEST(PerfTest, CompareNamesTheTurnThatFails) {
  Program run({kPlugin, "--ranks=2", "--bytes=1M", "--iters=3",
               "--compare=,faulty",
               "--compare-env=ITHACA_TEST_NET=corrupt_at=5"});
  EXPECT_EQ(run.Wait(), 1);
  EXPECT_THAT(run.err(),
              AllOf(HasSubstr("turn 1 of the compared plugin failed"),
                    HasSubstr("instead of 0x")));
  Program missing(
      {kPlugin, "--ranks=2", "--bytes=1", "--compare=./missing.so"});
  EXPECT_EQ(missing.Wait(), 1);
  EXPECT_THAT(missing.err(), HasSubstr("no plugin file ./missing.so"));
}

TEST(PerfTest, CompareWorksForRanksStartedByHand) {
  HostPort address;
  {
    auto free_port = driver::TcpListen({"127.0.0.1", 0}, &address);
    ASSERT_TRUE(free_port.ok());
  }
  const std::vector<std::string> args = {
      kPlugin,
      "--ranks=2",
      "--rendezvous=" + driver::ToString(address),
      "--bytes=4K",
      "--iters=2",
      "--turns=2",
      "--compare=,again"};
  auto with = [&args](const char* rank) {
    std::vector<std::string> all = args;
    all.push_back(rank);
    return all;
  };
  Program zero(with("--rank=0")), one(with("--rank=1"));
  EXPECT_EQ(zero.Wait(), 0) << zero.err();
  EXPECT_EQ(one.Wait(), 0) << one.err();
  EXPECT_THAT(zero.out(), AllOf(HasSubstr("again: net ABI v12"),
                                HasSubstr("ratios: throughput")));
  EXPECT_EQ(one.out(), "");
}

TEST(PerfTest, InterruptEndsAComparison) {
  Program run({kPlugin, "--ranks=2", "--bytes=16M", "--iters=1000",
               "--compare=,again"});
  const Deadline deadline(MonotonicClock(), kLongMs);
  while (run.Children().size() < 2 && !deadline.Expired()) {
    std::this_thread::yield();
  }
  const std::vector<pid_t> ranks = run.Children();
  ASSERT_EQ(ranks.size(), 2u);
  kill(run.pid(), SIGINT);
  EXPECT_EQ(run.Wait(), 128 + SIGINT);
  ExpectGone(ranks);
}

TEST(PerfTest, AWrongByteIsExitStatusOne) {
  Program run({kPlugin, "--ranks=2", "--bytes=1M", "--iters=5"},
              "corrupt_at=20");
  EXPECT_EQ(run.Wait(), 1);
  EXPECT_THAT(run.err(), AllOf(HasSubstr("alltoall of 1 MiB, iteration"),
                               HasSubstr("instead of 0x")));
}

TEST(PerfTest, APluginsErrorIsExitStatusOne) {
  Program run({kPlugin, "--ranks=3", "--bytes=1M"}, "error_at_isend=30");
  EXPECT_EQ(run.Wait(), 1);
  EXPECT_THAT(run.err(), HasSubstr("test-net: isend 30 was told to fail"));
}

TEST(PerfTest, AMissingPluginIsNamed) {
  Program run({"--plugin=./missing.so"});
  EXPECT_EQ(run.Wait(), 1);
  EXPECT_THAT(run.err(), HasSubstr("there is no plugin file ./missing.so"));
}

TEST(PerfTest, WrongUsageIsExitStatusTwo) {
  for (const char* flag : {"--nonsense", "--ranks=0", "--counts=x"}) {
    Program run({flag});
    EXPECT_EQ(run.Wait(), 2) << flag;
    EXPECT_THAT(run.err(), HasSubstr("--help explains"));
  }
  Program counts({"--pattern=alltoallv", "--counts=/no/such/file"});
  EXPECT_EQ(counts.Wait(), 2);
  Program help({"--help"});
  EXPECT_EQ(help.Wait(), 0);
  EXPECT_THAT(help.out(), HasSubstr("Examples"));
}

TEST(PerfTest, AKilledRankEndsTheRun) {
  for (size_t victim : {0, 2}) {
    Program run(
        {kPlugin, "--ranks=3", "--bytes=1,16M", "--warmup=0", "--iters=300"});
    // The second case runs while the first is already printed.
    const std::vector<pid_t> ranks = run.WaitForRanks(3);
    ASSERT_GT(ranks[victim], 0);
    kill(ranks[victim], SIGKILL);
    EXPECT_EQ(run.Wait(), 1);
    EXPECT_THAT(run.err(), AnyOf(HasSubstr("was ended by signal 9"),
                                 HasSubstr("is gone")));
    ExpectGone(ranks);
  }
}

TEST(PerfTest, AStoppedRankIsNamedAtTheDeadline) {
  Program run({kPlugin, "--ranks=3", "--bytes=1,16M", "--warmup=0",
               "--iters=300", "--timeout=2"});
  const std::vector<pid_t> ranks = run.WaitForRanks(3);
  ASSERT_GT(ranks[1], 0);
  kill(ranks[1], SIGSTOP);
  EXPECT_EQ(run.Wait(), 1);
  EXPECT_THAT(run.err(), AnyOf(HasSubstr("rank 1 did not answer in time"),
                               HasSubstr("from rank 1, channel")));
  ExpectGone(ranks);
}

TEST(PerfTest, InterruptEndsAllRanks) {
  for (int signal : {SIGINT, SIGTERM}) {
    Program run(
        {kPlugin, "--ranks=3", "--bytes=1,16M", "--warmup=0", "--iters=300"});
    const std::vector<pid_t> ranks = run.WaitForRanks(3);
    kill(run.pid(), signal);
    EXPECT_EQ(run.Wait(), 128 + signal);
    ExpectGone(ranks);
  }
}

TEST(PerfTest, RanksDoNotOutliveAKilledLauncher) {
  Program run(
      {kPlugin, "--ranks=2", "--bytes=1,16M", "--warmup=0", "--iters=300"});
  const std::vector<pid_t> ranks = run.WaitForRanks(2);
  kill(run.pid(), SIGKILL);
  EXPECT_EQ(run.Wait(), -SIGKILL);
  ExpectGone(ranks);
}

TEST(PerfTest, RanksStartedByHandMeetThroughNoise) {
  HostPort address;
  {
    auto free_port = driver::TcpListen({"127.0.0.1", 0}, &address);
    ASSERT_TRUE(free_port.ok());
  }
  const std::string at = "--rendezvous=" + driver::ToString(address);
  Program zero({kPlugin, "--rank=0", "--ranks=2", at, "--bytes=4K"});
  const Deadline deadline(MonotonicClock(), kLongMs);
  std::vector<Fd> strays;
  for (int i = 0; i < 20; ++i) {
    auto stray = driver::TcpConnect(address, deadline);
    ASSERT_TRUE(stray.ok()) << stray.status().ToString();
    const std::string noise = i % 2 == 0 ? "GET / HTTP/1.1\r\n\r\n" : "";
    (void)driver::SendAll(stray->get(), noise.data(), noise.size(), deadline);
    strays.push_back(std::move(stray).value());
  }
  Program one({kPlugin, "--rank=1", "--ranks=2", at, "--bytes=4K"});
  EXPECT_EQ(zero.Wait(), 0) << zero.err();
  EXPECT_EQ(one.Wait(), 0) << one.err();
  EXPECT_THAT(zero.out(), HasSubstr("4 KiB"));
  EXPECT_EQ(one.out(), "");
}

}  // namespace
}  // namespace ithaca::perf
