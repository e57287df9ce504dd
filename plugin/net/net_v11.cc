#include "plugin/net/net_v11.h"

#include <algorithm>

namespace ithaca::net::v11 {
namespace {

abi::NetVDevicePropsV11 NarrowVProps(int dev,
                                     const abi::NetVDevicePropsV12& newer) {
  abi::NetVDevicePropsV11 older{};
  if (newer.ndevs < 1 || newer.ndevs > abi::kMaxDevsPerNicV11) {
    older.ndevs = 1;
    older.devs[0] = dev;
    return older;
  }
  older.ndevs = newer.ndevs;
  std::copy_n(newer.devs, newer.ndevs, older.devs);
  return older;
}

}  // namespace

abi::Result GetProperties(int dev, abi::NetPropertiesV11* props) {
  abi::NetPropertiesV12 newer{};
  const abi::Result result = kNetV12.getProperties(dev, &newer);
  if (result != abi::Result::kSuccess) return result;
  *props = abi::NetPropertiesV11{
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
      NarrowVProps(dev, newer.vProps),
      newer.maxP2pBytes,
      newer.maxCollBytes,
      newer.maxMultiRequestSize,
  };
  return result;
}

}  // namespace ithaca::net::v11

ITHACA_EXPORT_NET(11, ithaca::net::kNetV11);
