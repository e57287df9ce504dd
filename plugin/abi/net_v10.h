// Net plugin ABI v10 (NCCL 2.26 and newer): v11 without contexts. init comes
// once per process, connect brings the communicator's configuration, and there
// is neither finalize nor setNetAttr.
#ifndef ITHACA_PLUGIN_ABI_NET_V10_H_
#define ITHACA_PLUGIN_ABI_NET_V10_H_

#include "plugin/abi/net_v11.h"

namespace ithaca::abi {

// Byte for byte those of v11.
using NetVDevicePropsV10 = NetVDevicePropsV11;
using NetCommConfigV10 = NetCommConfigV11;
ITHACA_ABI_SIZE(NetVDevicePropsV10, 20);
ITHACA_ABI_AT(NetVDevicePropsV10, ndevs, 0);
ITHACA_ABI_AT(NetVDevicePropsV10, devs, 4);
ITHACA_ABI_SIZE(NetCommConfigV10, 4);
ITHACA_ABI_AT(NetCommConfigV10, trafficClass, 0);

struct NetPropertiesV10 {
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
  NetVDevicePropsV10 vProps;
  size_t maxP2pBytes;
  size_t maxCollBytes;
};
ITHACA_ABI_SIZE(NetPropertiesV10, 104);
ITHACA_ABI_AT(NetPropertiesV10, name, 0);
ITHACA_ABI_AT(NetPropertiesV10, pciPath, 8);
ITHACA_ABI_AT(NetPropertiesV10, guid, 16);
ITHACA_ABI_AT(NetPropertiesV10, ptrSupport, 24);
ITHACA_ABI_AT(NetPropertiesV10, regIsGlobal, 28);
ITHACA_ABI_AT(NetPropertiesV10, forceFlush, 32);
ITHACA_ABI_AT(NetPropertiesV10, speed, 36);
ITHACA_ABI_AT(NetPropertiesV10, port, 40);
ITHACA_ABI_AT(NetPropertiesV10, latency, 44);
ITHACA_ABI_AT(NetPropertiesV10, maxComms, 48);
ITHACA_ABI_AT(NetPropertiesV10, maxRecvs, 52);
ITHACA_ABI_AT(NetPropertiesV10, netDeviceType, 56);
ITHACA_ABI_AT(NetPropertiesV10, netDeviceVersion, 60);
ITHACA_ABI_AT(NetPropertiesV10, vProps, 64);
ITHACA_ABI_AT(NetPropertiesV10, maxP2pBytes, 88);
ITHACA_ABI_AT(NetPropertiesV10, maxCollBytes, 96);

struct NetV10 {
  const char* name;
  Result (*init)(Logger logger, ProfilerCallback profiler);
  Result (*devices)(int* ndev);
  Result (*getProperties)(int dev, NetPropertiesV10* props);
  Result (*listen)(int dev, void* handle, void** listenComm);
  // `config` may be null.
  Result (*connect)(int dev, NetCommConfigV10* config, void* handle,
                    void** sendComm, NetDeviceHandle** sendDevComm);
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
  Result (*makeVDevice)(int* dev, NetVDevicePropsV10* props);
};
ITHACA_ABI_SIZE(NetV10, 160);
ITHACA_ABI_AT(NetV10, name, 0);
ITHACA_ABI_AT(NetV10, init, 8);
ITHACA_ABI_AT(NetV10, devices, 16);
ITHACA_ABI_AT(NetV10, getProperties, 24);
ITHACA_ABI_AT(NetV10, listen, 32);
ITHACA_ABI_AT(NetV10, connect, 40);
ITHACA_ABI_AT(NetV10, accept, 48);
ITHACA_ABI_AT(NetV10, regMr, 56);
ITHACA_ABI_AT(NetV10, regMrDmaBuf, 64);
ITHACA_ABI_AT(NetV10, deregMr, 72);
ITHACA_ABI_AT(NetV10, isend, 80);
ITHACA_ABI_AT(NetV10, irecv, 88);
ITHACA_ABI_AT(NetV10, iflush, 96);
ITHACA_ABI_AT(NetV10, test, 104);
ITHACA_ABI_AT(NetV10, closeSend, 112);
ITHACA_ABI_AT(NetV10, closeRecv, 120);
ITHACA_ABI_AT(NetV10, closeListen, 128);
ITHACA_ABI_AT(NetV10, getDeviceMr, 136);
ITHACA_ABI_AT(NetV10, irecvConsumed, 144);
ITHACA_ABI_AT(NetV10, makeVDevice, 152);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_NET_V10_H_
