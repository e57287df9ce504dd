// Net plugin ABI v9 (NCCL 2.24 and newer): v10 without the profiler's callback
// and handles, and without a configuration in connect.
#ifndef ITHACA_PLUGIN_ABI_NET_V9_H_
#define ITHACA_PLUGIN_ABI_NET_V9_H_

#include "plugin/abi/net_v10.h"

namespace ithaca::abi {

// Byte for byte those of v10.
using NetVDevicePropsV9 = NetVDevicePropsV10;
using NetPropertiesV9 = NetPropertiesV10;
ITHACA_ABI_SIZE(NetVDevicePropsV9, 20);
ITHACA_ABI_AT(NetVDevicePropsV9, ndevs, 0);
ITHACA_ABI_AT(NetVDevicePropsV9, devs, 4);
ITHACA_ABI_SIZE(NetPropertiesV9, 104);
ITHACA_ABI_AT(NetPropertiesV9, name, 0);
ITHACA_ABI_AT(NetPropertiesV9, pciPath, 8);
ITHACA_ABI_AT(NetPropertiesV9, guid, 16);
ITHACA_ABI_AT(NetPropertiesV9, ptrSupport, 24);
ITHACA_ABI_AT(NetPropertiesV9, regIsGlobal, 28);
ITHACA_ABI_AT(NetPropertiesV9, forceFlush, 32);
ITHACA_ABI_AT(NetPropertiesV9, speed, 36);
ITHACA_ABI_AT(NetPropertiesV9, port, 40);
ITHACA_ABI_AT(NetPropertiesV9, latency, 44);
ITHACA_ABI_AT(NetPropertiesV9, maxComms, 48);
ITHACA_ABI_AT(NetPropertiesV9, maxRecvs, 52);
ITHACA_ABI_AT(NetPropertiesV9, netDeviceType, 56);
ITHACA_ABI_AT(NetPropertiesV9, netDeviceVersion, 60);
ITHACA_ABI_AT(NetPropertiesV9, vProps, 64);
ITHACA_ABI_AT(NetPropertiesV9, maxP2pBytes, 88);
ITHACA_ABI_AT(NetPropertiesV9, maxCollBytes, 96);

struct NetV9 {
  const char* name;
  Result (*init)(Logger logger);
  Result (*devices)(int* ndev);
  Result (*getProperties)(int dev, NetPropertiesV9* props);
  Result (*listen)(int dev, void* handle, void** listenComm);
  Result (*connect)(int dev, void* handle, void** sendComm,
                    NetDeviceHandle** sendDevComm);
  Result (*accept)(void* listenComm, void** recvComm,
                   NetDeviceHandle** recvDevComm);
  Result (*regMr)(void* comm, void* data, size_t size, int type,
                  void** mhandle);
  Result (*regMrDmaBuf)(void* comm, void* data, size_t size, int type,
                        uint64_t offset, int fd, void** mhandle);
  Result (*deregMr)(void* comm, void* mhandle);
  Result (*isend)(void* sendComm, void* data, size_t size, int tag,
                  void* mhandle, void** request);
  Result (*irecv)(void* recvComm, int n, void** data, size_t* sizes, int* tags,
                  void** mhandles, void** request);
  Result (*iflush)(void* recvComm, int n, void** data, int* sizes,
                   void** mhandles, void** request);
  Result (*test)(void* request, int* done, int* sizes);
  Result (*closeSend)(void* sendComm);
  Result (*closeRecv)(void* recvComm);
  Result (*closeListen)(void* listenComm);
  Result (*getDeviceMr)(void* comm, void* mhandle, void** dptrMhandle);
  Result (*irecvConsumed)(void* recvComm, int n, void* request);
  Result (*makeVDevice)(int* dev, NetVDevicePropsV9* props);
};
ITHACA_ABI_SIZE(NetV9, 160);
ITHACA_ABI_AT(NetV9, name, 0);
ITHACA_ABI_AT(NetV9, init, 8);
ITHACA_ABI_AT(NetV9, devices, 16);
ITHACA_ABI_AT(NetV9, getProperties, 24);
ITHACA_ABI_AT(NetV9, listen, 32);
ITHACA_ABI_AT(NetV9, connect, 40);
ITHACA_ABI_AT(NetV9, accept, 48);
ITHACA_ABI_AT(NetV9, regMr, 56);
ITHACA_ABI_AT(NetV9, regMrDmaBuf, 64);
ITHACA_ABI_AT(NetV9, deregMr, 72);
ITHACA_ABI_AT(NetV9, isend, 80);
ITHACA_ABI_AT(NetV9, irecv, 88);
ITHACA_ABI_AT(NetV9, iflush, 96);
ITHACA_ABI_AT(NetV9, test, 104);
ITHACA_ABI_AT(NetV9, closeSend, 112);
ITHACA_ABI_AT(NetV9, closeRecv, 120);
ITHACA_ABI_AT(NetV9, closeListen, 128);
ITHACA_ABI_AT(NetV9, getDeviceMr, 136);
ITHACA_ABI_AT(NetV9, irecvConsumed, 144);
ITHACA_ABI_AT(NetV9, makeVDevice, 152);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_NET_V9_H_
