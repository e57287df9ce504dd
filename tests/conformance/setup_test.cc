// init, devices, properties, connections: what happens before data moves.
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include "tests/conformance/fixture.h"

namespace ithaca::conformance {
namespace {

using abi::Result;

class Setup : public Conformance {};
INSTANTIATE_TEST_SUITE_P(Net, Setup, ::testing::ValuesIn(NetVersions()),
                         ::testing::PrintToStringParamName());

TEST_P(Setup, InitTakesNulls) {
  void* ctx = Poison();
  ASSERT_EQ(net().Init(&ctx, 1, /*config=*/nullptr, /*logger=*/nullptr,
                       /*profiler=*/nullptr),
            Result::kSuccess);
  if (!net().has_contexts()) return;
  EXPECT_NE(ctx, Poison());
  EXPECT_EQ(net().Finalize(ctx), Result::kSuccess);
}

TEST_P(Setup, FinalizeTakesTheNullThatAFailedInitLeaves) {
  EXPECT_EQ(net().Finalize(nullptr), Result::kSuccess);
}

TEST_P(Setup, ContextsComeAndGoIndependently) {
  void* other = nullptr;
  ASSERT_EQ(net().Init(&other, 2, nullptr, KeepLog, nullptr), Result::kSuccess);
  const Link before = Connect();
  if (net().has_contexts()) {
    EXPECT_NE(other, ctx());
    ASSERT_EQ(net().Finalize(other), Result::kSuccess);
  }
  ExpectDelivers(before, 100'000, 1);
  ExpectDelivers(Connect(), 100'000, 2);
}

TEST_P(Setup, DevicesHaveTheirProperties) {
  int ndev = 0;
  ASSERT_EQ(net().Devices(&ndev), Result::kSuccess);
  std::set<std::string> names;
  for (int dev = 0; dev < ndev; ++dev) {
    SCOPED_TRACE(dev);
    abi::NetPropertiesV12 props;
    std::memset(&props, 0xA5, sizeof(props));
    ASSERT_EQ(net().GetProperties(dev, &props), Result::kSuccess);
    ASSERT_NE(props.name, nullptr);
    EXPECT_NE(std::string(props.name), "");
    EXPECT_TRUE(names.insert(props.name).second) << props.name;
    EXPECT_NE(props.guid, 0U);
    EXPECT_TRUE(props.ptrSupport & abi::kPtrHost);
    EXPECT_GT(props.speed, 0);
    EXPECT_GE(props.maxComms, 1024);
    EXPECT_GE(props.maxRecvs, 1);
    EXPECT_LE(props.maxRecvs, 8);
    EXPECT_GE(props.latency, 0);
    if (net().version() >= 7) {
      EXPECT_EQ(props.netDeviceType, abi::NetDeviceType::kHost);
      EXPECT_EQ(props.netDeviceVersion, abi::kNetDeviceInvalidVersion);
    }
    if (net().version() >= 8) {
      EXPECT_TRUE(props.regIsGlobal == 0 || props.regIsGlobal == 1);
    }
    if (net().version() >= 9) {
      EXPECT_GE(props.vProps.ndevs, 1);
      EXPECT_EQ(props.vProps.devs[0], dev);
      EXPECT_GE(props.maxP2pBytes, abi::kMaxNetBytesBeforeV9);
      EXPECT_LE(props.maxP2pBytes, abi::kMaxNetBytes);
      EXPECT_GT(props.maxCollBytes, 0U);
      EXPECT_LE(props.maxCollBytes, abi::kMaxNetBytes);
    }
    if (net().version() >= 11) {
      EXPECT_EQ(props.maxMultiRequestSize, 1);
    }
  }
}

TEST_P(Setup, PropertiesPointAtWhatStays) {
  abi::NetPropertiesV12 first{};
  ASSERT_EQ(net().GetProperties(0, &first), Result::kSuccess);
  const std::string name = first.name;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, &first] {
      for (int call = 0; call < 200; ++call) {
        abi::NetPropertiesV12 props{};
        ASSERT_EQ(net().GetProperties(0, &props), Result::kSuccess);
        ASSERT_EQ(props.name, first.name);
        ASSERT_EQ(props.pciPath, first.pciPath);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(name, first.name);
}

TEST_P(Setup, UnknownDeviceIsAnErrorThatWritesItsOutputs) {
  int ndev = 0;
  ASSERT_EQ(net().Devices(&ndev), Result::kSuccess);
  char handle[abi::kHandleBytes] = {};
  ASSERT_NE(Listen(0, handle), nullptr);
  for (int dev : {-1, ndev, 1 << 30}) {
    SCOPED_TRACE(dev);
    abi::NetPropertiesV12 props{};
    EXPECT_TRUE(IsError(net().GetProperties(dev, &props)));
    void* comm = Poison();
    char unused[abi::kHandleBytes] = {};
    EXPECT_TRUE(IsError(net().Listen(ctx(), dev, unused, &comm)));
    EXPECT_EQ(comm, nullptr);
    comm = Poison();
    char copy[abi::kHandleBytes];
    std::memcpy(copy, handle, sizeof(copy));
    EXPECT_TRUE(IsError(net().Connect(ctx(), dev, copy, &comm, nullptr)));
    EXPECT_EQ(comm, nullptr);
  }
}

TEST_P(Setup, ConnectsToItselfOnEveryDevice) {
  int ndev = 0;
  ASSERT_EQ(net().Devices(&ndev), Result::kSuccess);
  for (int dev = 0; dev < ndev; ++dev) ExpectDelivers(Connect(dev), 5000, dev);
}

TEST_P(Setup, AcceptWithoutAConnectorSaysNotYet) {
  char handle[abi::kHandleBytes] = {};
  void* listener = Listen(0, handle);
  ASSERT_NE(listener, nullptr);
  for (int i = 0; i < 100; ++i) {
    void* comm = Poison();
    ASSERT_EQ(net().Accept(listener, &comm, nullptr), Result::kSuccess);
    ASSERT_EQ(comm, nullptr);
  }
}

TEST_P(Setup, OffersNoDeviceHandles) {
  if (net().version() < 7) return;
  char handle[abi::kHandleBytes] = {};
  void* listener = Listen(0, handle);
  void* send = nullptr;
  void* recv = nullptr;
  abi::NetDeviceHandle* send_device = nullptr;
  abi::NetDeviceHandle* recv_device = nullptr;
  ASSERT_TRUE(PollUntil("connected", [&] {
    if (send == nullptr) {
      EXPECT_EQ(net().Connect(ctx(), 0, handle, &send, &send_device),
                Result::kSuccess);
    }
    if (recv == nullptr) {
      EXPECT_EQ(net().Accept(listener, &recv, &recv_device), Result::kSuccess);
    }
    return send != nullptr && recv != nullptr;
  }));
  EXPECT_EQ(send_device, nullptr);
  EXPECT_EQ(recv_device, nullptr);
  CloseSend(send);
  CloseRecv(recv);
}

TEST_P(Setup, OneHandleServesManyConnections) {
  char handle[abi::kHandleBytes] = {};
  void* listener = Listen(0, handle);
  ASSERT_NE(listener, nullptr);
  std::vector<Link> links;
  for (int i = 0; i < 5; ++i) links.push_back(ConnectTo(listener, handle));
  // In another order than they were made, so that mixed-up ends show.
  for (int i : {3, 0, 4, 1, 2}) ExpectDelivers(links[i], 70'000, i);
}

TEST_P(Setup, ConcurrentConnectsThroughOneHandle) {
  constexpr int kConnections = 8;
  char handle[abi::kHandleBytes] = {};
  void* listener = Listen(0, handle);
  ASSERT_NE(listener, nullptr);
  char handles[kConnections][abi::kHandleBytes];
  for (auto& copy : handles) std::memcpy(copy, handle, sizeof(copy));
  std::vector<void*> sends(kConnections, nullptr);
  std::vector<void*> recvs;
  ASSERT_TRUE(PollUntil("all connected", [&] {
    bool all = true;
    for (int i = 0; i < kConnections; ++i) {
      if (sends[i] != nullptr) continue;
      EXPECT_EQ(net().Connect(ctx(), 0, handles[i], &sends[i], nullptr),
                Result::kSuccess);
      all = all && sends[i] != nullptr;
    }
    void* recv = nullptr;
    EXPECT_EQ(net().Accept(listener, &recv, nullptr), Result::kSuccess);
    if (recv != nullptr) recvs.push_back(recv);
    return all && recvs.size() == kConnections;
  }));
  const std::set<void*> distinct_sends(sends.begin(), sends.end());
  const std::set<void*> distinct_recvs(recvs.begin(), recvs.end());
  EXPECT_EQ(distinct_sends.size(), size_t{kConnections});
  EXPECT_EQ(distinct_recvs.size(), size_t{kConnections});
  // Which accept belongs to which connect is told by a byte.
  std::set<int> seen;
  std::vector<char> out(kConnections);
  std::vector<char> in(kConnections, -1);
  std::vector<Transfer*> all;
  for (int i = 0; i < kConnections; ++i) {
    out[i] = static_cast<char>(i);
    all.push_back(Recv(recvs[i], &in[i], 1, 0, nullptr));
    all.push_back(Send(sends[i], &out[i], 1, 0, nullptr));
  }
  Wait(all);
  for (char byte : in) seen.insert(byte);
  EXPECT_EQ(seen.size(), size_t{kConnections});
  AbandonTransfers();
  for (void* comm : sends) CloseSend(comm);
  for (void* comm : recvs) CloseRecv(comm);
}

TEST_P(Setup, ListenerMayGoOnceConnected) {
  char handle[abi::kHandleBytes] = {};
  void* listener = nullptr;
  ASSERT_EQ(net().Listen(ctx(), 0, handle, &listener), Result::kSuccess);
  const Link link = ConnectTo(listener, handle);
  ASSERT_EQ(net().CloseListen(listener), Result::kSuccess);
  ExpectDelivers(link, 300'000, 9);
}

TEST_P(Setup, NetAttributesAreAdvice) {
  if (!net().has_contexts()) return;
  abi::NetAttrV12 attr{};
  attr.op = abi::OpBit(abi::Func::kAlltoAll);
  attr.sendCommAttr = {7, 7, 2, 2};
  attr.recvCommAttr = {7, 7, 2, 2};
  EXPECT_EQ(net().SetNetAttr(ctx(), &attr), Result::kSuccess);
  std::memset(&attr, 0xFF, sizeof(attr));  // NCCL's "not set".
  EXPECT_EQ(net().SetNetAttr(ctx(), &attr), Result::kSuccess);
  std::memset(&attr, 0x7F, sizeof(attr));
  EXPECT_EQ(net().SetNetAttr(ctx(), &attr), Result::kSuccess);
  ExpectDelivers(Connect(), 300'000, 10);
}

}  // namespace
}  // namespace ithaca::conformance
