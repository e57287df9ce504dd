// The data path: what arrives, under which requests.
#include <algorithm>
#include <cstring>
#include <random>

#include "tests/conformance/fixture.h"

namespace ithaca::conformance {
namespace {

using abi::Result;

class Data : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    if (HasFatalFailure()) return;
    link_ = Connect();
    ASSERT_NE(link_.send, nullptr);
    ASSERT_NE(link_.recv, nullptr);
  }
  Link link_;
};
INSTANTIATE_TEST_SUITE_P(Net, Data, ::testing::ValuesIn(NetVersions()),
                         ::testing::PrintToStringParamName());

TEST_P(Data, EverySizeArrivesWhole) {
  uint32_t seed = 1;
  for (size_t bytes :
       {1,     2,     31,     32,     33,     63,     64,      100,
        511,   512,   4095,   4096,   4097,   8192,   16384,   65535,
        65536, 65537, 131071, 131072, 131073, 524288, 1 << 20, (4 << 20) + 3}) {
    SCOPED_TRACE(bytes);
    ExpectDelivers(link_, bytes, ++seed);
    if (HasFailure()) return;
  }
}

TEST_P(Data, ZeroBytesAreDeliveredAndCompleted) {
  char guard = '\x5A';
  Transfer* recv = Recv(link_.recv, &guard, 1, 7, nullptr);
  Transfer* send = Send(link_.send, &guard, 0, 7, nullptr);
  Wait({recv, send});
  EXPECT_EQ(recv->sizes[0], 0);
  EXPECT_EQ(guard, '\x5A');
  // Into no buffer at all, from none.
  recv = Recv(link_.recv, nullptr, 0, 7, nullptr);
  send = Send(link_.send, nullptr, 0, 7, nullptr);
  Wait({recv, send});
  EXPECT_EQ(recv->sizes[0], 0);
  // They keep their place among others.
  char in[3] = {0, 0, 0};
  Transfer* first = Recv(link_.recv, &in[0], 1, 7, nullptr);
  Transfer* empty = Recv(link_.recv, &in[1], 1, 7, nullptr);
  Transfer* last = Recv(link_.recv, &in[2], 1, 7, nullptr);
  const char out[2] = {'a', 'b'};
  Wait({Send(link_.send, &out[0], 1, 7, nullptr),
        Send(link_.send, nullptr, 0, 7, nullptr),
        Send(link_.send, &out[1], 1, 7, nullptr), first, empty, last});
  EXPECT_EQ(first->sizes[0], 1);
  EXPECT_EQ(empty->sizes[0], 0);
  EXPECT_EQ(last->sizes[0], 1);
  EXPECT_EQ(std::string(in, 3), std::string("a\0b", 3));
}

TEST_P(Data, SmallerThanPostedSaysHowMuch) {
  for (size_t bytes : {1, 1000, 70'000, 400'000}) {
    SCOPED_TRACE(bytes);
    const std::vector<char> out = Pattern(bytes, 3);
    std::vector<char> in(1 << 20, '\x5A');
    Transfer* recv = Recv(link_.recv, in.data(), in.size(), 2, nullptr);
    Transfer* send = Send(link_.send, out.data(), bytes, 2, nullptr);
    Wait({recv, send});
    ASSERT_FALSE(HasFatalFailure());
    EXPECT_EQ(recv->sizes[0], static_cast<int>(bytes));
    EXPECT_EQ(std::memcmp(in.data(), out.data(), bytes), 0);
    EXPECT_EQ(std::count(in.begin() + bytes, in.end(), '\x5A'),
              static_cast<ptrdiff_t>(in.size() - bytes));
  }
}

TEST_P(Data, LargerThanPostedIsAnErrorWithinBounds) {
  const std::vector<char> out = Pattern(5000, 4);
  std::vector<char> in(6000, '\x5A');
  Transfer* recv = Recv(link_.recv, in.data(), 4000, 2, nullptr);
  Transfer* send = Send(link_.send, out.data(), out.size(), 2, nullptr);
  WaitOver({recv});
  ASSERT_NE(send, nullptr);
  EXPECT_TRUE(IsError(recv->error));
  EXPECT_EQ(std::count(in.begin() + 4000, in.end(), '\x5A'), 2000);
  EXPECT_NE(TakeLog().find("WARN"), std::string::npos);
  AbandonTransfers();
}

