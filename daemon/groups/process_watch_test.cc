#include "daemon/groups/process_watch.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace ithaca::groups {
namespace {

// A process that lives until it is killed.
class Child {
 public:
  Child() {
    pid_ = fork();
    if (pid_ == 0) {
      for (;;) pause();
    }
  }
  ~Child() { Kill(); }
  // Ended, but not yet waited for: it is a zombie.
  void Signal() const { kill(pid_, SIGKILL); }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

std::unique_ptr<ProcessWatch> Start(ProcessWatch::Options options = {}) {
  auto watch = ProcessWatch::Start(options);
  EXPECT_TRUE(watch.ok()) << watch.status();
  return std::move(*watch);
}

// A promise that may be kept once, and asked whether it was.
struct Note {
  std::function<void()> Function() {
    return [this] { promise.set_value(); };
  }
  void Wait() { future.wait(); }
  std::promise<void> promise;
  std::future<void> future = promise.get_future();
};

TEST(ProcessWatch, TellsAnExitOnce) {
  auto watch = Start();
  Child child;
  const uint64_t started = *ProcessWatch::StartTime(child.pid());
  Note first, second;
  ASSERT_TRUE(watch->Watch(child.pid(), started, first.Function()).ok());
  ASSERT_TRUE(watch->Watch(child.pid(), started, second.Function()).ok());
  EXPECT_EQ(watch->size(), 1u);
  // A zombie has ended.
  child.Signal();
  first.Wait();
  second.Wait();
  EXPECT_EQ(watch->size(), 0u);
}

TEST(ProcessWatch, AProcessThatIsGoneIsToldAtOnce) {
  auto watch = Start();
  Child child;
  const pid_t pid = child.pid();
  const uint64_t started = *ProcessWatch::StartTime(pid);
  child.Kill();
  Note note;
  ASSERT_TRUE(watch->Watch(pid, started, note.Function()).ok());
  note.Wait();
  Note unseen;
  ASSERT_TRUE(watch->Watch(pid, 0, unseen.Function()).ok());
  unseen.Wait();
  EXPECT_EQ(watch->size(), 0u);
}

TEST(ProcessWatch, AnotherProcessWithTheIdIsNotTakenForIt) {
  auto watch = Start();
  Child child;
  const uint64_t started = *ProcessWatch::StartTime(child.pid());
  Note note;
  ASSERT_TRUE(watch->Watch(child.pid(), started - 1, note.Function()).ok());
  note.Wait();
  EXPECT_EQ(watch->size(), 0u);
}

TEST(ProcessWatch, WhatIsCancelledIsNotTold) {
  auto watch = Start();
  Child child;
  const uint64_t started = *ProcessWatch::StartTime(child.pid());
  Note kept;
  const auto dropped =
      watch->Watch(child.pid(), started, [] { ADD_FAILURE(); });
  ASSERT_TRUE(dropped.ok());
  ASSERT_TRUE(watch->Watch(child.pid(), started, kept.Function()).ok());
  watch->Cancel(*dropped);
  watch->Cancel(*dropped);
  EXPECT_EQ(watch->size(), 1u);
  child.Signal();
  kept.Wait();
  Child other;
  const auto last = watch->Watch(other.pid(), 0, [] { ADD_FAILURE(); });
  ASSERT_TRUE(last.ok());
  watch->Cancel(*last);
  EXPECT_EQ(watch->size(), 0u);
}

TEST(ProcessWatch, WhoCannotBeSeenOrIsOneTooManyIsRefused) {
  ProcessWatch::Options options;
  options.max_processes = 1;
  auto watch = Start(options);
  const auto fail = [] { ADD_FAILURE(); };
  EXPECT_EQ(watch->Watch(0, 0, fail).status().code(),
            absl::StatusCode::kInvalidArgument);
  Child one, two;
  ASSERT_TRUE(watch->Watch(one.pid(), 0, [] {}).ok());
  ASSERT_TRUE(watch->Watch(one.pid(), 0, [] {}).ok());
  EXPECT_EQ(watch->Watch(two.pid(), 0, fail).status().code(),
            absl::StatusCode::kResourceExhausted);
}

// Watches come and go on several threads while processes end.
TEST(ProcessWatch, ManyAtOnce) {
  auto watch = Start();
  constexpr int kProcesses = 60;
  constexpr int kWatches = 20;
  std::vector<Child> children(kProcesses);
  std::atomic<int> told{0};
  std::promise<void> all;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < kProcesses; i += 3) {
        const pid_t pid = children[static_cast<size_t>(i)].pid();
        for (int n = 0; n < kWatches; ++n) {
          const auto kept = watch->Watch(pid, 0, [&] {
            if (++told == kProcesses * kWatches) all.set_value();
          });
          EXPECT_TRUE(kept.ok()) << kept.status();
          const auto dropped = watch->Watch(pid, 0, [] {});
          EXPECT_TRUE(dropped.ok()) << dropped.status();
          watch->Cancel(*dropped);
        }
        children[static_cast<size_t>(i)].Signal();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  all.get_future().wait();
  EXPECT_EQ(watch->size(), 0u);
}

TEST(ProcessWatch, NamesOfProcessesMayContainAnything) {
  EXPECT_FALSE(ProcessWatch::StartTime(-1).has_value());
  const pid_t pid = fork();
  if (pid == 0) {
    // As another program, whose name is strange.
    const std::string link = "/tmp/) 1 (x) " + std::to_string(getpid());
    if (symlink("/bin/sleep", link.c_str()) != 0) _exit(1);
    execl(link.c_str(), "sleep", "1000", nullptr);
    _exit(1);
  }
  const std::string link = "/tmp/) 1 (x) " + std::to_string(pid);
  const uint64_t before = *ProcessWatch::StartTime(getpid());
  const std::string exe = "/proc/" + std::to_string(pid) + "/comm";
  for (;;) {
    char name[64] = {};
    FILE* file = std::fopen(exe.c_str(), "r");
    ASSERT_NE(file, nullptr);
    if (std::fgets(name, sizeof name, file) == nullptr) name[0] = '?';
    std::fclose(file);
    if (name[0] == ')') break;
  }
  const auto started = ProcessWatch::StartTime(pid);
  ASSERT_TRUE(started.has_value());
  EXPECT_GE(*started, before);
  EXPECT_LT(*started, before + 100'000);
  unlink(link.c_str());
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

}  // namespace
}  // namespace ithaca::groups
