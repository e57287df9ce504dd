// The shipped program beside a service manager: what it tells it, how it logs,
// and how it refuses options.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "daemon/server/daemon_for_test.h"

extern char** environ;

namespace ithaca::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kProgram[] = "daemon/ithacad";

class IthacadOperationsTest : public testing::Test {
 protected:
  // Standard error goes to log().
  void Start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {kProgram, "--run_dir=" + folder_});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, Log().c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ASSERT_EQ(
        posix_spawn(&pid_, kProgram, &actions, nullptr, argv.data(), environ),
        0);
    posix_spawn_file_actions_destroy(&actions);
  }
  void TearDown() override {
    if (pid_ > 0) kill(pid_, SIGKILL);
    if (pid_ > 0) Wait();
    if (manager_ >= 0) close(manager_);
  }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string Log() const { return folder_ + "/log"; }
  std::vector<std::string> LogLines() {
    std::ifstream in(Log());
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  // A service manager that listens.
  void Manage(const std::string& watchdog_usec) {
    const std::string path = folder_ + "/notify";
    manager_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
    ASSERT_EQ(bind(manager_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    const timeval patience{60, 0};
    setsockopt(manager_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    setenv("WATCHDOG_USEC", watchdog_usec.c_str(), 1);
  }
  std::string Heard() {
    char buffer[1000];
    const ssize_t n = recv(manager_, buffer, sizeof buffer, 0);
    return n < 0 ? "nothing" : std::string(buffer, static_cast<size_t>(n));
  }

  const std::string folder_ = MakeShortFolder();
  pid_t pid_ = -1;
  int manager_ = -1;
};

TEST_F(IthacadOperationsTest, TellsTheServiceManagerHowItIs) {
  Manage("200000");
  Start({});
  EXPECT_THAT(Heard(), StartsWith("READY=1\nSTATUS=serves " + folder_));
  EXPECT_EQ(Heard(), "WATCHDOG=1");
  EXPECT_EQ(Heard(), "WATCHDOG=1");
  kill(pid_, SIGTERM);
  std::string last = Heard();
  while (last == "WATCHDOG=1") last = Heard();
  EXPECT_EQ(last, "STOPPING=1\nSTATUS=draining");
  EXPECT_EQ(Wait(), 0);
}

TEST_F(IthacadOperationsTest, LogsObjectsAndTellsWhereItsMetricsAre) {
  Manage("0");
  Start({"--log_format=json", "--metrics=127.0.0.1:0"});
  EXPECT_THAT(Heard(), StartsWith("READY=1"));
  kill(pid_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
  std::string all;
  for (const std::string& line : LogLines()) {
    const auto object = nlohmann::json::parse(line);
    EXPECT_EQ(object["level"], "info") << line;
    all += object["msg"].get<std::string>() + "\n";
  }
  EXPECT_THAT(all, HasSubstr("metrics at 127.0.0.1:"));
  EXPECT_THAT(all, HasSubstr("draining after signal 15"));
}

TEST_F(IthacadOperationsTest, BadOptionsEndItWithARemedy) {
  for (const auto& [option, remedy] :
       {std::pair{"--log_format=xml", "use logfmt or json"},
        std::pair{"--log_level=loud", "use debug, info, warn or error"},
        std::pair{"--rate_limits=cheap", "use for instance cheap="},
        std::pair{"--metrics=nowhere", "use 127.0.0.1:PORT"},
        std::pair{"--metrics=192.0.2.1:1", "give another address"}}) {
    Start({option});
    EXPECT_NE(Wait(), 0) << option;
    const std::vector<std::string> lines = LogLines();
    ASSERT_FALSE(lines.empty()) << option;
    EXPECT_THAT(lines.back(), HasSubstr(remedy));
  }
}

}  // namespace
}  // namespace ithaca::server