// NCCL keeps 8 steps in flight, and up to NCCL_NET_MAX_REQUESTS of them.
TEST_P(Data, ThirtyTwoSendsWaitForTheirReceives) {
  for (size_t bytes : {64, 200'000}) {
    SCOPED_TRACE(bytes);
    std::vector<std::vector<char>> out;
    std::vector<Transfer*> all;
    for (int i = 0; i < abi::kMaxRequests; ++i) {
      out.push_back(Pattern(bytes, 100 + i));
      all.push_back(Send(link_.send, out.back().data(), bytes, 0, nullptr));
      ASSERT_NE(all.back(), nullptr) << i;
    }
    std::vector<std::vector<char>> in(abi::kMaxRequests,
                                      std::vector<char>(bytes));
    for (auto& buffer : in)
      all.push_back(Recv(link_.recv, buffer.data(), bytes, 0, nullptr));
    Wait(all);
    ASSERT_FALSE(HasFailure());
    for (int i = 0; i < abi::kMaxRequests; ++i) ASSERT_EQ(in[i], out[i]) << i;
  }
}

TEST_P(Data, ExhaustionIsANullRequestAndNoError) {
  std::vector<void*> requests;
  char byte = 'x';
  // 32 must be taken; beyond that "try later" is the only other answer.
  PollUntil("the plugin has enough", [&] {
    void* request = Poison();
    EXPECT_EQ(net().Isend(link_.send, &byte, 1, 0, nullptr, nullptr, &request),
              Result::kSuccess);
    EXPECT_NE(request, Poison());
    if (request != nullptr && request != Poison()) requests.push_back(request);
    return request == nullptr || requests.size() >= 5000;
  });
  EXPECT_GE(requests.size(), size_t{abi::kMaxRequests});
  std::vector<char> in(requests.size());
  std::vector<Transfer*> recvs;
  std::vector<bool> done(requests.size());
  for (char& slot : in) {
    recvs.push_back(Recv(link_.recv, &slot, 1, 0, nullptr));
    ASSERT_NE(recvs.back(), nullptr);
    for (size_t i = 0; i < requests.size(); ++i) {
      if (done[i]) continue;
      int flag = 0;
      ASSERT_EQ(net().Test(requests[i], &flag, nullptr), Result::kSuccess);
      done[i] = flag == 1;
    }
  }
  Wait(recvs);
  EXPECT_EQ(std::count(in.begin(), in.end(), 'x'),
            static_cast<ptrdiff_t>(in.size()));
  PollUntil("all sends done", [&] {
    for (size_t i = 0; i < requests.size(); ++i) {
      if (done[i]) continue;
      int flag = 0;
      EXPECT_EQ(net().Test(requests[i], &flag, nullptr), Result::kSuccess);
      done[i] = flag == 1;
    }
    return std::count(done.begin(), done.end(), false) == 0;
  });
}

TEST_P(Data, PresetAndStaleRequestsAreOverwritten) {
  for (uintptr_t preset : {abi::kOptionalRecvCompletion, uintptr_t{0xBAD0}}) {
    char in = 0;
    char out = 'z';
    void* data = &in;
    size_t size = 1;
    int tag = 0;
    void* mhandle = nullptr;
    void* recv = nullptr;
    PollUntil("irecv accepted", [&] {
      recv = reinterpret_cast<void*>(preset);
      EXPECT_EQ(net().Irecv(link_.recv, 1, &data, &size, &tag, &mhandle,
                            nullptr, &recv),
                Result::kSuccess);
      return recv != nullptr;
    });
    ASSERT_NE(recv, reinterpret_cast<void*>(preset));
    void* send = reinterpret_cast<void*>(preset);
    ASSERT_EQ(net().Isend(link_.send, &out, 1, 0, nullptr, nullptr, &send),
              Result::kSuccess);
    ASSERT_NE(send, reinterpret_cast<void*>(preset));
    ASSERT_NE(send, nullptr);
    // Sizes may be null.
    bool sent = false;
    bool received = false;
    PollUntil("both done", [&] {
      int done = 0;
      if (!sent) {
        EXPECT_EQ(net().Test(send, &done, nullptr), Result::kSuccess);
      }
      sent = sent || done == 1;
      done = 0;
      if (!received) {
        EXPECT_EQ(net().Test(recv, &done, nullptr), Result::kSuccess);
      }
      received = received || done == 1;
      return sent && received;
    });
    EXPECT_EQ(in, 'z');
  }
}

TEST_P(Data, FlushIsDoneOrCompletes) {
  std::vector<char> in(1000);
  void* mhandle = Register(link_.recv, in.data(), in.size());
  void* data = in.data();
  int size = 1000;
  void* request = Poison();
  ASSERT_EQ(net().Iflush(link_.recv, 1, &data, &size, &mhandle, &request),
            Result::kSuccess);
  ASSERT_NE(request, Poison());
  if (request != nullptr) {
    PollUntil("flush done", [&] {
      int done = 0;
      EXPECT_EQ(net().Test(request, &done, nullptr), Result::kSuccess);
      return done == 1;
    });
  }
  Deregister(link_.recv, mhandle);
}

// What NCCL does for a long transfer: 8 steps deep, each slot used again.
TEST_P(Data, PipelinesLikeTheProxy) {
  constexpr int kSteps = 8;
  constexpr int kMessages = 200;
  constexpr size_t kSlot = 128 << 10;
  const uint32_t seed = 777 + GetParam();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::vector<size_t> sizes(kMessages);
  for (size_t& size : sizes)
    size = random() % 4 == 0 ? random() % 200 : random() % (kSlot + 1);
  std::vector<char> send_slots(kSteps * kSlot);
  std::vector<char> recv_slots(kSteps * kSlot);
  void* send_mr = Register(link_.send, send_slots.data(), send_slots.size());
  void* recv_mr = Register(link_.recv, recv_slots.data(), recv_slots.size());
  std::vector<Transfer*> sends(kMessages);
  std::vector<Transfer*> recvs(kMessages);
  int posted = 0;
  int sent = 0;
  int received = 0;
  PollUntil("all messages", [&] {
    if (posted < kMessages && posted - received < kSteps) {
      char* slot = &recv_slots[posted % kSteps * kSlot];
      std::memset(slot, 0x5A, kSlot);
      recvs[posted] = Recv(link_.recv, slot, kSlot, 3, recv_mr);
      if (recvs[posted] == nullptr) return true;
      ++posted;
    }
    const int oldest = sent - kSteps;
    if (sent < kMessages && (oldest < 0 || sends[oldest]->done)) {
      char* slot = &send_slots[sent % kSteps * kSlot];
      const std::vector<char> bytes = Pattern(sizes[sent], sent);
      std::copy(bytes.begin(), bytes.end(), slot);
      sends[sent] = Send(link_.send, slot, sizes[sent], 3, send_mr);
      if (sends[sent] == nullptr) return true;
      ++sent;
    }
    PollTransfers();
    while (received < posted && recvs[received]->done) {
      const char* slot = &recv_slots[received % kSteps * kSlot];
      EXPECT_EQ(recvs[received]->sizes[0], static_cast<int>(sizes[received]));
      const std::vector<char> bytes = Pattern(sizes[received], received);
      EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), slot)) << received;
      ++received;
    }
    return received == kMessages || HasFailure();
  });
  Wait(sends);
  Deregister(link_.send, send_mr);
  Deregister(link_.recv, recv_mr);
}

