// One face for every version of a net plugin's table, for tests that call it
// directly: nothing is checked, repaired or remembered on the way, and every
// argument reaches the plugin as the test gave it.
//
// Arguments that a version does not have are dropped; sizes that it cannot
// express fail the test. Used by this folder alone; plugin/driver has its own,
// which behaves as NCCL's wrappers do. Stateless; threads as the plugin's.
#ifndef ITHACA_TESTS_CONFORMANCE_NET_TABLE_H_
#define ITHACA_TESTS_CONFORMANCE_NET_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "plugin/abi/net_v12.h"

namespace ithaca::conformance {

class NetTable {
 public:
  virtual ~NetTable() = default;

  virtual int version() const = 0;
  // v11 and newer: init and finalize come once per communicator.
  bool has_contexts() const { return version() >= 11; }
  // v9 and newer: sizes are size_t, and irecv knows presets.
  bool has_wide_sizes() const { return version() >= 9; }

  // Up to v10 *ctx is left alone.
  virtual abi::Result Init(void** ctx, uint64_t comm_id,
                           abi::NetCommConfigV12* config, abi::Logger logger,
                           abi::ProfilerCallback profiler) = 0;
  virtual abi::Result Devices(int* ndev) = 0;
  // Fields that the version lacks stay as they are.
  virtual abi::Result GetProperties(int dev, abi::NetPropertiesV12* props) = 0;
  virtual abi::Result Listen(void* ctx, int dev, void* handle,
                             void** listen_comm) = 0;
  virtual abi::Result Connect(void* ctx, int dev, void* handle,
                              void** send_comm,
                              abi::NetDeviceHandle** device) = 0;
  virtual abi::Result Accept(void* listen_comm, void** recv_comm,
                             abi::NetDeviceHandle** device) = 0;
  virtual abi::Result RegMr(void* comm, void* data, size_t size, int type,
                            void** mhandle) = 0;
  virtual abi::Result DeregMr(void* comm, void* mhandle) = 0;
  virtual abi::Result Isend(void* comm, void* data, size_t size, int tag,
                            void* mhandle, void* phandle, void** request) = 0;
  virtual abi::Result Irecv(void* comm, int n, void** data, size_t* sizes,
                            int* tags, void** mhandles, void** phandles,
                            void** request) = 0;
  virtual abi::Result Iflush(void* comm, int n, void** data, int* sizes,
                             void** mhandles, void** request) = 0;
  virtual abi::Result Test(void* request, int* done, int* sizes) = 0;
  virtual abi::Result CloseSend(void* comm) = 0;
  virtual abi::Result CloseRecv(void* comm) = 0;
  virtual abi::Result CloseListen(void* comm) = 0;
  // Up to v10 both succeed without a call.
  virtual abi::Result Finalize(void* ctx) = 0;
  virtual abi::Result SetNetAttr(void* ctx, abi::NetAttrV12* attr) = 0;
};

// The versions in plugin/abi/versions.h, newest first.
std::vector<int> NetVersions();

// Looks the version up in a library opened with dlopen; null when it is absent.
std::unique_ptr<NetTable> FindNetTable(void* library, int version);

}  // namespace ithaca::conformance

#endif  // ITHACA_TESTS_CONFORMANCE_NET_TABLE_H_
