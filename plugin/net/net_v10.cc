#include "plugin/net/net_v10.h"

#include "plugin/net/narrow_context.h"

namespace ithaca::net::v10 {

abi::Result Init(abi::Logger logger, abi::ProfilerCallback profiler) {
  return ProcessContext::Get().Init(logger, profiler);
}

abi::Result GetProperties(int dev, abi::NetPropertiesV10* props) {
  abi::NetPropertiesV11 newer{};
  const abi::Result result = kNetV11.getProperties(dev, &newer);
  if (result != abi::Result::kSuccess) return result;
  *props = abi::NetPropertiesV10{
      newer.name,
      newer.pciPath,
      newer.guid,
      newer.ptrSupport,
      newer.regIsGlobal,
      newer.forceFlush,
      newer.speed,
      newer.port,
      newer.latency,
      newer.maxComms,
      newer.maxRecvs,
      newer.netDeviceType,
      newer.netDeviceVersion,
      newer.vProps,
      newer.maxP2pBytes,
      newer.maxCollBytes,
  };
  return result;
}

abi::Result Listen(int dev, void* handle, void** listen_comm) {
  *listen_comm = nullptr;
  void* ctx = ProcessContext::Get().ctx();
  if (ctx == nullptr) return abi::Result::kInternalError;
  return kNetV11.listen(ctx, dev, handle, listen_comm);
}

abi::Result Connect(int dev, abi::NetCommConfigV10* /*config*/, void* handle,
                    void** send_comm, abi::NetDeviceHandle** send_dev_comm) {
  *send_comm = nullptr;
  void* ctx = ProcessContext::Get().ctx();
  if (ctx == nullptr) return abi::Result::kInternalError;
  return kNetV11.connect(ctx, dev, handle, send_comm, send_dev_comm);
}

}  // namespace ithaca::net::v10

ITHACA_EXPORT_NET(10, ithaca::net::kNetV10);
