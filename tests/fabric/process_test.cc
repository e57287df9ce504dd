#include "tests/fabric/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <fstream>
#include <utility>

namespace ithaca::fabric {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int64_t kLongMs = 60'000;

ProcessOptions Shell(const std::string& script) {
  ProcessOptions options;
  options.argv = {"sh", "-c", script};
  return options;
}

TEST(ProcessTest, ExitStatus) {
  auto process = Process::Start(Shell("exit 7"));
  ASSERT_TRUE(process.ok()) << process.status().ToString();
  EXPECT_EQ(*process->Wait(kLongMs), 7);
  EXPECT_EQ(process->Wait(0).status().code(), Code::kInvalidArgument);
}

TEST(ProcessTest, InputEnvironmentAndOutput) {
  ProcessOptions options = Shell("cat; echo $FABRIC_TEST $PATH >&2");
  options.input = "some text\n";
  options.environment = {{"FABRIC_TEST", "a b"}};
  options.out_path = ::testing::TempDir() + "/out";
  options.err_path = ::testing::TempDir() + "/err";
  auto process = Process::Start(options);
  ASSERT_TRUE(process.ok()) << process.status().ToString();
  EXPECT_EQ(*process->Wait(kLongMs), 0);
  std::string line;
  std::getline(std::ifstream(options.out_path), line);
  EXPECT_EQ(line, "some text");
  std::getline(std::ifstream(options.err_path), line);
  EXPECT_THAT(line, AllOf(StartsWith("a b "), HasSubstr(":/usr/sbin:")));
}

TEST(ProcessTest, ADeadlineLeavesItRunning) {
  auto process = Process::Start(Shell("exec sleep 1000"));
  ASSERT_TRUE(process.ok());
  EXPECT_EQ(process->Wait(0).status().code(), Code::kDeadlineExceeded);
  process->Signal(SIGTERM);
  EXPECT_EQ(*process->Wait(kLongMs), -SIGTERM);
}

TEST(ProcessTest, DestructionKills) {
  pid_t pid = 0;
  {
    auto process = Process::Start(Shell("exec sleep 1000"));
    ASSERT_TRUE(process.ok());
    Process moved = std::move(*process);
    pid = moved.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(ProcessTest, WhatCannotRunSaysSo) {
  const Status status = RunTool({"no-such-program"}, "", "");
  EXPECT_THAT(status.message(), HasSubstr("cannot run no-such-program"));
  const Status nowhere = RunTool({"true"}, "/no/such/namespace", "");
  EXPECT_THAT(nowhere.message(), HasSubstr("cannot enter /no/such/namespace"));
}

TEST(ProcessTest, Tools) {
  EXPECT_EQ(*AskTool({"echo", "one", "two"}, ""), "one two");
  const Status failed = RunTool({"sh", "-c", "echo why >&2; exit 1"}, "", "");
  EXPECT_EQ(failed.code(), Code::kFailedPrecondition);
  EXPECT_THAT(failed.message(), HasSubstr("why"));
}

}  // namespace
}  // namespace ithaca::fabric
