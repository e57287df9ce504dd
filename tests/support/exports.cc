// The test plugin's tables for v8 to v12, all over the functions of test_net.h.
#include "plugin/abi/net_v10.h"
#include "plugin/abi/net_v11.h"
#include "plugin/abi/net_v12.h"
#include "plugin/abi/net_v8.h"
#include "plugin/abi/net_v9.h"
#include "tests/support/test_net.h"

namespace ithaca::testing {
namespace {

using abi::Logger;
using abi::NetDeviceHandle;
using abi::ProfilerCallback;
using abi::Result;

constexpr char kName[] = "test";

// v11 and v12.
Result InitContext(void** ctx, uint64_t, abi::NetCommConfigV12*, Logger logger,
                   ProfilerCallback) {
  return TestNetInit(ctx, logger);
}
Result ListenContext(void*, int dev, void* handle, void** comm) {
  return TestNetListen(dev, handle, comm);
}
Result ConnectContext(void*, int dev, void* handle, void** comm,
                      NetDeviceHandle**) {
  return TestNetConnect(dev, handle, comm);
}
Result Finalize(void*) { return Result::kSuccess; }
Result SetNetAttr(void*, abi::NetAttrV12*) { return Result::kSuccess; }

// v8 to v10.
Result InitLogger(Logger logger) {
  void* ctx;
  return TestNetInit(&ctx, logger);
}
Result InitProfiler(Logger logger, ProfilerCallback) {
  return InitLogger(logger);
}
Result ConnectPlain(int dev, void* handle, void** comm, NetDeviceHandle**) {
  return TestNetConnect(dev, handle, comm);
}
Result ConnectConfig(int dev, abi::NetCommConfigV10*, void* handle, void** comm,
                     NetDeviceHandle**) {
  return TestNetConnect(dev, handle, comm);
}

// All.
Result Accept(void* listen_comm, void** comm, NetDeviceHandle**) {
  return TestNetAccept(listen_comm, comm);
}
Result RegMrDmaBuf(void*, void*, size_t, int, uint64_t, int, void** mhandle) {
  *mhandle = nullptr;
  return Result::kInvalidUsage;
}
Result Iflush(void*, int, void**, int*, void**, void** request) {
  *request = nullptr;
  return Result::kSuccess;
}

// Data path with and without profiler handles, with size_t and int.
Result IsendV10(void* comm, void* data, size_t bytes, int tag, void* mhandle,
                void*, void** request) {
  return TestNetIsend(comm, data, bytes, tag, mhandle, request);
}
Result IrecvV10(void* comm, int n, void** data, size_t* bytes, int* tags,
                void** mhandles, void**, void** request) {
  return TestNetIrecv(comm, n, data, bytes, tags, mhandles, request);
}
Result IsendV8(void* comm, void* data, int bytes, int tag, void* mhandle,
               void** request) {
  return TestNetIsend(comm, data, bytes, tag, mhandle, request);
}
Result IrecvV8(void* comm, int n, void** data, int* bytes, int* tags,
               void** mhandles, void** request) {
  size_t wide = n == 1 ? bytes[0] : 0;
  return TestNetIrecv(comm, n, data, &wide, tags, mhandles, request);
}

template <typename Old>
Result Properties(int dev, Old* old) {
  abi::NetPropertiesV12 props;
  const Result result = TestNetProperties(dev, &props);
  *old = {};
  old->name = props.name;
  old->guid = props.guid;
  old->ptrSupport = props.ptrSupport;
  old->speed = props.speed;
  old->maxComms = props.maxComms;
  old->maxRecvs = props.maxRecvs;
  return result;
}
template <typename Old>
Result PropertiesWithLimits(int dev, Old* old) {
  const Result result = Properties(dev, old);
  abi::NetPropertiesV12 props;
  (void)TestNetProperties(dev, &props);
  old->vProps.ndevs = 1;
  old->maxP2pBytes = props.maxP2pBytes;
  old->maxCollBytes = props.maxCollBytes;
  return result;
}
Result PropertiesV11(int dev, abi::NetPropertiesV11* old) {
  const Result result = PropertiesWithLimits(dev, old);
  old->maxMultiRequestSize = 1;
  return result;
}

}  // namespace
}  // namespace ithaca::testing

