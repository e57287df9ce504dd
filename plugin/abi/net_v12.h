// Net plugin ABI v12 (NCCL 2.30 and newer): the canonical one.
//
// Older versions are declared by their differences from the next newer one; the
// rules written at the slots here hold for all of them. plugin/net implements
// this table, plugin/driver calls it.
//
// Threads: one context is used by up to four threads at once (init, proxy
// service, proxy progress, bootstrap). A communicator object is made by one
// thread, used by a second and closed by the first. No call may block.
// Every output pointer is written on every path, failures included: NCCL reads
// slots that it did not clear.
#ifndef ITHACA_PLUGIN_ABI_NET_V12_H_
#define ITHACA_PLUGIN_ABI_NET_V12_H_

#include "plugin/abi/common.h"

namespace ithaca::abi {

inline constexpr int kMaxDevsPerNicV12 = 8;

// Which physical devices a virtual one is made of.
struct NetVDevicePropsV12 {
  int ndevs;
  int devs[kMaxDevsPerNicV12];
};
ITHACA_ABI_SIZE(NetVDevicePropsV12, 36);
ITHACA_ABI_AT(NetVDevicePropsV12, ndevs, 0);
ITHACA_ABI_AT(NetVDevicePropsV12, devs, 4);

struct NetCommConfigV12 {
  int trafficClass;  // The user's; kUndefined when not set.
};
ITHACA_ABI_SIZE(NetCommConfigV12, 4);
ITHACA_ABI_AT(NetCommConfigV12, trafficClass, 0);

struct NetPropertiesV12 {
  const char* name;     // Unique among the devices; valid for the process.
  const char* pciPath;  // Folder below /sys, or null; valid for the process.
  uint64_t guid;        // One per card; 0 or a duplicate means the same card.
  int ptrSupport;       // kPtrHost | kPtrCuda | kPtrDmaBuf.
  int regIsGlobal;      // 1: a registration serves every communicator.
  int forceFlush;       // 1: flush after each receive into GPU memory.
  int speed;            // Mbit/s.
  int port;             // Port of the card.
  float latency;        // Microseconds; NCCL drops the fraction.
  int maxComms;         // Communicator objects that can exist at once.
  int maxRecvs;         // Buffers that one irecv takes.
  NetDeviceType netDeviceType;
  int netDeviceVersion;
  NetVDevicePropsV12 vProps;
  size_t maxP2pBytes;       // In (0, kMaxNetBytes].
  size_t maxCollBytes;      // In (0, kMaxNetBytes].
  int maxMultiRequestSize;  // 1: no multi-requests.
  int16_t railId;           // kUndefined when unknown.
  int16_t planeId;          // kUndefined when unknown.
};
ITHACA_ABI_SIZE(NetPropertiesV12, 128);
ITHACA_ABI_AT(NetPropertiesV12, name, 0);
ITHACA_ABI_AT(NetPropertiesV12, pciPath, 8);
ITHACA_ABI_AT(NetPropertiesV12, guid, 16);
ITHACA_ABI_AT(NetPropertiesV12, ptrSupport, 24);
ITHACA_ABI_AT(NetPropertiesV12, regIsGlobal, 28);
ITHACA_ABI_AT(NetPropertiesV12, forceFlush, 32);
ITHACA_ABI_AT(NetPropertiesV12, speed, 36);
ITHACA_ABI_AT(NetPropertiesV12, port, 40);
ITHACA_ABI_AT(NetPropertiesV12, latency, 44);
ITHACA_ABI_AT(NetPropertiesV12, maxComms, 48);
ITHACA_ABI_AT(NetPropertiesV12, maxRecvs, 52);
ITHACA_ABI_AT(NetPropertiesV12, netDeviceType, 56);
ITHACA_ABI_AT(NetPropertiesV12, netDeviceVersion, 60);
ITHACA_ABI_AT(NetPropertiesV12, vProps, 64);
ITHACA_ABI_AT(NetPropertiesV12, maxP2pBytes, 104);
ITHACA_ABI_AT(NetPropertiesV12, maxCollBytes, 112);
ITHACA_ABI_AT(NetPropertiesV12, maxMultiRequestSize, 120);
ITHACA_ABI_AT(NetPropertiesV12, railId, 124);
ITHACA_ABI_AT(NetPropertiesV12, planeId, 126);

// What NCCL expects of the coming transfers; kUndefined where it does not know.
struct NetCommAttrV12 {
  int32_t maxConcurrentPeers;
  int32_t minConcurrentPeers;
  int32_t maxFlowsPerPeer;
  int32_t minFlowsPerPeer;
};
ITHACA_ABI_SIZE(NetCommAttrV12, 16);
ITHACA_ABI_AT(NetCommAttrV12, maxConcurrentPeers, 0);
ITHACA_ABI_AT(NetCommAttrV12, minConcurrentPeers, 4);
ITHACA_ABI_AT(NetCommAttrV12, maxFlowsPerPeer, 8);
ITHACA_ABI_AT(NetCommAttrV12, minFlowsPerPeer, 12);

// Advice, given per context and only when it changes.
struct NetAttrV12 {
  NetCommAttrV12 sendCommAttr;
  NetCommAttrV12 recvCommAttr;
  uint32_t op;     // OpBit()s; all ones when not known.
  uint32_t algo;   // Bits of Algorithm.
  uint32_t proto;  // Bits of Protocol.
};
ITHACA_ABI_SIZE(NetAttrV12, 44);
ITHACA_ABI_AT(NetAttrV12, sendCommAttr, 0);
ITHACA_ABI_AT(NetAttrV12, recvCommAttr, 16);
ITHACA_ABI_AT(NetAttrV12, op, 32);
ITHACA_ABI_AT(NetAttrV12, algo, 36);
ITHACA_ABI_AT(NetAttrV12, proto, 40);

struct NetV12 {
  const char* name;  // What NCCL_NET compares with, ignoring case.
  // Once per communicator. `config` and `profiler` may be null. On failure
  // NCCL 2.28 still calls finalize with the *ctx that was written.
  Result (*init)(void** ctx, uint64_t commId, NetCommConfigV12* config,
                 Logger logger, ProfilerCallback profiler);
  Result (*devices)(int* ndev);
  Result (*getProperties)(int dev, NetPropertiesV12* props);
  // `handle` is kHandleBytes long; *listenComm is never null on success.
  Result (*listen)(void* ctx, int dev, void* handle, void** listenComm);
  // Polled: success with *sendComm null means "call again", with the same
  // buffer `handle`, whose contents the plugin may change in between.
  // sendDevComm may be null.
  Result (*connect)(void* ctx, int dev, void* handle, void** sendComm,
                    NetDeviceHandle** sendDevComm);
  // Polled in the same way.
  Result (*accept)(void* listenComm, void** recvComm,
                   NetDeviceHandle** recvDevComm);
  // `comm` is a send or receive communicator; `type` is a kPtr* value. May run
  // while transfers are in flight.
  Result (*regMr)(void* comm, void* data, size_t size, int type,
                  void** mhandle);
  Result (*regMrDmaBuf)(void* comm, void* data, size_t size, int type,
                        uint64_t offset, int fd, void** mhandle);
  Result (*deregMr)(void* comm, void* mhandle);
  // *request null: cannot now, call again. `phandle` may be null.
  Result (*isend)(void* sendComm, void* data, size_t size, int tag,
                  void* mhandle, void* phandle, void** request);
  // n <= maxRecvs buffers under one request. *request comes in stale, or as
  // kOptionalRecvCompletion. `phandles` may be null.
  Result (*irecv)(void* recvComm, int n, void** data, size_t* sizes, int* tags,
                  void** mhandles, void** phandles, void** request);
  // Makes received bytes visible to the GPU; *request null: already done.
  Result (*iflush)(void* recvComm, int n, void** data, int* sizes,
                   void** mhandles, void** request);
  // `sizes` may be null; else one entry per buffer, the bytes that arrived.
  // A request is not tested again after *done = 1.
  Result (*test)(void* request, int* done, int* sizes);
  // May come with requests in flight; none of them waits for the peer.
  Result (*closeSend)(void* sendComm);
  Result (*closeRecv)(void* recvComm);
  Result (*closeListen)(void* listenComm);
  // The next three may be null; the first two serve device offload alone.
  Result (*getDeviceMr)(void* comm, void* mhandle, void** dptrMhandle);
  Result (*irecvConsumed)(void* recvComm, int n, void* request);
  Result (*makeVDevice)(int* dev, NetVDevicePropsV12* props);
  // Once per successful init, and with null after a failed one.
  Result (*finalize)(void* ctx);
  // May be null.
  Result (*setNetAttr)(void* ctx, NetAttrV12* attr);
};
ITHACA_ABI_SIZE(NetV12, 176);
ITHACA_ABI_AT(NetV12, name, 0);
ITHACA_ABI_AT(NetV12, init, 8);
ITHACA_ABI_AT(NetV12, devices, 16);
ITHACA_ABI_AT(NetV12, getProperties, 24);
ITHACA_ABI_AT(NetV12, listen, 32);
ITHACA_ABI_AT(NetV12, connect, 40);
ITHACA_ABI_AT(NetV12, accept, 48);
ITHACA_ABI_AT(NetV12, regMr, 56);
ITHACA_ABI_AT(NetV12, regMrDmaBuf, 64);
ITHACA_ABI_AT(NetV12, deregMr, 72);
ITHACA_ABI_AT(NetV12, isend, 80);
ITHACA_ABI_AT(NetV12, irecv, 88);
ITHACA_ABI_AT(NetV12, iflush, 96);
ITHACA_ABI_AT(NetV12, test, 104);
ITHACA_ABI_AT(NetV12, closeSend, 112);
ITHACA_ABI_AT(NetV12, closeRecv, 120);
ITHACA_ABI_AT(NetV12, closeListen, 128);
ITHACA_ABI_AT(NetV12, getDeviceMr, 136);
ITHACA_ABI_AT(NetV12, irecvConsumed, 144);
ITHACA_ABI_AT(NetV12, makeVDevice, 152);
ITHACA_ABI_AT(NetV12, finalize, 160);
ITHACA_ABI_AT(NetV12, setNetAttr, 168);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_NET_V12_H_
