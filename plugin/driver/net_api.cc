#include "plugin/driver/net_api.h"

#include <algorithm>
#include <mutex>

#include "plugin/abi/net_v10.h"
#include "plugin/abi/net_v11.h"
#include "plugin/abi/net_v6.h"
#include "plugin/abi/net_v7.h"
#include "plugin/abi/net_v8.h"
#include "plugin/abi/net_v9.h"
#include "plugin/abi/versions.h"

namespace ithaca::driver {
namespace {

using abi::Result;

constexpr int kMaxGroup = 8;  // NCCL's most receives in one group

template <int kVersion, typename Table, typename Props>
class Widened final : public NetApi {
 public:
  explicit Widened(const Table* table) : table_(*table) {}

  const char* Name() const override { return table_.name; }

  Result Init(void** ctx, uint64_t comm_id, abi::NetCommConfigV12* config,
              abi::Logger logger) override {
    if constexpr (kVersion >= 11) {
      return table_.init(ctx, comm_id, config, logger, nullptr);
    } else {
      std::lock_guard<std::mutex> lock(mutex_);
      *ctx = nullptr;
      config_ = *config;
      if (contexts_ == 0) {
        Result result;
        if constexpr (kVersion == 10) {
          result = table_.init(logger, nullptr);
        } else {
          result = table_.init(logger);
        }
        if (result != Result::kSuccess) return result;
      }
      ++contexts_;
      return Result::kSuccess;
    }
  }

  Result Finalize(void* ctx) override {
    if constexpr (kVersion >= 11) {
      return table_.finalize(ctx);
    } else {
      std::lock_guard<std::mutex> lock(mutex_);
      if (contexts_ > 0) --contexts_;
      return Result::kSuccess;
    }
  }

  Result Devices(int* count) override { return table_.devices(count); }

  Result GetProperties(int dev, abi::NetPropertiesV12* props) override {
    if constexpr (kVersion == 12) {
      return table_.getProperties(dev, props);
    } else {
      Props old = {};
      const Result result = table_.getProperties(dev, &old);
      if (result == Result::kSuccess) WidenProperties(dev, old, props);
      return result;
    }
  }

  Result Listen(void* ctx, int dev, void* handle, void** listen_comm) override {
    if constexpr (kVersion >= 11) {
      return table_.listen(ctx, dev, handle, listen_comm);
    } else {
      return table_.listen(dev, handle, listen_comm);
    }
  }

  Result Connect(void* ctx, int dev, void* handle, void** send_comm) override {
    // Never asks for device offload: there is no device.
    abi::NetDeviceHandle* device = nullptr;
    if constexpr (kVersion >= 11) {
      return table_.connect(ctx, dev, handle, send_comm, &device);
    } else if constexpr (kVersion == 10) {
      return table_.connect(dev, &config_, handle, send_comm, &device);
    } else if constexpr (kVersion >= 7) {
      return table_.connect(dev, handle, send_comm, &device);
    } else {
      return table_.connect(dev, handle, send_comm);
    }
  }

  Result Accept(void* listen_comm, void** recv_comm) override {
    if constexpr (kVersion >= 7) {
      abi::NetDeviceHandle* device = nullptr;
      return table_.accept(listen_comm, recv_comm, &device);
    } else {
      return table_.accept(listen_comm, recv_comm);
    }
  }

  Result RegMr(void* comm, void* data, size_t bytes, int type,
               void** mhandle) override {
    if constexpr (kVersion <= 7) {
      if (bytes >= size_t{1} << 31) return Result::kInternalError;
      return table_.regMr(comm, data, static_cast<int>(bytes), type, mhandle);
    } else {
      return table_.regMr(comm, data, bytes, type, mhandle);
    }
  }

  Result DeregMr(void* comm, void* mhandle) override {
    return table_.deregMr(comm, mhandle);
  }

  Result Isend(void* send_comm, void* data, size_t bytes, int tag,
               void* mhandle, void* phandle, void** request) override {
    if constexpr (kVersion >= 10) {
      return table_.isend(send_comm, data, bytes, tag, mhandle, phandle,
                          request);
    } else {
      (void)phandle;
      if constexpr (kVersion == 9) {
        return table_.isend(send_comm, data, bytes, tag, mhandle, request);
      } else {
        if (bytes > abi::kMaxNetBytesBeforeV9) return Result::kInternalError;
        return table_.isend(send_comm, data, static_cast<int>(bytes), tag,
                            mhandle, request);
      }
    }
  }

