#include "plugin/net/net_v9.h"

namespace ithaca::net::v9 {

abi::Result Init(abi::Logger logger) {
  return kNetV10.init(logger, /*profiler=*/nullptr);
}

abi::Result Connect(int dev, void* handle, void** send_comm,
                    abi::NetDeviceHandle** send_dev_comm) {
  return kNetV10.connect(dev, /*config=*/nullptr, handle, send_comm,
                         send_dev_comm);
}

abi::Result Isend(void* send_comm, void* data, size_t size, int tag,
                  void* mhandle, void** request) {
  return kNetV10.isend(send_comm, data, size, tag, mhandle,
                       /*phandle=*/nullptr, request);
}

abi::Result Irecv(void* recv_comm, int n, void** data, size_t* sizes, int* tags,
                  void** mhandles, void** request) {
  return kNetV10.irecv(recv_comm, n, data, sizes, tags, mhandles,
                       /*phandles=*/nullptr, request);
}

}  // namespace ithaca::net::v9

ITHACA_EXPORT_NET(9, ithaca::net::kNetV9);