TEST_P(Data, ManyLinksAtOnce) {
  constexpr int kLinks = 6;
  std::vector<Link> links;
  for (int i = 0; i < kLinks; ++i) links.push_back(Connect());
  std::vector<std::vector<char>> out;
  std::vector<std::vector<char>> in;
  for (int i = 0; i < kLinks; ++i) {
    out.push_back(Pattern(300'000 + i, i));
    in.emplace_back(300'000 + i);
  }
  std::vector<Transfer*> all;
  for (int i = 0; i < kLinks; ++i) {
    all.push_back(Recv(links[i].recv, in[i].data(), in[i].size(), i, nullptr));
    all.push_back(
        Send(links[i].send, out[i].data(), out[i].size(), i, nullptr));
  }
  Wait(all);
  for (int i = 0; i < kLinks; ++i) EXPECT_EQ(in[i], out[i]) << i;
}

TEST_P(Data, FromOneContextToAnother) {
  if (!net().has_contexts()) return;
  void* sender = nullptr;
  ASSERT_EQ(net().Init(&sender, 77, nullptr, KeepLog, nullptr),
            Result::kSuccess);
  char handle[abi::kHandleBytes] = {};
  void* listener = Listen(0, handle);
  ASSERT_NE(listener, nullptr);
  Link link;
  PollUntil("connected", [&] {
    if (link.send == nullptr) {
      EXPECT_EQ(net().Connect(sender, 0, handle, &link.send, nullptr),
                Result::kSuccess);
    }
    if (link.recv == nullptr) {
      EXPECT_EQ(net().Accept(listener, &link.recv, nullptr), Result::kSuccess);
    }
    return link.send != nullptr && link.recv != nullptr;
  });
  for (size_t bytes : {0, 1, 5000, 1 << 20}) ExpectDelivers(link, bytes, 5);
  AbandonTransfers();
  EXPECT_EQ(net().CloseSend(link.send), Result::kSuccess);
  EXPECT_EQ(net().CloseRecv(link.recv), Result::kSuccess);
  EXPECT_EQ(net().Finalize(sender), Result::kSuccess);
}

TEST_P(Data, RegistrationsOfNothingAreAnswered) {
  char byte = 0;
  for (void* data : {static_cast<void*>(nullptr), static_cast<void*>(&byte)}) {
    void* mhandle = Poison();
    const Result result =
        net().RegMr(link_.recv, data, 0, abi::kPtrHost, &mhandle);
    EXPECT_NE(mhandle, Poison());
    if (result == Result::kSuccess) {
      Deregister(link_.recv, mhandle);
    } else {
      EXPECT_TRUE(IsError(result));
      EXPECT_EQ(mhandle, nullptr);
    }
  }
  ExpectDelivers(link_, 1000, 8);
}

TEST_P(Data, GpuMemoryIsRefusedWhereItIsNotOffered) {
  abi::NetPropertiesV12 props{};
  ASSERT_EQ(net().GetProperties(0, &props), Result::kSuccess);
  if ((props.ptrSupport & abi::kPtrCuda) != 0)
    GTEST_SKIP() << "the device takes GPU memory";
  char byte = 0;
  void* mhandle = Poison();
  EXPECT_TRUE(
      IsError(net().RegMr(link_.recv, &byte, 1, abi::kPtrCuda, &mhandle)));
  EXPECT_EQ(mhandle, nullptr);
}

}  // namespace
}  // namespace ithaca::conformance