  Result Irecv(void* recv_comm, int n, void** data, size_t* bytes, int* tags,
               void** mhandles, void** phandles, void** request) override {
    if constexpr (kVersion >= 10) {
      return table_.irecv(recv_comm, n, data, bytes, tags, mhandles, phandles,
                          request);
    } else {
      (void)phandles;
      if constexpr (kVersion == 9) {
        return table_.irecv(recv_comm, n, data, bytes, tags, mhandles, request);
      } else {
        return IrecvWithInts(recv_comm, n, data, bytes, tags, mhandles,
                             request);
      }
    }
  }

  Result Test(void* request, int* done, int* sizes) override {
    return table_.test(request, done, sizes);
  }
  Result CloseSend(void* send_comm) override {
    return table_.closeSend(send_comm);
  }
  Result CloseRecv(void* recv_comm) override {
    return table_.closeRecv(recv_comm);
  }
  Result CloseListen(void* listen_comm) override {
    return table_.closeListen(listen_comm);
  }

  Result IrecvConsumed(void* recv_comm, int n, void* request) override {
    if constexpr (kVersion >= 7) {
      if (table_.irecvConsumed != nullptr) {
        return table_.irecvConsumed(recv_comm, n, request);
      }
    }
    return Result::kSuccess;
  }

  Result SetNetAttr(void* ctx, abi::NetAttrV12* attr) override {
    if constexpr (kVersion >= 11) {
      if (table_.setNetAttr != nullptr) return table_.setNetAttr(ctx, attr);
    }
    return Result::kSuccess;
  }

 private:
  static void WidenProperties(int dev, const Props& old,
                              abi::NetPropertiesV12* props) {
    *props = {};
    props->name = old.name;
    props->pciPath = old.pciPath;
    props->guid = old.guid;
    props->ptrSupport = old.ptrSupport;
    props->speed = old.speed;
    props->port = old.port;
    props->latency = old.latency;
    props->maxComms = old.maxComms;
    props->maxRecvs = old.maxRecvs;
    props->vProps.ndevs = 1;
    props->vProps.devs[0] = dev;
    props->maxP2pBytes = abi::kMaxNetBytesBeforeV9;
    props->maxCollBytes = abi::kMaxNetBytesBeforeV9;
    props->maxMultiRequestSize = 1;
    props->railId = abi::kUndefined;
    props->planeId = abi::kUndefined;
    if constexpr (kVersion >= 7) {
      props->netDeviceType = old.netDeviceType;
      props->netDeviceVersion = old.netDeviceVersion;
    }
    if constexpr (kVersion >= 8) props->regIsGlobal = old.regIsGlobal;
    if constexpr (kVersion >= 9) {
      props->forceFlush = old.forceFlush;
      props->maxP2pBytes = old.maxP2pBytes;
      props->maxCollBytes = old.maxCollBytes;
      props->vProps.ndevs = std::min(old.vProps.ndevs, abi::kMaxDevsPerNicV11);
      for (int i = 0; i < props->vProps.ndevs; ++i) {
        props->vProps.devs[i] = old.vProps.devs[i];
      }
    }
    if constexpr (kVersion >= 11) {
      props->maxMultiRequestSize = old.maxMultiRequestSize;
    }
  }

  Result IrecvWithInts(void* recv_comm, int n, void** data, size_t* bytes,
                       int* tags, void** mhandles, void** request) {
    if (n > kMaxGroup) return Result::kInternalError;
    if (*request == reinterpret_cast<void*>(abi::kOptionalRecvCompletion)) {
      *request = nullptr;
    }
    int sizes[kMaxGroup];
    for (int i = 0; i < n; ++i) {
      if (bytes[i] > abi::kMaxNetBytesBeforeV9) return Result::kInternalError;
      sizes[i] = static_cast<int>(bytes[i]);
    }
    return table_.irecv(recv_comm, n, data, sizes, tags, mhandles, request);
  }

  const Table& table_;
  // Up to v10 only: init is called when the first context opens.
  std::mutex mutex_;
  int contexts_ = 0;  // guarded by mutex_
  abi::NetCommConfigV12 config_ = {abi::kUndefined};
};

}  // namespace

std::vector<int> KnownNetVersions() {
#define ITHACA_VERSION(n) n,
  return {ITHACA_NET_VERSIONS(ITHACA_VERSION)};
#undef ITHACA_VERSION
}

std::unique_ptr<NetApi> WidenNetApi(int version, const void* table) {
  switch (version) {
#define ITHACA_WIDEN(n)                                                        \
  case n:                                                                      \
    return std::make_unique<Widened<n, abi::NetV##n, abi::NetPropertiesV##n>>( \
        static_cast<const abi::NetV##n*>(table));
    ITHACA_NET_VERSIONS(ITHACA_WIDEN)
#undef ITHACA_WIDEN
    default:
      return nullptr;
  }
}

}  // namespace ithaca::driver
