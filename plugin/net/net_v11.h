// Net ABI v11: the canonical table with the smaller properties struct.
//
// Used by NCCL through ncclNetPlugin_v11, and by net_v10.h, which is made from
// it. Stateless; threads and life cycle are the canonical table's.
#ifndef ITHACA_PLUGIN_NET_NET_V11_H_
#define ITHACA_PLUGIN_NET_NET_V11_H_

#include "plugin/abi/net_v11.h"
#include "plugin/net/narrow.h"

namespace ithaca::net {
namespace v11 {

// Drops railId and planeId. A virtual device of more than four physical ones,
// which v11 cannot express, is shown as one device made of itself.
abi::Result GetProperties(int dev, abi::NetPropertiesV11* props);

}  // namespace v11

constexpr abi::NetV11 MakeNetV11() {
  abi::NetV11 table{};
  CopyUnchangedSlots(kNetV12, &table);
  table.getProperties = v11::GetProperties;
  return table;
}
inline constexpr abi::NetV11 kNetV11 = MakeNetV11();

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_NET_V11_H_
