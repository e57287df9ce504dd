// connect with bytes that are no handle, or no longer one: an error, never a
// crash, never a communicator out of nothing.
#include <cstring>
#include <random>

#include "tests/conformance/fixture.h"

namespace ithaca::conformance {
namespace {

using abi::Result;

class HandleBytes : public Conformance {
 protected:
  // Polls connect until it fails; false when it gave a communicator.
  bool ConnectFails(const void* bytes) {
    char handle[abi::kHandleBytes];
    std::memcpy(handle, bytes, sizeof(handle));
    bool failed = false;
    void* comm = nullptr;
    PollUntil("connect fails", [&] {
      comm = Poison();
      const Result result = net().Connect(ctx(), 0, handle, &comm, nullptr);
      EXPECT_NE(comm, Poison());
      if (result == Result::kSuccess) return comm != nullptr;
      EXPECT_TRUE(IsError(result));
      EXPECT_EQ(comm, nullptr);
      failed = true;
      return true;
    });
    if (!failed && comm != nullptr) net().CloseSend(comm);
    return failed;
  }
};
INSTANTIATE_TEST_SUITE_P(Net, HandleBytes, ::testing::ValuesIn(NetVersions()),
                         ::testing::PrintToStringParamName());

TEST_P(HandleBytes, ZerosAndOnesAreRefused) {
  char handle[abi::kHandleBytes];
  std::memset(handle, 0, sizeof(handle));
  EXPECT_TRUE(ConnectFails(handle));
  std::memset(handle, 0xFF, sizeof(handle));
  EXPECT_TRUE(ConnectFails(handle));
}

TEST_P(HandleBytes, RandomBytesAreRefused) {
  const uint32_t seed = 20260 + GetParam();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    char handle[abi::kHandleBytes];
    for (char& byte : handle) byte = static_cast<char>(random());
    ASSERT_TRUE(ConnectFails(handle)) << round;
  }
}

// A flipped bit may lie in bytes that mean nothing; then it connects, or waits
// for ever, but it must not crash or hand out something broken.
TEST_P(HandleBytes, FlippedBitsDoNoHarm) {
  char handle[abi::kHandleBytes] = {};
  void* listener = Listen(0, handle);
  ASSERT_NE(listener, nullptr);
  for (size_t bit = 0; bit < abi::kHandleBytes * 8; ++bit) {
    char bad[abi::kHandleBytes];
    std::memcpy(bad, handle, sizeof(bad));
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    for (int poll = 0; poll < 3; ++poll) {
      void* comm = Poison();
      const Result result = net().Connect(ctx(), 0, bad, &comm, nullptr);
      ASSERT_NE(comm, Poison()) << bit;
      if (result != Result::kSuccess) {
        ASSERT_TRUE(IsError(result)) << bit;
        ASSERT_EQ(comm, nullptr) << bit;
        break;
      }
      if (comm != nullptr) {
        ASSERT_EQ(net().CloseSend(comm), Result::kSuccess);
        break;
      }
    }
  }
  // The listener still serves who comes with the right bytes. What half-made
  // connections left behind may be accepted first.
  void* send = nullptr;
  std::vector<void*> recvs;
  ASSERT_TRUE(PollUntil("a good connector gets through", [&] {
    if (send == nullptr) {
      EXPECT_EQ(net().Connect(ctx(), 0, handle, &send, nullptr),
                Result::kSuccess);
    }
    void* recv = nullptr;
    EXPECT_EQ(net().Accept(listener, &recv, nullptr), Result::kSuccess);
    if (recv != nullptr) recvs.push_back(recv);
    return send != nullptr && !recvs.empty();
  }));
  CloseSend(send);
  for (void* recv : recvs) CloseRecv(recv);
}

TEST_P(HandleBytes, HandleOfAClosedListenerIsRefused) {
  char handle[abi::kHandleBytes] = {};
  void* listener = nullptr;
  ASSERT_EQ(net().Listen(ctx(), 0, handle, &listener), Result::kSuccess);
  ASSERT_EQ(net().CloseListen(listener), Result::kSuccess);
  EXPECT_TRUE(ConnectFails(handle));
}

TEST_P(HandleBytes, ListenerMayGoWithConnectorsWaiting) {
  char handle[abi::kHandleBytes] = {};
  void* listener = nullptr;
  ASSERT_EQ(net().Listen(ctx(), 0, handle, &listener), Result::kSuccess);
  void* send = nullptr;
  Result result = Result::kSuccess;
  for (int poll = 0; poll < 50 && send == nullptr; ++poll)
    ASSERT_EQ(net().Connect(ctx(), 0, handle, &send, nullptr),
              Result::kSuccess);
  ASSERT_EQ(net().CloseListen(listener), Result::kSuccess);
  // Either connect fails, or it had gone through and sending fails.
  char byte = 'x';
  void* request = nullptr;
  PollUntil("connector learns of it", [&] {
    if (send == nullptr) {
      result = net().Connect(ctx(), 0, handle, &send, nullptr);
    } else if (request == nullptr) {
      result = net().Isend(send, &byte, 1, 0, nullptr, nullptr, &request);
    } else {
      int done = 0;
      result = net().Test(request, &done, nullptr);
      if (done == 1) request = nullptr;
    }
    return result != Result::kSuccess;
  });
  EXPECT_TRUE(IsError(result));
  if (send != nullptr) {
    EXPECT_EQ(net().CloseSend(send), Result::kSuccess);
  }
}

}  // namespace
}  // namespace ithaca::conformance
