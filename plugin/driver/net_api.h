// One face for every version of the net plugin ABI: the newest, v12.
//
// Older tables are widened to it by the rules NCCL itself follows, so that a
// plugin sees what NCCL would have called: int sizes up to v8, no context up
// to v10 (init once per loaded library, no finalize), no 0x1 preset up to v8.
// The rest of this folder knows no version. See plugin/abi/net_v12.h for the
// meaning of each call. Threads: as the plugin's table.
#ifndef ITHACA_PLUGIN_DRIVER_NET_API_H_
#define ITHACA_PLUGIN_DRIVER_NET_API_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "plugin/abi/net_v12.h"

namespace ithaca::driver {

class NetApi {
 public:
  virtual ~NetApi() = default;

  virtual const char* Name() const = 0;
  virtual abi::Result Init(void** ctx, uint64_t comm_id,
                           abi::NetCommConfigV12* config,
                           abi::Logger logger) = 0;
  virtual abi::Result Finalize(void* ctx) = 0;
  virtual abi::Result Devices(int* count) = 0;
  virtual abi::Result GetProperties(int dev, abi::NetPropertiesV12* props) = 0;
  virtual abi::Result Listen(void* ctx, int dev, void* handle,
                             void** listen_comm) = 0;
  virtual abi::Result Connect(void* ctx, int dev, void* handle,
                              void** send_comm) = 0;
  virtual abi::Result Accept(void* listen_comm, void** recv_comm) = 0;
  virtual abi::Result RegMr(void* comm, void* data, size_t bytes, int type,
                            void** mhandle) = 0;
  virtual abi::Result DeregMr(void* comm, void* mhandle) = 0;
  virtual abi::Result Isend(void* send_comm, void* data, size_t bytes, int tag,
                            void* mhandle, void* phandle, void** request) = 0;
  virtual abi::Result Irecv(void* recv_comm, int n, void** data, size_t* bytes,
                            int* tags, void** mhandles, void** phandles,
                            void** request) = 0;
  virtual abi::Result Test(void* request, int* done, int* sizes) = 0;
  virtual abi::Result CloseSend(void* send_comm) = 0;
  virtual abi::Result CloseRecv(void* recv_comm) = 0;
  virtual abi::Result CloseListen(void* listen_comm) = 0;
  // kSuccess without effect where the version or the plugin has none.
  virtual abi::Result IrecvConsumed(void* recv_comm, int n, void* request) = 0;
  virtual abi::Result SetNetAttr(void* ctx, abi::NetAttrV12* attr) = 0;
};

// Versions that WidenNetApi knows, newest first.
std::vector<int> KnownNetVersions();

// `table` is a plugin's ncclNetPlugin_v<version>. Null for an unknown version.
// REQUIRES: the library stays loaded.
std::unique_ptr<NetApi> WidenNetApi(int version, const void* table);

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_NET_API_H_
