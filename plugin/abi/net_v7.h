// Net plugin ABI v7 (NCCL 2.19 and newer): v8 with an int size in regMr and
// without regIsGlobal.
#ifndef ITHACA_PLUGIN_ABI_NET_V7_H_
#define ITHACA_PLUGIN_ABI_NET_V7_H_

#include "plugin/abi/net_v8.h"

namespace ithaca::abi {

struct NetPropertiesV7 {
  const char* name;
  const char* pciPath;
  uint64_t guid;
  int ptrSupport;
  int speed;
  int port;
  float latency;
  int maxComms;
  int maxRecvs;
  NetDeviceType netDeviceType;
  int netDeviceVersion;
};
ITHACA_ABI_SIZE(NetPropertiesV7, 56);
ITHACA_ABI_AT(NetPropertiesV7, name, 0);
ITHACA_ABI_AT(NetPropertiesV7, pciPath, 8);
ITHACA_ABI_AT(NetPropertiesV7, guid, 16);
ITHACA_ABI_AT(NetPropertiesV7, ptrSupport, 24);
ITHACA_ABI_AT(NetPropertiesV7, speed, 28);
ITHACA_ABI_AT(NetPropertiesV7, port, 32);
ITHACA_ABI_AT(NetPropertiesV7, latency, 36);
ITHACA_ABI_AT(NetPropertiesV7, maxComms, 40);
ITHACA_ABI_AT(NetPropertiesV7, maxRecvs, 44);
ITHACA_ABI_AT(NetPropertiesV7, netDeviceType, 48);
ITHACA_ABI_AT(NetPropertiesV7, netDeviceVersion, 52);

struct NetV7 {
  const char* name;
  Result (*init)(Logger logger);
  Result (*devices)(int* ndev);
  Result (*getProperties)(int dev, NetPropertiesV7* props);
  Result (*listen)(int dev, void* handle, void** listenComm);
  Result (*connect)(int dev, void* handle, void** sendComm,
                    NetDeviceHandle** sendDevComm);
  Result (*accept)(void* listenComm, void** recvComm,
                   NetDeviceHandle** recvDevComm);
  Result (*regMr)(void* comm, void* data, int size, int type, void** mhandle);
  Result (*regMrDmaBuf)(void* comm, void* data, size_t size, int type,
                        uint64_t offset, int fd, void** mhandle);
  Result (*deregMr)(void* comm, void* mhandle);
  Result (*isend)(void* sendComm, void* data, int size, int tag, void* mhandle,
                  void** request);
  Result (*irecv)(void* recvComm, int n, void** data, int* sizes, int* tags,
                  void** mhandles, void** request);
  Result (*iflush)(void* recvComm, int n, void** data, int* sizes,
                   void** mhandles, void** request);
  Result (*test)(void* request, int* done, int* sizes);
  Result (*closeSend)(void* sendComm);
  Result (*closeRecv)(void* recvComm);
  Result (*closeListen)(void* listenComm);
  Result (*getDeviceMr)(void* comm, void* mhandle, void** dptrMhandle);
  Result (*irecvConsumed)(void* recvComm, int n, void* request);
};
ITHACA_ABI_SIZE(NetV7, 152);
ITHACA_ABI_AT(NetV7, name, 0);
ITHACA_ABI_AT(NetV7, init, 8);
ITHACA_ABI_AT(NetV7, devices, 16);
ITHACA_ABI_AT(NetV7, getProperties, 24);
ITHACA_ABI_AT(NetV7, listen, 32);
ITHACA_ABI_AT(NetV7, connect, 40);
ITHACA_ABI_AT(NetV7, accept, 48);
ITHACA_ABI_AT(NetV7, regMr, 56);
ITHACA_ABI_AT(NetV7, regMrDmaBuf, 64);
ITHACA_ABI_AT(NetV7, deregMr, 72);
ITHACA_ABI_AT(NetV7, isend, 80);
ITHACA_ABI_AT(NetV7, irecv, 88);
ITHACA_ABI_AT(NetV7, iflush, 96);
ITHACA_ABI_AT(NetV7, test, 104);
ITHACA_ABI_AT(NetV7, closeSend, 112);
ITHACA_ABI_AT(NetV7, closeRecv, 120);
ITHACA_ABI_AT(NetV7, closeListen, 128);
ITHACA_ABI_AT(NetV7, getDeviceMr, 136);
ITHACA_ABI_AT(NetV7, irecvConsumed, 144);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_NET_V7_H_
