// The shipped program, as a process: started, killed, started again.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "daemon/clients/cc/client.h"
#include "daemon/clients/cc/rpc_error.h"
#include "daemon/server/daemon_for_test.h"

namespace ithaca::server {
namespace {

constexpr char kProgram[] = "daemon/ithacad";
constexpr int64_t kLong = 60'000;

#ifdef __SANITIZE_THREAD__
extern "C" const char* __tsan_default_suppressions();

// The program runs under the sanitizer too, without this test's suppressions in
// it.
void SuppressInChildren(const std::string& folder) {
  const std::string file = folder + "/tsan";
  std::ofstream(file) << __tsan_default_suppressions();
  const char* given = std::getenv("TSAN_OPTIONS");
  const std::string options =
      std::string(given == nullptr ? "" : given) + ":suppressions=" + file;
  setenv("TSAN_OPTIONS", options.c_str(), 1);
}
#else
void SuppressInChildren(const std::string&) {}
#endif

class Process {
 public:
  Process(const std::vector<std::string>& arguments, const std::string& log) {
    // Before the fork: nothing may be allocated after it.
    std::vector<char*> argv = {const_cast<char*>(kProgram)};
    for (const std::string& argument : arguments) {
      argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ != 0) return;
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDERR_FILENO);
    execv(kProgram, argv.data());
    _exit(127);
  }
  ~Process() {
    if (pid_ > 0) End(SIGKILL);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Signal(int signal) { kill(pid_, signal); }
  // Exit status, or minus the signal that ended it.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  int End(int signal) {
    Signal(signal);
    return Wait();
  }

 private:
  pid_t pid_ = -1;
};

class IthacadTest : public testing::Test {
 protected:
  void SetUp() override { SuppressInChildren(run_dir_); }
  std::unique_ptr<Process> Start() {
    return std::make_unique<Process>(
        std::vector<std::string>{"--run_dir=" + run_dir_}, log_);
  }
  std::string LogText() {
    std::ifstream in(log_);
    return std::string((std::istreambuf_iterator<char>(in)), {});
  }
  std::unique_ptr<client::Client> Connect(int64_t timeout_ms = kLong) {
    client::ConnectOptions options;
    options.socket = run_dir_ + "/ithacad.sock";
    options.timeout_ms = timeout_ms;
    for (;;) {
      auto client = client::Client::Connect(options);
      if (client.ok()) return std::move(*client);
      EXPECT_EQ(client.status().code(), absl::StatusCode::kUnavailable);
      std::this_thread::yield();
    }
  }
  static groups::v1::CreateGroupRequest CreateRequest(const std::string& id) {
    groups::v1::CreateGroupRequest create;
    create.set_group_id(id);
    auto* plan = create.mutable_plan_request();
    plan->mutable_model()->set_hidden_size(512);
    plan->mutable_model()->set_query_heads(8);
    plan->mutable_workload()->set_sequence_length(64);
    plan->mutable_constraints()->set_ranks(2);
    return create;
  }
  static groups::v1::JoinGroupRequest JoinRequest(const std::string& group,
                                                  const std::string& member) {
    groups::v1::JoinGroupRequest join;
    join.set_group_id(group);
    join.set_member_id(member);
    return join;
  }

