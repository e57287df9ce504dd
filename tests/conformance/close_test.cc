// Ends: closing with transfers in flight, from either side and in any order;
// what the other side is told, and what happens to the memory.
#include <algorithm>
#include <cstring>

#include "tests/conformance/fixture.h"

namespace ithaca::conformance {
namespace {

using abi::Result;

// More than the kernel's buffers hold, so that it cannot be over at once.
#ifdef ITHACA_SANITIZED
constexpr size_t kLarge = 3 << 20;
#else
constexpr size_t kLarge = 8 << 20;
#endif

class Close : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    if (HasFatalFailure()) return;
    link_ = Connect();
    ASSERT_NE(link_.send, nullptr);
    ASSERT_NE(link_.recv, nullptr);
  }

  // Polls a few times, so that transfers are under way but not over.
  void PollALittle() {
    for (int i = 0; i < 20; ++i) PollTransfers();
  }

  // Other connections of the process go on.
  void ExpectOthersUnharmed(const Link& other) {
    ExpectDelivers(other, 300'000, 12);
  }

  Link link_;
};
INSTANTIATE_TEST_SUITE_P(Net, Close, ::testing::ValuesIn(NetVersions()),
                         ::testing::PrintToStringParamName());

TEST_P(Close, UnusedEndsInEitherOrder) {
  CloseSend(link_.send);
  CloseRecv(link_.recv);
  const Link second = Connect();
  CloseRecv(second.recv);
  CloseSend(second.send);
}

TEST_P(Close, SenderGoesWithSendsInFlight) {
  const Link other = Connect();
  std::vector<char> out = Pattern(kLarge, 1);
  void* mhandle = Register(link_.send, out.data(), out.size());
  for (int i = 0; i < 8; ++i)
    ASSERT_NE(Send(link_.send, out.data(), out.size(), 0, mhandle), nullptr);
  PollALittle();
  AbandonTransfers();
  Deregister(link_.send, mhandle);
  CloseSend(link_.send);
  // The plugin must not read it any more.
  out.assign(out.size(), '\0');
  out = std::vector<char>();
  ExpectOthersUnharmed(other);
  CloseRecv(link_.recv);
}

TEST_P(Close, SenderGoesAndTheReceiverLearnsOfIt) {
  std::vector<char> in(kLarge);
  Transfer* recv = Recv(link_.recv, in.data(), in.size(), 0, nullptr);
  ASSERT_NE(recv, nullptr);
  PollALittle();
  EXPECT_FALSE(recv->done);
  CloseSend(link_.send);
  WaitOver({recv});
  EXPECT_TRUE(IsError(recv->error));
  AbandonTransfers();
  CloseRecv(link_.recv);
}

TEST_P(Close, ReceiverGoesAndTheSenderLearnsOfIt) {
  const std::vector<char> out = Pattern(kLarge, 2);
  CloseRecv(link_.recv);
  // The first sends may be taken before the news arrives.
  std::vector<void*> requests;
  Result result = Result::kSuccess;
  PollUntil("sender learns of it", [&] {
    void* request = nullptr;
    result = net().Isend(link_.send, const_cast<char*>(out.data()), out.size(),
                         0, nullptr, nullptr, &request);
    if (result != Result::kSuccess) return true;
    if (request != nullptr) requests.push_back(request);
    for (void* pending : requests) {
      int done = 0;
      result = net().Test(pending, &done, nullptr);
      EXPECT_EQ(done, 0) << "a send to nobody completed";
      if (result != Result::kSuccess) return true;
    }
    return false;
  });
  EXPECT_TRUE(IsError(result));
  CloseSend(link_.send);
}

// After deregMr or closeRecv has returned, not one late byte may arrive. How
// far the transfer has come by then differs from round to round.
constexpr int kPollsBefore[] = {0, 1, 2, 3, 5, 8, 15, 40};

TEST_P(Close, MemoryIsLeftAloneOnceDeregistered) {
  const std::vector<char> out = Pattern(kLarge, 3);
  for (int polls : kPollsBefore) {
    SCOPED_TRACE(polls);
    const Link link = Connect();
    std::vector<char> in(kLarge, '\x11');
    void* mhandle = Register(link.recv, in.data(), in.size());
    ASSERT_NE(Recv(link.recv, in.data(), in.size(), 0, mhandle), nullptr);
    ASSERT_NE(Send(link.send, out.data(), out.size(), 0, nullptr), nullptr);
    for (int i = 0; i < polls; ++i) PollTransfers();
    Deregister(link.recv, mhandle);
    std::fill(in.begin(), in.end(), '\x22');
    // Whatever else goes on: the sender pushes, the receiver polls.
    for (int i = 0; i < 500; ++i) PollTransfers();
    EXPECT_EQ(std::count(in.begin(), in.end(), '\x22'),
              static_cast<ptrdiff_t>(in.size()));
    AbandonTransfers();
    CloseRecv(link.recv);
    CloseSend(link.send);
  }
}

TEST_P(Close, MemoryIsLeftAloneOnceTheReceiverIsClosed) {
  const std::vector<char> out = Pattern(kLarge, 4);
  for (int polls : kPollsBefore) {
    SCOPED_TRACE(polls);
    const Link link = Connect();
    std::vector<char> in(kLarge, '\x11');
    ASSERT_NE(Recv(link.recv, in.data(), in.size(), 0, nullptr), nullptr);
    Transfer* send = Send(link.send, out.data(), out.size(), 0, nullptr);
    ASSERT_NE(send, nullptr);
    for (int i = 0; i < polls; ++i) PollTransfers();
    void* request = send->request;
    const bool over = send->done;
    AbandonTransfers();
    CloseRecv(link.recv);
    std::fill(in.begin(), in.end(), '\x22');
    Result result = Result::kSuccess;
    if (!over) {
      PollUntil("sender learns of it", [&] {
        int done = 0;
        result = net().Test(request, &done, nullptr);
        return done == 1 || result != Result::kSuccess;
      });
    }
    EXPECT_EQ(std::count(in.begin(), in.end(), '\x22'),
              static_cast<ptrdiff_t>(in.size()));
    CloseSend(link.send);
  }
}

TEST_P(Close, ReceiverGoesWithUnexpectedMessagesWaiting) {
  const std::vector<char> out = Pattern(1000, 5);
  std::vector<Transfer*> sends;
  for (int i = 0; i < abi::kMaxRequests; ++i)
    sends.push_back(Send(link_.send, out.data(), out.size(), 0, nullptr));
  PollALittle();
  AbandonTransfers();
  CloseRecv(link_.recv);
  CloseSend(link_.send);
}

TEST_P(Close, DataSentBeforeTheSenderClosedIsStillDelivered) {
  // NCCL closes a sender as soon as its last send has completed; the receiver
  // may not even have looked yet.
  for (size_t bytes : {10, 100'000}) {
    const Link link = Connect();
    const std::vector<char> out = Pattern(bytes, 6);
    std::vector<char> in(bytes);
    Transfer* recv = Recv(link.recv, in.data(), bytes, 0, nullptr);
    Transfer* send = Send(link.send, out.data(), bytes, 0, nullptr);
    ASSERT_NE(send, nullptr);
    // Only the sender looks, until its send is done.
    PollUntil("send done", [&] {
      int done = 0;
      EXPECT_EQ(net().Test(send->request, &done, nullptr), Result::kSuccess);
      return done == 1;
    });
    send->done = true;
    CloseSend(link.send);
    Wait({recv});
    EXPECT_EQ(in, out);
    AbandonTransfers();
    CloseRecv(link.recv);
  }
}

TEST_P(Close, OneFailureTakesNoOtherConnectionDown) {
  const Link other = Connect();
  std::vector<char> in(kLarge);
  Transfer* recv = Recv(link_.recv, in.data(), in.size(), 0, nullptr);
  CloseSend(link_.send);
  WaitOver({recv});
  AbandonTransfers();
  ExpectOthersUnharmed(other);
  // Nor is it catching: the failed end stays failed, a new one works.
  ExpectOthersUnharmed(Connect());
  CloseRecv(link_.recv);
}

TEST_P(Close, AgainAndAgain) {
  for (int round = 0; round < 30; ++round) {
    const Link link = Connect();
    ASSERT_NE(link.send, nullptr);
    const std::vector<char> out = Pattern(200'000, round);
    std::vector<char> in(200'000);
    ASSERT_NE(Recv(link.recv, in.data(), in.size(), 0, nullptr), nullptr);
    ASSERT_NE(Send(link.send, out.data(), out.size(), 0, nullptr), nullptr);
    for (int i = 0; i < round; ++i) PollTransfers();
    AbandonTransfers();
    if (round % 2 == 0) {
      CloseSend(link.send);
      CloseRecv(link.recv);
    } else {
      CloseRecv(link.recv);
      CloseSend(link.send);
    }
  }
  ExpectDelivers(link_, 100'000, 99);
}

}  // namespace
}  // namespace ithaca::conformance
