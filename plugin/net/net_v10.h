// Net ABI v10: v11 on the process's one context (narrow_context.h).
//
// Used by NCCL through ncclNetPlugin_v10, and by net_v9.h, which is made from
// it.
#ifndef ITHACA_PLUGIN_NET_NET_V10_H_
#define ITHACA_PLUGIN_NET_NET_V10_H_

#include "plugin/abi/net_v10.h"
#include "plugin/net/net_v11.h"

namespace ithaca::net {
namespace v10 {

abi::Result Init(abi::Logger logger, abi::ProfilerCallback profiler);

// Drops maxMultiRequestSize.
abi::Result GetProperties(int dev, abi::NetPropertiesV10* props);

// listen and connect fail with kInternalError before Init has succeeded.
abi::Result Listen(int dev, void* handle, void** listen_comm);

// `config` is not used: a traffic class belongs to a context, and connections
// of all communicators share this one.
abi::Result Connect(int dev, abi::NetCommConfigV10* config, void* handle,
                    void** send_comm, abi::NetDeviceHandle** send_dev_comm);

}  // namespace v10

constexpr abi::NetV10 MakeNetV10() {
  abi::NetV10 table{};
  CopyUnchangedSlots(kNetV11, &table);
  table.init = v10::Init;
  table.getProperties = v10::GetProperties;
  table.listen = v10::Listen;
  table.connect = v10::Connect;
  return table;
}
inline constexpr abi::NetV10 kNetV10 = MakeNetV10();

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_NET_V10_H_
