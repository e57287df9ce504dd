// Net ABI v9: v10 without profiling and without a configuration in connect.
//
// Used by NCCL through ncclNetPlugin_v9, and by net_v8.h, which is made from
// it.
#ifndef ITHACA_PLUGIN_NET_NET_V9_H_
#define ITHACA_PLUGIN_NET_NET_V9_H_

#include "plugin/abi/net_v9.h"
#include "plugin/net/net_v10.h"

namespace ithaca::net {
namespace v9 {

abi::Result Init(abi::Logger logger);
abi::Result Connect(int dev, void* handle, void** send_comm,
                    abi::NetDeviceHandle** send_dev_comm);
abi::Result Isend(void* send_comm, void* data, size_t size, int tag,
                  void* mhandle, void** request);
abi::Result Irecv(void* recv_comm, int n, void** data, size_t* sizes, int* tags,
                  void** mhandles, void** request);

}  // namespace v9

constexpr abi::NetV9 MakeNetV9() {
  abi::NetV9 table{};
  CopyUnchangedSlots(kNetV10, &table);
  table.init = v9::Init;
  table.connect = v9::Connect;
  table.isend = v9::Isend;
  table.irecv = v9::Irecv;
  return table;
}
inline constexpr abi::NetV9 kNetV9 = MakeNetV9();

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_NET_V9_H_
