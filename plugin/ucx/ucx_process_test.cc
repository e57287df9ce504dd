// What UCX, loaded and used by us, must leave alone in its process: the code of
// the C library, signal handlers, the environment, memory after the end.
//
// One test per process state: this binary must be the first to load UCX.
#include <dirent.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "plugin/ucx/ucx_test_support.h"

extern char** environ;

namespace ithaca {
namespace {

using Code16 = std::array<uint8_t, 16>;

// The first bytes of libc's own functions, not of a sanitizer's in between.
std::map<std::string, Code16> LibcCode() {
  void* const libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  EXPECT_NE(libc, nullptr);
  std::map<std::string, Code16> code;
  for (const char* name : {"mmap", "munmap", "mremap", "madvise", "brk", "sbrk",
                           "shmat", "shmdt", "malloc", "free", "dlopen"}) {
    const void* const function = dlsym(libc, name);
    if (function == nullptr) continue;
    memcpy(code[name].data(), function, sizeof(Code16));
  }
  return code;
}

std::vector<void*> Handlers() {
  std::vector<void*> handlers(NSIG);
  for (int s = 1; s < NSIG; ++s) {
    struct sigaction action = {};
    sigaction(s, nullptr, &action);
    handlers[s] = reinterpret_cast<void*>(action.sa_handler);
  }
  return handlers;
}

std::vector<std::string> Environment() {
  std::vector<std::string> all;
  for (char** e = environ; *e != nullptr; ++e) all.push_back(*e);
  return all;
}

void OnHangUp(int) {}

// The blocked signals of every thread but this one, as the kernel says.
std::map<std::string, uint64_t> BlockedInOtherThreads() {
  std::map<std::string, uint64_t> blocked;
  DIR* const tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] == '.' || std::stoi(entry->d_name) == getpid())
      continue;
    std::ifstream status(std::string("/proc/self/task/") + entry->d_name +
                         "/status");
    std::string name, line;
    while (std::getline(status, line)) {
      if (line.rfind("Name:", 0) == 0) name = line.substr(6);
      if (line.rfind("SigBlk:", 0) == 0)
        blocked[name] = std::stoull(line.substr(8), nullptr, 16);
    }
  }
  closedir(tasks);
  return blocked;
}

TEST(UcxProcessTest, LeavesTheProcessAsItWas) {
  signal(SIGHUP, OnHangUp);
  stack_t stack_before = {}, stack_after = {};
  sigaltstack(nullptr, &stack_before);
  const auto code = LibcCode();
  const auto handlers = Handlers();
  const auto environment = Environment();
  ASSERT_GE(code.size(), 8u);
  ITHACA_REQUIRE_UCX();
  {
    BackendPair pair;
    const int i = pair.OpenLane();
    const std::vector<uint8_t> payload = Pattern(0, 0, 1 << 20);
    pair.a[i].lane->Send(DataFrame(0, 0, 1 << 20), payload.data());
    ASSERT_TRUE(pair.ProgressUntil(
        [&] { return pair.b[i].sink->arrivals.size() == 1; }));
    // UCX's thread is its own business, and runs no handler of ours.
    for (const auto& [name, blocked] : BlockedInOtherThreads()) {
      if (name.find("async") == std::string::npos) continue;
      EXPECT_NE(blocked & (uint64_t{1} << (SIGHUP - 1)), 0u) << name;
    }
    EXPECT_EQ(LibcCode(), code);
    EXPECT_EQ(Handlers(), handlers);
  }
  sigaltstack(nullptr, &stack_after);
  EXPECT_EQ(stack_after.ss_sp, stack_before.ss_sp);
  EXPECT_EQ(LibcCode(), code);
  EXPECT_EQ(Handlers(), handlers);
  EXPECT_EQ(Environment(), environment);
}

TEST(UcxProcessTest, LoadingAgainGivesTheSameFunctions) {
  ITHACA_REQUIRE_UCX();
  const StatusOr<UcxApi> again = LoadUcx();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().ucp_am_send_nbx, SystemUcx().value().ucp_am_send_nbx);
  EXPECT_EQ(again.value().version, SystemUcx().value().version);
}

}  // namespace
}  // namespace ithaca
