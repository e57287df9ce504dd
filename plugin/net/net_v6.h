// Net ABI v6: v7 without device offload.
//
// Used by NCCL through ncclNetPlugin_v6. The oldest version.
#ifndef ITHACA_PLUGIN_NET_NET_V6_H_
#define ITHACA_PLUGIN_NET_NET_V6_H_

#include "plugin/abi/net_v6.h"
#include "plugin/net/net_v7.h"

namespace ithaca::net {
namespace v6 {

// Drops the device type and version.
abi::Result GetProperties(int dev, abi::NetPropertiesV6* props);
abi::Result Connect(int dev, void* handle, void** send_comm);
abi::Result Accept(void* listen_comm, void** recv_comm);

}  // namespace v6

constexpr abi::NetV6 MakeNetV6() {
  abi::NetV6 table{};
  CopyUnchangedSlots(kNetV7, &table);
  table.getProperties = v6::GetProperties;
  table.connect = v6::Connect;
  table.accept = v6::Accept;
  return table;
}
inline constexpr abi::NetV6 kNetV6 = MakeNetV6();

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_NET_V6_H_
