// Opened, used and closed several times in one process, as NCCL does when its
// last communicator goes and another one comes.
#include <dlfcn.h>
#include <sched.h>

#include <chrono>
#include <cstring>
#include <vector>

#include "tests/conformance/fixture.h"

namespace ithaca::conformance {
namespace {

using abi::Result;

// A communicator's whole life: connects to itself and sends one message.
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

class Reload : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Net, Reload, ::testing::ValuesIn(NetVersions()),
                         ::testing::PrintToStringParamName());

TEST_P(Reload, WorksEachTime) {
  for (int round = 0; round < 5; ++round) {
    SCOPED_TRACE(round);
    void* library = dlopen(LibraryPath().c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library, nullptr) << dlerror();
    auto net = FindNetTable(library, GetParam());
    ASSERT_NE(net, nullptr);
    UseOnce(net.get(), round);
    if (HasFatalFailure()) return;
    ASSERT_EQ(dlclose(library), 0);
  }
}

// Versions with and without contexts side by side, as two copies of NCCL in
// one process have them.
TEST_P(Reload, WorksBesideAnotherVersion) {
  void* library = dlopen(LibraryPath().c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  for (int other : NetVersions()) {
    SCOPED_TRACE(other);
    UseOnce(FindNetTable(library, GetParam()).get(), 1);
    UseOnce(FindNetTable(library, other).get(), 2);
  }
  ASSERT_EQ(dlclose(library), 0);
}

}  // namespace
}  // namespace ithaca::conformance
