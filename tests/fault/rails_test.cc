// Rails that fail under a job of two hosts: it completes, every byte right.
//
// Times are printed, not asserted: how long the job stood still, and how soon a
// rail that returned carried its share.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/fault/job.h"

namespace ithaca::fault {
namespace {

using fabric::Fabric;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

// Faults are in the job's way for this long.
void Last(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

class FaultTest : public testing::TestWithParam<const char*> {
 protected:
  void Up(const std::string& spec) {
    const Status supported = Fabric::Supported();
    if (!supported.ok()) GTEST_SKIP() << supported.message();
    auto parsed = fabric::ParseSpec(spec);
    ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
    auto fabric = Fabric::Up(*parsed);
    ASSERT_TRUE(fabric.ok()) << fabric.status().ToString();
    fabric_ = std::move(fabric).value();
    const Status managed = AddManagementNetwork(*fabric_);
    ASSERT_TRUE(managed.ok()) << managed.ToString();
  }

  void Start(Job::Options options = {}) {
    options.environment["ITHACA_LANES"] = GetParam();
    auto job = Job::Start(fabric_.get(), options);
    ASSERT_TRUE(job.ok()) << job.status().ToString();
    job_ = std::move(job).value();
    Check(job_->WaitForIterations(3));
  }

  void Check(const Status& status) {
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  // The rail returned just now.
  void WaitForRail(int rail) {
    StatusOr<double> ms = job_->WaitForRailMs(rail);
    ASSERT_TRUE(ms.ok()) << ms.status().ToString();
    printf("rail %d carries its share after %.0f ms\n", rail, *ms);
  }
  void Finish() {
    Check(job_->WaitForEnd());
    const auto* const test =
        testing::UnitTest::GetInstance()->current_test_info();
    printf("%s\n", job_->Summary(test->name()).c_str());
  }

  std::unique_ptr<Fabric> fabric_;
  std::unique_ptr<Job> job_;
};

constexpr char kTwoRails[] = "hosts=2,rails=2,rate=200mbit";
constexpr char kOneRail[] = "hosts=2,rails=1,rate=200mbit";

TEST_P(FaultTest, ALinkGoesDownAndReturns) {
  Up(kTwoRails);
  if (IsSkipped() || HasFatalFailure()) return;
  Start();
  Check(fabric_->SetLink(1, 1, false));
  Last(3000);
  Check(fabric_->SetLink(1, 1, true));
  WaitForRail(1);
  Finish();
}

TEST_P(FaultTest, ACableIsPulledAndPluggedIn) {
  Up(kTwoRails);
  if (IsSkipped() || HasFatalFailure()) return;
  Start();
  Check(fabric_->SetCarrier(0, 0, false));
  Last(3000);
  Check(fabric_->SetCarrier(0, 0, true));
  WaitForRail(0);
  Finish();
}

TEST_P(FaultTest, ARailBecomesABlackHole) {
  Up(kTwoRails);
  if (IsSkipped() || HasFatalFailure()) return;
  Start();
  Check(fabric_->SetBlackHole(1, 0, true));
  Last(4000);
  Check(fabric_->SetBlackHole(1, 0, false));
  WaitForRail(0);
  Finish();
}

TEST_P(FaultTest, EveryConnectionOfARailIsReset) {
  Up(kTwoRails);
  if (IsSkipped() || HasFatalFailure()) return;
  Start();
  Check(fabric_->ResetConnections(0, 0));
  WaitForRail(0);
  Check(fabric_->ResetConnections(1, 1));
  WaitForRail(1);
  Finish();
}

TEST_P(FaultTest, EveryConnectionOfAllRailsIsReset) {
  Up(kTwoRails);
  if (IsSkipped() || HasFatalFailure()) return;
  Start();
  Check(fabric_->ResetConnections(0, 0));
  Check(fabric_->ResetConnections(0, 1));
  WaitForRail(0);
  WaitForRail(1);
  Finish();
}

TEST_P(FaultTest, TenFlapsInTenSeconds) {
  Up(kTwoRails);
  if (IsSkipped() || HasFatalFailure()) return;
  Job::Options options;
  options.iterations = 120;  // more than ten seconds take
  Start(options);
  for (int i = 0; i < 10; ++i) {
    Check(fabric_->SetLink(0, 1, false));
    Last(500);
    Check(fabric_->SetLink(0, 1, true));
    Last(500);
  }
  WaitForRail(1);
  Finish();
  // A line or two for the rail, not one per flap and connection.
  EXPECT_LT(job_->Warnings(0).size(), 10);
}

// No other lane to go on with: the job stands still, and goes on.
TEST_P(FaultTest, TheOnlyRailIsGoneForAWhile) {
  Up(kOneRail);
  if (IsSkipped() || HasFatalFailure()) return;
  Job::Options options;
  options.iterations = 15;
  Start(options);
  Check(fabric_->SetBlackHole(0, 0, true));
  Last(4000);
  Check(fabric_->SetBlackHole(0, 0, false));
  WaitForRail(0);
  Check(fabric_->ResetConnections(0, 0));
  WaitForRail(0);
  Finish();
}

TEST_P(FaultTest, AllRailsGoneIsAnErrorThatSaysSo) {
  Up(kTwoRails);
  if (IsSkipped() || HasFatalFailure()) return;
  Job::Options options;
  options.iterations = 1000;
  options.environment["ITHACA_PEER_TIMEOUT"] = "4";
  Start(options);
  Check(fabric_->SetBlackHole(1, 0, true));
  Check(fabric_->SetBlackHole(1, 1, true));
  const auto start = std::chrono::steady_clock::now();
  for (int rank = 0; rank < 2; ++rank) {
    StatusOr<int> exit = job_->WaitForRank(rank);
    ASSERT_TRUE(exit.ok()) << exit.status().ToString();
    EXPECT_GT(*exit, 0);
  }
  printf("both ranks ended after %.1f s\n",
         std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
             .count());
  // The first rank to fail ends the job of the other.
  std::vector<std::string> warnings = job_->Warnings(0);
  for (const std::string& line : job_->Warnings(1)) warnings.push_back(line);
  EXPECT_THAT(warnings,
              Contains(AllOf(HasSubstr("failed"), HasSubstr("requests pending"),
                             HasSubstr("at 10.0.0."), HasSubstr("rail0"),
                             HasSubstr("rail1"))));
}

// Its kernel answers for it: a stopped process is not a dead rail.
TEST_P(FaultTest, AStoppedPeerIsSurvived) {
  Up(kTwoRails);
  if (IsSkipped() || HasFatalFailure()) return;
  Start();
  job_->rank(1).Signal(SIGSTOP);
  Last(5000);
  job_->rank(1).Signal(SIGCONT);
  Finish();
  EXPECT_THAT(job_->Log(0), testing::Not(HasSubstr("lost a lane")));
}

TEST_P(FaultTest, AKilledPeerIsAnErrorOfItsPartner) {
  Up(kTwoRails);
  if (IsSkipped() || HasFatalFailure()) return;
  Job::Options options;
  options.iterations = 1000;
  Start(options);
  const auto start = std::chrono::steady_clock::now();
  job_->rank(1).Signal(SIGKILL);
  StatusOr<int> exit = job_->WaitForRank(0);
  ASSERT_TRUE(exit.ok()) << exit.status().ToString();
  EXPECT_GT(*exit, 0);
  printf("its partner ended after %.1f s\n",
         std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
             .count());
}

// Every TCP port that the calling thread's network namespace listens on.
std::vector<sockaddr_in> Listeners() {
  std::vector<sockaddr_in> listeners;
  std::ifstream table("/proc/thread-self/net/tcp");
  for (std::string line; std::getline(table, line);) {
    unsigned address, port, state;
    if (sscanf(line.c_str(), " %*d: %8X:%4X %*8X:%*4X %2X", &address, &port,
               &state) != 3 ||
        state != 0x0a)
      continue;
    sockaddr_in& in = listeners.emplace_back();
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = address;
    in.sin_port = htons(port);
  }
  return listeners;
}

// Connects `count` times to each listener of the plugin's in this namespace,
// with nothing, a part of a hello, and garbage.
void Disturb(int count, std::vector<int>* fds) {
  const std::string said[] = {"", "ITHH", std::string(4096, '\x5a')};
  for (const sockaddr_in& to : Listeners()) {
    if (ntohs(to.sin_port) == 5555) continue;  // ithaca-perf's own
    for (int i = 0; i < count; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      fds->push_back(fd);
      if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0)
        continue;
      const std::string& text = said[i % 3];
      (void)!send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    }
  }
}

TEST_P(FaultTest, ScannersAndSlowLorisDisturbNobody) {
  Up(kTwoRails);
  if (IsSkipped() || HasFatalFailure()) return;
  Start();
  std::vector<int> fds;
  for (int host = 0; host < 2; ++host)
    Check(fabric_->InHost(host, [&] { Disturb(60, &fds); }));
  EXPECT_GE(fds.size(), 2 * 2 * 60);
  Finish();
  for (int fd : fds) close(fd);
  for (int rank = 0; rank < 2; ++rank)
    EXPECT_LE(job_->Warnings(rank).size(), 1) << job_->Log(rank);
}

INSTANTIATE_TEST_SUITE_P(Lanes, FaultTest, testing::Values("socket"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace ithaca::fault
