#include "tests/conformance/use_once.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <chrono>
#include <vector>

#include "tests/conformance/fixture.h"

namespace ithaca::conformance {

using abi::Result;

void UseOnce(NetTable* net, uint32_t seed) {
  const auto deadline = std::chrono::steady_clock::now() + Patience();
  const auto in_time = [&] {
    sched_yield();
    return std::chrono::steady_clock::now() < deadline;
  };
  void* ctx = nullptr;
  ASSERT_EQ(net->Init(&ctx, seed, nullptr, KeepLog, nullptr), Result::kSuccess);
  int ndev = 0;
  ASSERT_EQ(net->Devices(&ndev), Result::kSuccess);
  char handle[abi::kHandleBytes] = {};
  void* listener = nullptr;
  ASSERT_EQ(net->Listen(ctx, 0, handle, &listener), Result::kSuccess);
  void* send = nullptr;
  void* recv = nullptr;
  while (send == nullptr || recv == nullptr) {
    ASSERT_TRUE(in_time());
    if (send == nullptr) {
      ASSERT_EQ(net->Connect(ctx, 0, handle, &send, nullptr), Result::kSuccess);
    }
    if (recv == nullptr) {
      ASSERT_EQ(net->Accept(listener, &recv, nullptr), Result::kSuccess);
    }
  }
  ASSERT_EQ(net->CloseListen(listener), Result::kSuccess);
  std::vector<char> out = Pattern(200'000, seed);
  std::vector<char> in(out.size());
  void* data = in.data();
  size_t size = in.size();
  int tag = 0;
  void* mhandle = nullptr;
  void* requests[2] = {nullptr, nullptr};
  ASSERT_EQ(
      net->Irecv(recv, 1, &data, &size, &tag, &mhandle, nullptr, &requests[0]),
      Result::kSuccess);
  ASSERT_EQ(net->Isend(send, out.data(), out.size(), 0, nullptr, nullptr,
                       &requests[1]),
            Result::kSuccess);
  while (requests[0] != nullptr || requests[1] != nullptr) {
    ASSERT_TRUE(in_time());
    for (void*& request : requests) {
      int done = 0;
      if (request == nullptr) continue;
      ASSERT_EQ(net->Test(request, &done, nullptr), Result::kSuccess);
      if (done == 1) request = nullptr;
    }
  }
  EXPECT_EQ(in, out);
  ASSERT_EQ(net->CloseSend(send), Result::kSuccess);
  ASSERT_EQ(net->CloseRecv(recv), Result::kSuccess);
  ASSERT_EQ(net->Finalize(ctx), Result::kSuccess);
}

}  // namespace ithaca::conformance
