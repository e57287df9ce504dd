// The threads that NCCL has: one that registers and connects, one that moves
// data, several communicators at once. Meant for ThreadSanitizer.
#include <sched.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "tests/conformance/fixture.h"

namespace ithaca::conformance {
namespace {

using abi::Result;

class Threads : public Conformance {
 protected:
  // Starts one transfer and polls it until it is done; the core is given away
  // between polls. False on an error, or when it never is.
  bool Complete(const std::function<Result(void** request)>& start) {
    const auto deadline = std::chrono::steady_clock::now() + Patience();
    void* request = nullptr;
    for (int done = 0; done == 0; sched_yield()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      const Result result = request == nullptr
                                ? start(&request)
                                : net().Test(request, &done, nullptr);
      if (result != Result::kSuccess) return false;
    }
    return true;
  }

  // One direction of a link: `rounds` messages, one after the other, with
  // requests of its own. Runs on a thread of the test's.
  void Exchange(const Link& link, int rounds, uint32_t seed) {
    std::vector<char> out = Pattern(100'000, seed);
    std::vector<char> in(out.size());
    const auto deadline = std::chrono::steady_clock::now() + Patience();
    for (int round = 0; round < rounds; ++round) {
      void* data = in.data();
      size_t size = in.size();
      int tag = round;
      void* mhandle = nullptr;
      void* recv = nullptr;
      void* send = nullptr;
      bool received = false;
      bool sent = false;
      std::memset(in.data(), 0, in.size());
      while (!received || !sent) {
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
        int done = 0;
        if (recv == nullptr) {
          ASSERT_EQ(net().Irecv(link.recv, 1, &data, &size, &tag, &mhandle,
                                nullptr, &recv),
                    Result::kSuccess);
        } else if (!received) {
          ASSERT_EQ(net().Test(recv, &done, nullptr), Result::kSuccess);
          received = done == 1;
        }
        done = 0;
        if (send == nullptr) {
          ASSERT_EQ(net().Isend(link.send, out.data(), out.size(), tag, nullptr,
                                nullptr, &send),
                    Result::kSuccess);
        } else if (!sent) {
          ASSERT_EQ(net().Test(send, &done, nullptr), Result::kSuccess);
          sent = done == 1;
        }
      }
      ASSERT_EQ(in, out);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Net, Threads, ::testing::ValuesIn(NetVersions()),
                         ::testing::PrintToStringParamName());

TEST_P(Threads, RegisterWhileDataMoves) {
  const Link link = Connect();
  std::atomic<bool> stop{false};
  std::thread service([&] {
    std::vector<char> memory(10'000);
    while (!stop) {
      for (void* comm : {link.send, link.recv}) {
        void* mhandle = Poison();
        ASSERT_EQ(net().RegMr(comm, memory.data(), memory.size(), abi::kPtrHost,
                              &mhandle),
                  Result::kSuccess);
        ASSERT_EQ(net().DeregMr(comm, mhandle), Result::kSuccess);
      }
    }
  });
  Exchange(link, 50, 1);
  stop = true;
  service.join();
}

TEST_P(Threads, ConnectAndCloseWhileDataMoves) {
  const Link link = Connect();
  std::atomic<bool> stop{false};
  std::thread progress([&] {
    while (!stop) Exchange(link, 1, 2);
  });
  for (int i = 0; i < 20; ++i) {
    const Link other = Connect();
    EXPECT_NE(other.send, nullptr);
    CloseSend(other.send);
    CloseRecv(other.recv);
  }
  stop = true;
  progress.join();
}

TEST_P(Threads, EndsOfOneLinkOnTwoThreads) {
  const Link link = Connect();
  constexpr int kMessages = 100;
  const std::vector<char> out = Pattern(60'000, 3);
  std::thread sender([&] {
    for (int i = 0; i < kMessages; ++i) {
      const bool sent = Complete([&](void** request) {
        return net().Isend(link.send, const_cast<char*>(out.data()), out.size(),
                           0, nullptr, nullptr, request);
      });
      EXPECT_TRUE(sent);
      if (!sent) return;
    }
  });
  for (int i = 0; i < kMessages; ++i) {
    std::vector<char> in(out.size());
    void* data = in.data();
    size_t size = in.size();
    int tag = 0;
    void* mhandle = nullptr;
    const bool received = Complete([&](void** request) {
      return net().Irecv(link.recv, 1, &data, &size, &tag, &mhandle, nullptr,
                         request);
    });
    EXPECT_TRUE(received);
    EXPECT_EQ(in, out);
    if (!received) break;
  }
  sender.join();
}

TEST_P(Threads, CommunicatorsInParallel) {
  std::vector<Link> links;
  for (int i = 0; i < 4; ++i) links.push_back(Connect());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([this, &links, i] { Exchange(links[i], 20, i); });
  for (std::thread& thread : threads) thread.join();
}

TEST_P(Threads, ContextsInParallel) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int round = 0; round < 10; ++round) {
        void* ctx = nullptr;
        ASSERT_EQ(net().Init(&ctx, 100 + i, nullptr, KeepLog, nullptr),
                  Result::kSuccess);
        char handle[abi::kHandleBytes];
        void* listener = nullptr;
        ASSERT_EQ(net().Listen(ctx, 0, handle, &listener), Result::kSuccess);
        abi::NetAttrV12 attr{};
        ASSERT_EQ(net().SetNetAttr(ctx, &attr), Result::kSuccess);
        ASSERT_EQ(net().CloseListen(listener), Result::kSuccess);
        ASSERT_EQ(net().Finalize(ctx), Result::kSuccess);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace ithaca::conformance
