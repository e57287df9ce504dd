// Net ABI v8: v9 with int sizes and without the message limits.
//
// Used by NCCL through ncclNetPlugin_v8, and by net_v7.h, which is made from
// it. A negative size, or more buffers than NCCL ever groups, is NCCL's error:
// kInternalError, with a null request.
#ifndef ITHACA_PLUGIN_NET_NET_V8_H_
#define ITHACA_PLUGIN_NET_NET_V8_H_

#include "plugin/abi/net_v8.h"
#include "plugin/net/net_v9.h"

namespace ithaca::net {
namespace v8 {

// Buffers that NCCL groups in one receive at most.
inline constexpr int kMaxGroupedRecvs = 8;

// Drops forceFlush, the virtual device and the message limits.
abi::Result GetProperties(int dev, abi::NetPropertiesV8* props);
abi::Result Isend(void* send_comm, void* data, int size, int tag, void* mhandle,
                  void** request);
abi::Result Irecv(void* recv_comm, int n, void** data, int* sizes, int* tags,
                  void** mhandles, void** request);

}  // namespace v8

constexpr abi::NetV8 MakeNetV8() {
  abi::NetV8 table{};
  CopyUnchangedSlots(kNetV9, &table);
  table.getProperties = v8::GetProperties;
  table.isend = v8::Isend;
  table.irecv = v8::Irecv;
  return table;
}
inline constexpr abi::NetV8 kNetV8 = MakeNetV8();

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_NET_V8_H_
