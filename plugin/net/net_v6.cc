#include "plugin/net/net_v6.h"

namespace ithaca::net::v6 {

abi::Result GetProperties(int dev, abi::NetPropertiesV6* props) {
  abi::NetPropertiesV7 newer{};
  const abi::Result result = kNetV7.getProperties(dev, &newer);
  if (result != abi::Result::kSuccess) return result;
  *props = abi::NetPropertiesV6{
      newer.name, newer.pciPath, newer.guid,     newer.ptrSupport, newer.speed,
      newer.port, newer.latency, newer.maxComms, newer.maxRecvs,
  };
  return result;
}

abi::Result Connect(int dev, void* handle, void** send_comm) {
  return kNetV7.connect(dev, handle, send_comm, /*sendDevComm=*/nullptr);
}

abi::Result Accept(void* listen_comm, void** recv_comm) {
  return kNetV7.accept(listen_comm, recv_comm, /*recvDevComm=*/nullptr);
}

}  // namespace ithaca::net::v6

ITHACA_EXPORT_NET(6, ithaca::net::kNetV6);
