// Net plugin ABI v8 (NCCL 2.20 and newer): v9 with int sizes in isend and
// irecv, without virtual devices, forceFlush and the message limits: NCCL then
// sends up to kMaxNetBytesBeforeV9.
#ifndef ITHACA_PLUGIN_ABI_NET_V8_H_
#define ITHACA_PLUGIN_ABI_NET_V8_H_

#include "plugin/abi/net_v9.h"

namespace ithaca::abi {

struct NetPropertiesV8 {
  const char* name;
  const char* pciPath;
  uint64_t guid;
  int ptrSupport;
  int regIsGlobal;
  int speed;
  int port;
  float latency;
  int maxComms;
  int maxRecvs;
  NetDeviceType netDeviceType;
  int netDeviceVersion;
};
ITHACA_ABI_SIZE(NetPropertiesV8, 64);
ITHACA_ABI_AT(NetPropertiesV8, name, 0);
ITHACA_ABI_AT(NetPropertiesV8, pciPath, 8);
ITHACA_ABI_AT(NetPropertiesV8, guid, 16);
ITHACA_ABI_AT(NetPropertiesV8, ptrSupport, 24);
ITHACA_ABI_AT(NetPropertiesV8, regIsGlobal, 28);
ITHACA_ABI_AT(NetPropertiesV8, speed, 32);
ITHACA_ABI_AT(NetPropertiesV8, port, 36);
ITHACA_ABI_AT(NetPropertiesV8, latency, 40);
ITHACA_ABI_AT(NetPropertiesV8, maxComms, 44);
ITHACA_ABI_AT(NetPropertiesV8, maxRecvs, 48);
ITHACA_ABI_AT(NetPropertiesV8, netDeviceType, 52);
ITHACA_ABI_AT(NetPropertiesV8, netDeviceVersion, 56);

struct NetV8 {
  const char* name;
  Result (*init)(Logger logger);
  Result (*devices)(int* ndev);
  Result (*getProperties)(int dev, NetPropertiesV8* props);
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
ITHACA_ABI_SIZE(NetV8, 152);
ITHACA_ABI_AT(NetV8, name, 0);
ITHACA_ABI_AT(NetV8, init, 8);
ITHACA_ABI_AT(NetV8, devices, 16);
ITHACA_ABI_AT(NetV8, getProperties, 24);
ITHACA_ABI_AT(NetV8, listen, 32);
ITHACA_ABI_AT(NetV8, connect, 40);
ITHACA_ABI_AT(NetV8, accept, 48);
ITHACA_ABI_AT(NetV8, regMr, 56);
ITHACA_ABI_AT(NetV8, regMrDmaBuf, 64);
ITHACA_ABI_AT(NetV8, deregMr, 72);
ITHACA_ABI_AT(NetV8, isend, 80);
ITHACA_ABI_AT(NetV8, irecv, 88);
ITHACA_ABI_AT(NetV8, iflush, 96);
ITHACA_ABI_AT(NetV8, test, 104);
ITHACA_ABI_AT(NetV8, closeSend, 112);
ITHACA_ABI_AT(NetV8, closeRecv, 120);
ITHACA_ABI_AT(NetV8, closeListen, 128);
ITHACA_ABI_AT(NetV8, getDeviceMr, 136);
ITHACA_ABI_AT(NetV8, irecvConsumed, 144);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_NET_V8_H_
