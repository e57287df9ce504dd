// Ten thousand connections come and go, on two communicators and four threads:
// no descriptor and no memory stays behind.
#include <dirent.h>
#include <malloc.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>

#include "tests/conformance/fixture.h"

namespace ithaca::conformance {
namespace {

using abi::Result;

#ifdef ITHACA_SANITIZED
constexpr int kCycles = 800;
#else
constexpr int kCycles = 10'000;
#endif
constexpr int kThreads = 4;
constexpr size_t kBytes = 20'000;
// What caches of the allocator and of the plugin may grow by.
constexpr size_t kSlack = 128 << 10;

int OpenDescriptors() {
  int count = 0;
  DIR* dir = opendir("/proc/self/fd");
  while (readdir(dir) != nullptr) ++count;
  closedir(dir);
  return count;
}

class Churn : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    if (HasFatalFailure()) return;
    ASSERT_EQ(net().Init(&other_, 99, nullptr, KeepLog, nullptr),
              Result::kSuccess);
    // What a context opens once is open from here on.
    char handle[abi::kHandleBytes] = {};
    ASSERT_EQ(net().Listen(ctx(), 0, handle, &idle_[0]), Result::kSuccess);
    ASSERT_EQ(net().Listen(other_, 0, handle, &idle_[1]), Result::kSuccess);
  }
  void TearDown() override {
    for (void* listener : idle_)
      EXPECT_EQ(net().CloseListen(listener), Result::kSuccess);
    EXPECT_EQ(net().Finalize(other_), Result::kSuccess);
    Conformance::TearDown();
  }

  // One connection from here to there: made, used and closed. Every call is
  // this thread's.
  void Cycle(int number, std::mt19937* random) {
    void* const from = number % 2 == 0 ? ctx() : other_;
    void* const to = number % 3 == 0 ? ctx() : other_;
    char handle[abi::kHandleBytes] = {};
    void *listener = nullptr, *send = nullptr, *recv = nullptr;
    std::vector<char> in(2 * kBytes);  // written until the receiver is closed
    ASSERT_EQ(net().Listen(to, 0, handle, &listener), Result::kSuccess);
    PollUntil("connected", [&] {
      if (send == nullptr) {
        EXPECT_EQ(net().Connect(from, 0, handle, &send, nullptr),
                  Result::kSuccess);
      }
      if (recv == nullptr) {
        EXPECT_EQ(net().Accept(listener, &recv, nullptr), Result::kSuccess);
      }
      return (send != nullptr && recv != nullptr) || HasFailure();
    });
    if (!HasFailure()) Use(send, recv, in.data(), *random);
    if (listener != nullptr) {
      EXPECT_EQ(net().CloseListen(listener), Result::kSuccess);
    }
    // Either end first; the other may be in the middle of something.
    const bool send_first = (*random)() % 2 == 0;
    if (send_first && send != nullptr) {
      EXPECT_EQ(net().CloseSend(send), Result::kSuccess);
    }
    if (recv != nullptr) {
      EXPECT_EQ(net().CloseRecv(recv), Result::kSuccess);
    }
    if (!send_first && send != nullptr) {
      EXPECT_EQ(net().CloseSend(send), Result::kSuccess);
    }
  }

  // A group of messages, waited for or left in the middle.
  void Use(void* send, void* recv, char* in, std::mt19937& random) {
    static const std::vector<char> out = Pattern(kBytes, 1);
    void* data[2] = {in, in + out.size()};
    size_t sizes[2] = {out.size(), out.size()};
    int tags[2] = {1, 1};
    void* mhandles[2] = {};
    void* received = nullptr;
    EXPECT_EQ(
        net().Irecv(recv, 2, data, sizes, tags, mhandles, nullptr, &received),
        Result::kSuccess);
    void* sent[2] = {};
    for (void*& request : sent) {
      EXPECT_EQ(net().Isend(send, const_cast<char*>(out.data()), out.size(), 1,
                            nullptr, nullptr, &request),
                Result::kSuccess);
    }
    ASSERT_TRUE(received != nullptr && sent[0] != nullptr &&
                sent[1] != nullptr);
    const bool wait = random() % 4 != 0;
    int left = 3;
    PollUntil("transfer done", [&] {
      for (void** request : {&received, &sent[0], &sent[1]}) {
        int done = 0;
        if (*request == nullptr) continue;
        EXPECT_EQ(net().Test(*request, &done, nullptr), Result::kSuccess);
        if (done == 0) continue;
        *request = nullptr;
        --left;
      }
      return left == 0 || !wait || HasFailure();
    });
    if (left == 0) {
      EXPECT_EQ(std::memcmp(in, out.data(), out.size()), 0);
    }
  }

  void RunCycles(int count) {
    std::atomic<int> next{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937 random(t);
        for (int i = next++; i < count && !HasFailure(); i = next++)
          Cycle(i, &random);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  // What closed connections leave to the network for a moment is over.
  void Settle(int descriptors) {
    PollUntil("descriptors back", [&] {
      for (void* listener : idle_) {
        void* comm = nullptr;
        EXPECT_EQ(net().Accept(listener, &comm, nullptr), Result::kSuccess);
      }
      return OpenDescriptors() <= descriptors;
    });
  }

  void* idle_[2] = {};  // listeners to which nobody connects
  void* other_ = nullptr;
};
INSTANTIATE_TEST_SUITE_P(Net, Churn, ::testing::Values(12),
                         ::testing::PrintToStringParamName());

TEST_P(Churn, ConnectionsComeAndGoAndLeaveNothing) {
  const int descriptors = OpenDescriptors();
  RunCycles(kCycles / 10);
  Settle(descriptors);
  const size_t bytes = mallinfo2().uordblks;
  RunCycles(kCycles);
  Settle(descriptors);
  EXPECT_EQ(OpenDescriptors(), descriptors);
  const size_t after = mallinfo2().uordblks;
  std::printf("%d connections: %zu bytes before, %zu after\n", kCycles, bytes,
              after);
#ifndef ITHACA_SANITIZED  // whose allocator has a check of its own
  EXPECT_LE(after, bytes + kSlack);
#endif
}

}  // namespace
}  // namespace ithaca::conformance
