// Net plugin ABI v11 (NCCL 2.28 and newer): v12 without rail and plane ids, and
// with at most four physical devices in a virtual one.
#ifndef ITHACA_PLUGIN_ABI_NET_V11_H_
#define ITHACA_PLUGIN_ABI_NET_V11_H_

#include "plugin/abi/net_v12.h"

namespace ithaca::abi {

inline constexpr int kMaxDevsPerNicV11 = 4;

struct NetVDevicePropsV11 {
  int ndevs;
  int devs[kMaxDevsPerNicV11];
};
ITHACA_ABI_SIZE(NetVDevicePropsV11, 20);
ITHACA_ABI_AT(NetVDevicePropsV11, ndevs, 0);
ITHACA_ABI_AT(NetVDevicePropsV11, devs, 4);

// Byte for byte those of v12.
using NetCommConfigV11 = NetCommConfigV12;
using NetCommAttrV11 = NetCommAttrV12;
using NetAttrV11 = NetAttrV12;
ITHACA_ABI_SIZE(NetCommConfigV11, 4);
ITHACA_ABI_AT(NetCommConfigV11, trafficClass, 0);
ITHACA_ABI_SIZE(NetCommAttrV11, 16);
ITHACA_ABI_AT(NetCommAttrV11, maxConcurrentPeers, 0);
ITHACA_ABI_AT(NetCommAttrV11, minConcurrentPeers, 4);
ITHACA_ABI_AT(NetCommAttrV11, maxFlowsPerPeer, 8);
ITHACA_ABI_AT(NetCommAttrV11, minFlowsPerPeer, 12);
ITHACA_ABI_SIZE(NetAttrV11, 44);
ITHACA_ABI_AT(NetAttrV11, sendCommAttr, 0);
ITHACA_ABI_AT(NetAttrV11, recvCommAttr, 16);
ITHACA_ABI_AT(NetAttrV11, op, 32);
ITHACA_ABI_AT(NetAttrV11, algo, 36);
ITHACA_ABI_AT(NetAttrV11, proto, 40);

struct NetPropertiesV11 {
  const char* name;
  const char* pciPath;
  uint64_t guid;
  int ptrSupport;
  int regIsGlobal;
  int forceFlush;
  int speed;
  int port;
  float latency;
  int maxComms;
  int maxRecvs;
  NetDeviceType netDeviceType;
  int netDeviceVersion;
  NetVDevicePropsV11 vProps;
  size_t maxP2pBytes;
  size_t maxCollBytes;
  int maxMultiRequestSize;
};
ITHACA_ABI_SIZE(NetPropertiesV11, 112);
ITHACA_ABI_AT(NetPropertiesV11, name, 0);
ITHACA_ABI_AT(NetPropertiesV11, pciPath, 8);
ITHACA_ABI_AT(NetPropertiesV11, guid, 16);
ITHACA_ABI_AT(NetPropertiesV11, ptrSupport, 24);
ITHACA_ABI_AT(NetPropertiesV11, regIsGlobal, 28);
ITHACA_ABI_AT(NetPropertiesV11, forceFlush, 32);
ITHACA_ABI_AT(NetPropertiesV11, speed, 36);
ITHACA_ABI_AT(NetPropertiesV11, port, 40);
ITHACA_ABI_AT(NetPropertiesV11, latency, 44);
ITHACA_ABI_AT(NetPropertiesV11, maxComms, 48);
ITHACA_ABI_AT(NetPropertiesV11, maxRecvs, 52);
ITHACA_ABI_AT(NetPropertiesV11, netDeviceType, 56);
ITHACA_ABI_AT(NetPropertiesV11, netDeviceVersion, 60);
ITHACA_ABI_AT(NetPropertiesV11, vProps, 64);
ITHACA_ABI_AT(NetPropertiesV11, maxP2pBytes, 88);
ITHACA_ABI_AT(NetPropertiesV11, maxCollBytes, 96);
ITHACA_ABI_AT(NetPropertiesV11, maxMultiRequestSize, 104);

struct NetV11 {
  const char* name;
  Result (*init)(void** ctx, uint64_t commId, NetCommConfigV11* config,
                 Logger logger, ProfilerCallback profiler);
  Result (*devices)(int* ndev);
  Result (*getProperties)(int dev, NetPropertiesV11* props);
  Result (*listen)(void* ctx, int dev, void* handle, void** listenComm);
  Result (*connect)(void* ctx, int dev, void* handle, void** sendComm,
                    NetDeviceHandle** sendDevComm);
  Result (*accept)(void* listenComm, void** recvComm,
                   NetDeviceHandle** recvDevComm);
  Result (*regMr)(void* comm, void* data, size_t size, int type,
                  void** mhandle);
  Result (*regMrDmaBuf)(void* comm, void* data, size_t size, int type,
                        uint64_t offset, int fd, void** mhandle);
  Result (*deregMr)(void* comm, void* mhandle);
  Result (*isend)(void* sendComm, void* data, size_t size, int tag,
                  void* mhandle, void* phandle, void** request);
  Result (*irecv)(void* recvComm, int n, void** data, size_t* sizes, int* tags,
                  void** mhandles, void** phandles, void** request);
  Result (*iflush)(void* recvComm, int n, void** data, int* sizes,
                   void** mhandles, void** request);
  Result (*test)(void* request, int* done, int* sizes);
  Result (*closeSend)(void* sendComm);
  Result (*closeRecv)(void* recvComm);
  Result (*closeListen)(void* listenComm);
  Result (*getDeviceMr)(void* comm, void* mhandle, void** dptrMhandle);
  Result (*irecvConsumed)(void* recvComm, int n, void* request);
  Result (*makeVDevice)(int* dev, NetVDevicePropsV11* props);
  Result (*finalize)(void* ctx);
  Result (*setNetAttr)(void* ctx, NetAttrV11* attr);
};
ITHACA_ABI_SIZE(NetV11, 176);
ITHACA_ABI_AT(NetV11, name, 0);
ITHACA_ABI_AT(NetV11, init, 8);
ITHACA_ABI_AT(NetV11, devices, 16);
ITHACA_ABI_AT(NetV11, getProperties, 24);
ITHACA_ABI_AT(NetV11, listen, 32);
ITHACA_ABI_AT(NetV11, connect, 40);
ITHACA_ABI_AT(NetV11, accept, 48);
ITHACA_ABI_AT(NetV11, regMr, 56);
ITHACA_ABI_AT(NetV11, regMrDmaBuf, 64);
ITHACA_ABI_AT(NetV11, deregMr, 72);
ITHACA_ABI_AT(NetV11, isend, 80);
ITHACA_ABI_AT(NetV11, irecv, 88);
ITHACA_ABI_AT(NetV11, iflush, 96);
ITHACA_ABI_AT(NetV11, test, 104);
ITHACA_ABI_AT(NetV11, closeSend, 112);
ITHACA_ABI_AT(NetV11, closeRecv, 120);
ITHACA_ABI_AT(NetV11, closeListen, 128);
ITHACA_ABI_AT(NetV11, getDeviceMr, 136);
ITHACA_ABI_AT(NetV11, irecvConsumed, 144);
ITHACA_ABI_AT(NetV11, makeVDevice, 152);
ITHACA_ABI_AT(NetV11, finalize, 160);
ITHACA_ABI_AT(NetV11, setNetAttr, 168);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_NET_V11_H_