  const std::string run_dir_ = MakeShortFolder();
  const std::string log_ = run_dir_ + "/log";
};

TEST_F(IthacadTest, StopsWellOnSigterm) {
  auto daemon = Start();
  Connect();
  EXPECT_EQ(daemon->End(SIGTERM), 0);
  EXPECT_NE(LogText().find("draining after signal 15"), std::string::npos)
      << LogText();
  EXPECT_NE(access((run_dir_ + "/ithacad.sock").c_str(), F_OK), 0);
}

TEST_F(IthacadTest, ASecondOneSaysWhoIsThere) {
  auto daemon = Start();
  Connect();
  auto second = Start();
  EXPECT_EQ(second->Wait(), 1);
  EXPECT_NE(LogText().find("serves this socket already"), std::string::npos)
      << LogText();
  EXPECT_TRUE(Connect()->ListGroups().ok());
}

TEST_F(IthacadTest, BadArgumentsAreRefused) {
  Process stray({"stray"}, log_);
  EXPECT_EQ(stray.Wait(), 2);
  Process store({"--run_dir=" + run_dir_, "--store=redis:x"}, log_);
  EXPECT_EQ(store.Wait(), 1);
  EXPECT_NE(LogText().find("write sqlite:PATH"), std::string::npos)
      << LogText();
}

// Killed at random moments while groups come, form and lose members: no epoch
// is ever given twice, none goes back, and what was acknowledged is there
// afterwards.
TEST_F(IthacadTest, EpochsGoOnOverKills) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  uint64_t highest = 0;
  std::set<std::string> known;
  for (int round = 0; round < 6; ++round) {
    auto daemon = Start();
    // Leave waits this long for a daemon that is gone.
    auto client = Connect(500);
    std::set<std::string> there;
    const auto list = client->ListGroups();
    ASSERT_TRUE(list.ok()) << list.status();
    for (const auto& group : *list) there.insert(group.group_id());
    for (const std::string& id : known) EXPECT_EQ(there.count(id), 1u) << id;
    // The killer strikes while this goes on.
    std::atomic<bool> begun{false};
    std::thread killer([&daemon, &begun, delay = random() % 40] {
      while (!begun) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      std::this_thread::sleep_for(std::chrono::milliseconds(delay));
      daemon->Signal(SIGKILL);
    });
    for (int i = 0;; ++i) {
      const std::string id =
          "r" + std::to_string(round) + "." + std::to_string(i);
      const auto created = client->CreateGroup(CreateRequest(id));
      if (!created.ok()) break;
      EXPECT_GT(created->group().epoch(), highest);
      highest = created->group().epoch();
      known.insert(id);
      begun = true;
      auto member = client->JoinGroup(JoinRequest(id, "m"));
      if (!member.ok()) break;
      const absl::Status left = (*member)->Leave();
      if (!left.ok()) break;
    }
    begun = true;
    killer.join();
    EXPECT_EQ(daemon->Wait(), -SIGKILL);
    // A loss may have been written without having been told.
    auto after = Start();
    auto reader = Connect();
    const auto groups = reader->ListGroups();
    ASSERT_TRUE(groups.ok()) << groups.status();
    for (const auto& group : *groups) {
      highest = std::max(highest, group.epoch());
    }
    EXPECT_EQ(after->End(SIGTERM), 0);
  }
  EXPECT_FALSE(known.empty());
}

// A job does not notice that the daemon was killed: same slots, same epoch, no
// loss.
TEST_F(IthacadTest, MembersOutliveAKill) {
  auto daemon = Start();
  auto client = Connect();
  ASSERT_TRUE(client->CreateGroup(CreateRequest("g")).ok());
  auto a = client->JoinGroup(JoinRequest("g", "a"));
  auto b = client->JoinGroup(JoinRequest("g", "b"));
  ASSERT_TRUE(a.ok() && b.ok());
  const auto before = (*a)->WaitComplete(kLong);
  ASSERT_TRUE(before.ok());
  ASSERT_TRUE((*a)->PublishBlob(before->epoch(), "id", "secret").ok());
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(daemon->End(SIGKILL), -SIGKILL);
    daemon = Start();
    const auto blob = (*b)->GetBlob(before->epoch(), "id", kLong);
    ASSERT_TRUE(blob.ok()) << blob.status();
    EXPECT_EQ(*blob, "secret");
  }
  // A loss is seen by a member that has resumed, of one that has.
  auto reader = Connect();
  for (bool attached = false; !attached;) {
    const auto group = reader->GetGroup("g", false);
    ASSERT_TRUE(group.ok() && group->members_size() == 2);
    attached = group->members(1).state() == groups::v1::MEMBER_STATE_ATTACHED;
  }
  (*b).reset();
  const auto now = (*a)->WaitEpochAfter(before->epoch(), kLong);
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(now->free_slots(0), 1u);
}

// Nobody is taken for lost because the daemon did not run for a while.
TEST_F(IthacadTest, APausedDaemonLosesNobody) {
  auto daemon = Start();
  auto client = Connect();
  ASSERT_TRUE(client->CreateGroup(CreateRequest("g")).ok());
  auto a = client->JoinGroup(JoinRequest("g", "a"));
  auto b = client->JoinGroup(JoinRequest("g", "b"));
  ASSERT_TRUE(a.ok() && b.ok());
  const auto before = (*a)->WaitComplete(kLong);
  ASSERT_TRUE(before.ok());
  for (const int seconds : {1, 5}) {
    daemon->Signal(SIGSTOP);
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    daemon->Signal(SIGCONT);
    const auto now = client->GetGroup("g", false);
    ASSERT_TRUE(now.ok()) << now.status();
    EXPECT_EQ(now->epoch(), before->epoch());
    EXPECT_EQ(now->state(), groups::v1::GROUP_STATE_COMPLETE);
  }
}

TEST_F(IthacadTest, MembersShowTheirProcess) {
  auto daemon = Start();
  auto client = Connect();
  ASSERT_TRUE(client->CreateGroup(CreateRequest("g")).ok());
  auto a = client->JoinGroup(JoinRequest("g", "a"));
  ASSERT_TRUE(a.ok());
  EXPECT_EQ((*a)->View().members(0).pid(), static_cast<uint32_t>(getpid()));
  EXPECT_EQ((*a)->View().owner_uid(), geteuid());
}

}  // namespace
}  // namespace ithaca::server
