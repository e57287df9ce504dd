#include "plugin/net/net_v7.h"

namespace ithaca::net::v7 {

abi::Result GetProperties(int dev, abi::NetPropertiesV7* props) {
  abi::NetPropertiesV8 newer{};
  const abi::Result result = kNetV8.getProperties(dev, &newer);
  if (result != abi::Result::kSuccess) return result;
  *props = abi::NetPropertiesV7{
      newer.name,
      newer.pciPath,
      newer.guid,
      newer.ptrSupport,
      newer.speed,
      newer.port,
      newer.latency,
      newer.maxComms,
      newer.maxRecvs,
      newer.netDeviceType,
      newer.netDeviceVersion,
  };
  return result;
}

abi::Result RegMr(void* comm, void* data, int size, int type, void** mhandle) {
  if (size < 0) {
    *mhandle = nullptr;
    return abi::Result::kInternalError;
  }
  return kNetV8.regMr(comm, data, static_cast<size_t>(size), type, mhandle);
}

}  // namespace ithaca::net::v7

ITHACA_EXPORT_NET(7, ithaca::net::kNetV7);
