#include "plugin/net/net_v8.h"

namespace ithaca::net::v8 {

abi::Result GetProperties(int dev, abi::NetPropertiesV8* props) {
  abi::NetPropertiesV9 newer{};
  const abi::Result result = kNetV9.getProperties(dev, &newer);
  if (result != abi::Result::kSuccess) return result;
  *props = abi::NetPropertiesV8{
      newer.name,       newer.pciPath,       newer.guid,
      newer.ptrSupport, newer.regIsGlobal,   newer.speed,
      newer.port,       newer.latency,       newer.maxComms,
      newer.maxRecvs,   newer.netDeviceType, newer.netDeviceVersion,
  };
  return result;
}

abi::Result Isend(void* send_comm, void* data, int size, int tag, void* mhandle,
                  void** request) {
  *request = nullptr;
  if (size < 0) return abi::Result::kInternalError;
  return kNetV9.isend(send_comm, data, static_cast<size_t>(size), tag, mhandle,
                      request);
}

abi::Result Irecv(void* recv_comm, int n, void** data, int* sizes, int* tags,
                  void** mhandles, void** request) {
  if (n < 1 || n > kMaxGroupedRecvs) {
    *request = nullptr;
    return abi::Result::kInternalError;
  }
  size_t wide[kMaxGroupedRecvs];
  for (int i = 0; i < n; ++i) {
    if (sizes[i] < 0) {
      *request = nullptr;
      return abi::Result::kInternalError;
    }
    wide[i] = static_cast<size_t>(sizes[i]);
  }
  return kNetV9.irecv(recv_comm, n, data, wide, tags, mhandles, request);
}

}  // namespace ithaca::net::v8

ITHACA_EXPORT_NET(8, ithaca::net::kNetV8);
