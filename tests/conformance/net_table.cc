#include "tests/conformance/net_table.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <climits>
#include <string>

#include "plugin/abi/net_v10.h"
#include "plugin/abi/net_v11.h"
#include "plugin/abi/net_v6.h"
#include "plugin/abi/net_v7.h"
#include "plugin/abi/net_v8.h"
#include "plugin/abi/net_v9.h"
#include "plugin/abi/versions.h"

namespace ithaca::conformance {
namespace {

using abi::Result;

int ToInt(size_t size) {
  EXPECT_LE(size, static_cast<size_t>(INT_MAX));
  return static_cast<int>(size);
}

template <int kVersion, typename Table, typename Props>
class TypedTable final : public NetTable {
 public:
  explicit TypedTable(const Table* table) : table_(*table) {}

  int version() const override { return kVersion; }

  Result Init(void** ctx, uint64_t comm_id, abi::NetCommConfigV12* config,
              abi::Logger logger, abi::ProfilerCallback profiler) override {
    if constexpr (kVersion >= 11) {
      return table_.init(ctx, comm_id, config, logger, profiler);
    } else if constexpr (kVersion == 10) {
      return table_.init(logger, profiler);
    } else {
      return table_.init(logger);
    }
  }

  Result Devices(int* ndev) override { return table_.devices(ndev); }

  Result GetProperties(int dev, abi::NetPropertiesV12* props) override {
    if constexpr (kVersion == 12) {
      return table_.getProperties(dev, props);
    } else {
      Props old{};
      const Result result = table_.getProperties(dev, &old);
      if (result == Result::kSuccess) Widen(old, props);
      return result;
    }
  }

  Result Listen(void* ctx, int dev, void* handle, void** comm) override {
    if constexpr (kVersion >= 11) {
      return table_.listen(ctx, dev, handle, comm);
    } else {
      return table_.listen(dev, handle, comm);
    }
  }

  Result Connect(void* ctx, int dev, void* handle, void** comm,
                 abi::NetDeviceHandle** device) override {
    if constexpr (kVersion >= 11) {
      return table_.connect(ctx, dev, handle, comm, device);
    } else if constexpr (kVersion == 10) {
      return table_.connect(dev, /*config=*/nullptr, handle, comm, device);
    } else if constexpr (kVersion >= 7) {
      return table_.connect(dev, handle, comm, device);
    } else {
      return table_.connect(dev, handle, comm);
    }
  }

  Result Accept(void* listen_comm, void** comm,
                abi::NetDeviceHandle** device) override {
    if constexpr (kVersion >= 7) {
      return table_.accept(listen_comm, comm, device);
    } else {
      return table_.accept(listen_comm, comm);
    }
  }

  Result RegMr(void* comm, void* data, size_t size, int type,
               void** mhandle) override {
    if constexpr (kVersion >= 8) {
      return table_.regMr(comm, data, size, type, mhandle);
    } else {
      return table_.regMr(comm, data, ToInt(size), type, mhandle);
    }
  }

  Result DeregMr(void* comm, void* mhandle) override {
    return table_.deregMr(comm, mhandle);
  }

  Result Isend(void* comm, void* data, size_t size, int tag, void* mhandle,
               void* phandle, void** request) override {
    if constexpr (kVersion >= 10) {
      return table_.isend(comm, data, size, tag, mhandle, phandle, request);
    } else if constexpr (kVersion == 9) {
      return table_.isend(comm, data, size, tag, mhandle, request);
    } else {
      return table_.isend(comm, data, ToInt(size), tag, mhandle, request);
    }
  }

  Result Irecv(void* comm, int n, void** data, size_t* sizes, int* tags,
               void** mhandles, void** phandles, void** request) override {
    if constexpr (kVersion >= 10) {
      return table_.irecv(comm, n, data, sizes, tags, mhandles, phandles,
                          request);
    } else if constexpr (kVersion == 9) {
      return table_.irecv(comm, n, data, sizes, tags, mhandles, request);
    } else {
      std::vector<int> ints;
      for (int i = 0; i < n; ++i) ints.push_back(ToInt(sizes[i]));
      return table_.irecv(comm, n, data, ints.data(), tags, mhandles, request);
    }
  }

  Result Iflush(void* comm, int n, void** data, int* sizes, void** mhandles,
                void** request) override {
    return table_.iflush(comm, n, data, sizes, mhandles, request);
  }
  Result Test(void* request, int* done, int* sizes) override {
    return table_.test(request, done, sizes);
  }
  Result CloseSend(void* comm) override { return table_.closeSend(comm); }
  Result CloseRecv(void* comm) override { return table_.closeRecv(comm); }
  Result CloseListen(void* comm) override { return table_.closeListen(comm); }

  Result Finalize(void* ctx) override {
    if constexpr (kVersion >= 11) {
      return table_.finalize(ctx);
    } else {
      return Result::kSuccess;
    }
  }

  Result SetNetAttr(void* ctx, abi::NetAttrV12* attr) override {
    if constexpr (kVersion >= 11) {
      return table_.setNetAttr(ctx, attr);
    } else {
      return Result::kSuccess;
    }
  }

 private:
  static void Widen(const Props& old, abi::NetPropertiesV12* props) {
    props->name = old.name;
    props->pciPath = old.pciPath;
    props->guid = old.guid;
    props->ptrSupport = old.ptrSupport;
    props->speed = old.speed;
    props->port = old.port;
    props->latency = old.latency;
    props->maxComms = old.maxComms;
    props->maxRecvs = old.maxRecvs;
    if constexpr (kVersion >= 7) {
      props->netDeviceType = old.netDeviceType;
      props->netDeviceVersion = old.netDeviceVersion;
    }
    if constexpr (kVersion >= 8) props->regIsGlobal = old.regIsGlobal;
    if constexpr (kVersion >= 9) {
      props->forceFlush = old.forceFlush;
      props->vProps.ndevs = old.vProps.ndevs;
      props->vProps.devs[0] = old.vProps.devs[0];
      props->maxP2pBytes = old.maxP2pBytes;
      props->maxCollBytes = old.maxCollBytes;
    }
    if constexpr (kVersion >= 11) {
      props->maxMultiRequestSize = old.maxMultiRequestSize;
    }
  }

  const Table& table_;
};

}  // namespace

std::vector<int> NetVersions() {
#define ITHACA_VERSION(n) n,
  return {ITHACA_NET_VERSIONS(ITHACA_VERSION)};
#undef ITHACA_VERSION
}

std::unique_ptr<NetTable> FindNetTable(void* library, int version) {
  const std::string name = "ncclNetPlugin_v" + std::to_string(version);
  const void* table = dlsym(library, name.c_str());
  if (table == nullptr) return nullptr;
  switch (version) {
#define ITHACA_CASE(n)                                        \
  case n:                                                     \
    return std::make_unique<                                  \
        TypedTable<n, abi::NetV##n, abi::NetPropertiesV##n>>( \
        static_cast<const abi::NetV##n*>(table));
    ITHACA_NET_VERSIONS(ITHACA_CASE)
#undef ITHACA_CASE
    default:
      return nullptr;
  }
}

}  // namespace ithaca::conformance
