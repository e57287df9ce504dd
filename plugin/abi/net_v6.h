// Net plugin ABI v6 (NCCL 2.18 and newer): v7 without device offload.
#ifndef ITHACA_PLUGIN_ABI_NET_V6_H_
#define ITHACA_PLUGIN_ABI_NET_V6_H_

#include "plugin/abi/net_v7.h"

namespace ithaca::abi {

struct NetPropertiesV6 {
  const char* name;
  const char* pciPath;
  uint64_t guid;
  int ptrSupport;
  int speed;
  int port;
  float latency;
  int maxComms;
  int maxRecvs;
};
ITHACA_ABI_SIZE(NetPropertiesV6, 48);
ITHACA_ABI_AT(NetPropertiesV6, name, 0);
ITHACA_ABI_AT(NetPropertiesV6, pciPath, 8);
ITHACA_ABI_AT(NetPropertiesV6, guid, 16);
ITHACA_ABI_AT(NetPropertiesV6, ptrSupport, 24);
ITHACA_ABI_AT(NetPropertiesV6, speed, 28);
ITHACA_ABI_AT(NetPropertiesV6, port, 32);
ITHACA_ABI_AT(NetPropertiesV6, latency, 36);
ITHACA_ABI_AT(NetPropertiesV6, maxComms, 40);
ITHACA_ABI_AT(NetPropertiesV6, maxRecvs, 44);

struct NetV6 {
  const char* name;
  Result (*init)(Logger logger);
  Result (*devices)(int* ndev);
  Result (*getProperties)(int dev, NetPropertiesV6* props);
  Result (*listen)(int dev, void* handle, void** listenComm);
  Result (*connect)(int dev, void* handle, void** sendComm);
  Result (*accept)(void* listenComm, void** recvComm);
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
};
ITHACA_ABI_SIZE(NetV6, 136);
ITHACA_ABI_AT(NetV6, name, 0);
ITHACA_ABI_AT(NetV6, init, 8);
ITHACA_ABI_AT(NetV6, devices, 16);
ITHACA_ABI_AT(NetV6, getProperties, 24);
ITHACA_ABI_AT(NetV6, listen, 32);
ITHACA_ABI_AT(NetV6, connect, 40);
ITHACA_ABI_AT(NetV6, accept, 48);
ITHACA_ABI_AT(NetV6, regMr, 56);
ITHACA_ABI_AT(NetV6, regMrDmaBuf, 64);
ITHACA_ABI_AT(NetV6, deregMr, 72);
ITHACA_ABI_AT(NetV6, isend, 80);
ITHACA_ABI_AT(NetV6, irecv, 88);
ITHACA_ABI_AT(NetV6, iflush, 96);
ITHACA_ABI_AT(NetV6, test, 104);
ITHACA_ABI_AT(NetV6, closeSend, 112);
ITHACA_ABI_AT(NetV6, closeRecv, 120);
ITHACA_ABI_AT(NetV6, closeListen, 128);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_NET_V6_H_