using namespace ithaca::testing;  // NOLINT: the symbols below are C's

extern "C" {
#define TEST_NET_EXPORT __attribute__((visibility("default")))

TEST_NET_EXPORT extern const ithaca::abi::NetV12 ncclNetPlugin_v12;
TEST_NET_EXPORT extern const ithaca::abi::NetV11 ncclNetPlugin_v11;
TEST_NET_EXPORT extern const ithaca::abi::NetV10 ncclNetPlugin_v10;
TEST_NET_EXPORT extern const ithaca::abi::NetV9 ncclNetPlugin_v9;
TEST_NET_EXPORT extern const ithaca::abi::NetV8 ncclNetPlugin_v8;

const ithaca::abi::NetV12 ncclNetPlugin_v12 = {kName,
                                               InitContext,
                                               TestNetDevices,
                                               TestNetProperties,
                                               ListenContext,
                                               ConnectContext,
                                               Accept,
                                               TestNetRegMr,
                                               RegMrDmaBuf,
                                               TestNetDeregMr,
                                               IsendV10,
                                               IrecvV10,
                                               Iflush,
                                               TestNetTest,
                                               TestNetCloseComm,
                                               TestNetCloseComm,
                                               TestNetCloseListen,
                                               nullptr,
                                               nullptr,
                                               nullptr,
                                               Finalize,
                                               SetNetAttr};

const ithaca::abi::NetV11 ncclNetPlugin_v11 = {kName,
                                               InitContext,
                                               TestNetDevices,
                                               PropertiesV11,
                                               ListenContext,
                                               ConnectContext,
                                               Accept,
                                               TestNetRegMr,
                                               RegMrDmaBuf,
                                               TestNetDeregMr,
                                               IsendV10,
                                               IrecvV10,
                                               Iflush,
                                               TestNetTest,
                                               TestNetCloseComm,
                                               TestNetCloseComm,
                                               TestNetCloseListen,
                                               nullptr,
                                               nullptr,
                                               nullptr,
                                               Finalize,
                                               SetNetAttr};

const ithaca::abi::NetV10 ncclNetPlugin_v10 = {
    kName,
    InitProfiler,
    TestNetDevices,
    PropertiesWithLimits<ithaca::abi::NetPropertiesV10>,
    TestNetListen,
    ConnectConfig,
    Accept,
    TestNetRegMr,
    RegMrDmaBuf,
    TestNetDeregMr,
    IsendV10,
    IrecvV10,
    Iflush,
    TestNetTest,
    TestNetCloseComm,
    TestNetCloseComm,
    TestNetCloseListen,
    nullptr,
    nullptr,
    nullptr};

const ithaca::abi::NetV9 ncclNetPlugin_v9 = {
    kName,
    InitLogger,
    TestNetDevices,
    PropertiesWithLimits<ithaca::abi::NetPropertiesV9>,
    TestNetListen,
    ConnectPlain,
    Accept,
    TestNetRegMr,
    RegMrDmaBuf,
    TestNetDeregMr,
    TestNetIsend,
    TestNetIrecv,
    Iflush,
    TestNetTest,
    TestNetCloseComm,
    TestNetCloseComm,
    TestNetCloseListen,
    nullptr,
    nullptr,
    nullptr};

const ithaca::abi::NetV8 ncclNetPlugin_v8 = {
    kName,
    InitLogger,
    TestNetDevices,
    Properties<ithaca::abi::NetPropertiesV8>,
    TestNetListen,
    ConnectPlain,
    Accept,
    TestNetRegMr,
    RegMrDmaBuf,
    TestNetDeregMr,
    IsendV8,
    IrecvV8,
    Iflush,
    TestNetTest,
    TestNetCloseComm,
    TestNetCloseComm,
    TestNetCloseListen,
    nullptr,
    nullptr};
}
