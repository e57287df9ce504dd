#include "plugin/net/narrow_fake.h"

namespace ithaca::net {

Fake* fake = nullptr;

namespace {

Result Note(const char* slot) {
  fake->last = slot;
  return fake->answer;
}

Result FakeInit(void** ctx, uint64_t comm_id, abi::NetCommConfigV12* config,
                abi::Logger logger, abi::ProfilerCallback profiler) {
  fake->inits++;
  fake->comm_id = comm_id;
  fake->config = config;
  fake->logger = logger;
  fake->profiler = profiler;
  *ctx = fake->answer == Result::kSuccess ? fake->made_ctx : nullptr;
  return Note("init");
}
Result FakeDevices(int* ndev) {
  *ndev = 3;
  return Note("devices");
}
Result FakeGetProperties(int dev, abi::NetPropertiesV12* props) {
  fake->dev = dev;
  if (fake->answer == Result::kSuccess) *props = fake->props;
  return Note("getProperties");
}
Result FakeListen(void* ctx, int dev, void*, void** listen_comm) {
  fake->ctx = ctx;
  fake->dev = dev;
  *listen_comm = Ptr<void>(0x11);
  return Note("listen");
}
Result FakeConnect(void* ctx, int dev, void*, void** send_comm,
                   abi::NetDeviceHandle** dev_comm) {
  fake->ctx = ctx;
  fake->dev = dev;
  fake->dev_comm = dev_comm;
  *send_comm = Ptr<void>(0x12);
  return Note("connect");
}
Result FakeAccept(void*, void** recv_comm, abi::NetDeviceHandle** dev_comm) {
  fake->dev_comm = dev_comm;
  *recv_comm = Ptr<void>(0x13);
  return Note("accept");
}
Result FakeRegMr(void*, void*, size_t size, int, void** mhandle) {
  fake->sizes = {size};
  *mhandle = Ptr<void>(0x14);
  return Note("regMr");
}
Result FakeRegMrDmaBuf(void*, void*, size_t, int, uint64_t, int,
                       void** mhandle) {
  *mhandle = nullptr;
  return Note("regMrDmaBuf");
}
Result FakeDeregMr(void*, void*) { return Note("deregMr"); }
Result FakeIsend(void*, void*, size_t size, int tag, void*, void* phandle,
                 void** request) {
  fake->sizes = {size};
  fake->tag = tag;
  fake->phandle = phandle;
  *request = Ptr<void>(0x15);
  return Note("isend");
}
Result FakeIrecv(void*, int n, void**, size_t* sizes, int* tags, void**,
                 void** phandles, void** request) {
  fake->sizes.assign(sizes, sizes + n);
  fake->tag = tags[0];
  fake->phandle = phandles;
  fake->request_in = *request;
  *request = Ptr<void>(0x16);
  return Note("irecv");
}
Result FakeIflush(void*, int, void**, int*, void**, void** request) {
  *request = nullptr;
  return Note("iflush");
}
Result FakeTest(void*, int* done, int*) {
  *done = 1;
  return Note("test");
}
Result FakeCloseSend(void*) { return Note("closeSend"); }
Result FakeCloseRecv(void*) { return Note("closeRecv"); }
Result FakeCloseListen(void*) { return Note("closeListen"); }
Result FakeFinalize(void*) {
  fake->finalizes++;
  return Note("finalize");
}
Result FakeSetNetAttr(void*, abi::NetAttrV12*) { return Note("setNetAttr"); }

}  // namespace

const abi::NetV12 kCanonical = {
    kPluginName,     FakeInit,       FakeDevices,   FakeGetProperties,
    FakeListen,      FakeConnect,    FakeAccept,    FakeRegMr,
    FakeRegMrDmaBuf, FakeDeregMr,    FakeIsend,     FakeIrecv,
    FakeIflush,      FakeTest,       FakeCloseSend, FakeCloseRecv,
    FakeCloseListen, nullptr,        nullptr,       nullptr,
    FakeFinalize,    FakeSetNetAttr,
};

}  // namespace ithaca::net
