// Net ABI v7: v8 with an int size in regMr and without regIsGlobal.
//
// Used by NCCL through ncclNetPlugin_v7, and by net_v6.h, which is made from
// it.
#ifndef ITHACA_PLUGIN_NET_NET_V7_H_
#define ITHACA_PLUGIN_NET_NET_V7_H_

#include "plugin/abi/net_v7.h"
#include "plugin/net/net_v8.h"

namespace ithaca::net {
namespace v7 {

// Drops regIsGlobal.
abi::Result GetProperties(int dev, abi::NetPropertiesV7* props);
// A negative size is kInternalError, with a null handle.
abi::Result RegMr(void* comm, void* data, int size, int type, void** mhandle);

}  // namespace v7

constexpr abi::NetV7 MakeNetV7() {
  abi::NetV7 table{};
  CopyUnchangedSlots(kNetV8, &table);
  table.getProperties = v7::GetProperties;
  table.regMr = v7::RegMr;
  return table;
}
inline constexpr abi::NetV7 kNetV7 = MakeNetV7();

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_NET_V7_H_
