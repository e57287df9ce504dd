// Drives any NCCL net plugin the way NCCL's proxy threads do, with host memory
// and without a GPU.
//
// Who: ithaca-perf, the conformance and fault tests, and the CPU path of the
// sequence-parallel exchange. A complete program of rank r of n:
//
//   #include "plugin/driver/driver.h"
//   using namespace ithaca;
//   using namespace ithaca::driver;
//
//   Status Swap(int r, int n, const std::string& id) {  // id: see bootstrap.h
//     auto plugin = NetPlugin::Load("./libnccl-net-ithaca.so", {});
//     if (!plugin.ok()) return plugin.status();
//     BootstrapOptions where;
//     where.rank = r;
//     where.ranks = n;
//     auto bootstrap = Bootstrap::Join(id, where);
//     if (!bootstrap.ok()) return bootstrap.status();
//     auto comm = Communicator::Create(*plugin, bootstrap->get(), {});
//     if (!comm.ok()) return comm.status();
//     std::vector<float> out(n * 1024, r), in(n * 1024);
//     auto transfer = (*comm)->AllToAll(out.data(), in.data(), 4096);
//     if (!transfer.ok()) return transfer.status();
//     ITHACA_RETURN_IF_ERROR(transfer->Wait(10'000));  // in[s * 1024] == s
//     return (*comm)->Close();
//   }
//
// What is NCCL's: the service thread that listens, connects and registers; the
// one progress thread that polls isend, irecv and test in turns; the schedule
// of peers; the cutting into channels, chunks and steps; request slots with old
// values; the 0x1 preset; receives larger than what arrives; a zero-byte
// transfer as one zero-byte message; the first error ends the communicator.
// What is not: every rank counts as a host of its own, so that all peers but
// the rank itself go through the plugin.
//
// Threads: a Communicator is used by one thread at a time; transfers of it run
// together. Life cycle: Create on every rank, transfers in the same order
// between any two ranks, Close on every rank, in any order, at any time: it
// never waits for a peer. Destroying without Close closes.
#ifndef ITHACA_PLUGIN_DRIVER_DRIVER_H_
#define ITHACA_PLUGIN_DRIVER_DRIVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugin/core/status.h"
#include "plugin/driver/bootstrap.h"
#include "plugin/driver/connector.h"
#include "plugin/driver/counters.h"
#include "plugin/driver/net_plugin.h"
#include "plugin/driver/operation.h"
#include "plugin/driver/options.h"
#include "plugin/driver/progress_thread.h"
#include "plugin/driver/service_thread.h"
#include "plugin/driver/stage_planner.h"
#include "plugin/driver/stall_meter.h"

namespace ithaca::driver {

// A transfer that was started. Cheap to copy; outlived by its communicator.
class Transfer {
 public:
  // Until all of this rank's sends and receives are complete, or `timeout_ms`
  // have passed: then kDeadlineExceeded with what is pending, by peer, and the
  // transfer goes on. Any other error has ended the communicator, and names
  // the plugin's result and its last warning.
  // `watch`, when given, is called every 100 ms; its first error is returned
  // (give it Bootstrap::CheckPeers to learn of dead ranks).
  Status Wait(int64_t timeout_ms,
              const std::function<Status()>& watch = nullptr);
  bool done() const { return operation_->finished(); }
  // For how long this rank saw nothing complete and nothing move.
  // REQUIRES: done().
  const Stalls& stalls() const { return operation_->stall_meter.stalls(); }

 private:
  friend class Communicator;
  Transfer(std::shared_ptr<Operation> operation, ProgressThread* progress)
      : operation_(std::move(operation)), progress_(progress) {}

  // Shared with the progress thread.
  std::shared_ptr<Operation> operation_;
  ProgressThread* progress_;
};

class Communicator {
 public:
  // Connects all ranks of `bootstrap` through `plugin`. Every rank calls it
  // with the same options. On failure the other ranks are told the reason.
  // `bootstrap` is used during the call only.
  static StatusOr<std::unique_ptr<Communicator>> Create(
      std::shared_ptr<NetPlugin> plugin, Bootstrap* bootstrap,
      const CommunicatorOptions& options);
  ~Communicator();

  int rank() const { return core_->rank; }
  int ranks() const { return core_->ranks; }

  // Each starts a transfer and returns at once. Buffers stay the transfer's
  // until it is done, or until Close has returned. REQUIRES for all: both
  // sides of each pair give the same number of bytes.

  // Rank p gets `bytes_per_pair` at send + p * bytes_per_pair; what it sent
  // lands at recv + p * bytes_per_pair.
  StatusOr<Transfer> AllToAll(const void* send, void* recv,
                              size_t bytes_per_pair);
  // At most one entry per rank in each list; the own rank's bytes are copied.
  StatusOr<Transfer> AllToAllv(const std::vector<Outgoing>& sends,
                               const std::vector<Incoming>& recvs);
  // The same with offsets in bytes from two bases; each vector has ranks()
  // entries.
  struct Layout {
    std::vector<size_t> offsets;
    std::vector<size_t> bytes;
  };
  StatusOr<Transfer> AllToAllv(const void* send, const Layout& send_layout,
                               void* recv, const Layout& recv_layout);
  // To one rank and from one rank at the same time.
  StatusOr<Transfer> SendRecv(const Outgoing& send, const Incoming& recv);
  // `rounds` times there and back between two ranks, the same buffer both
  // ways. Exactly one of the two is the `initiator`.
  StatusOr<Transfer> PingPong(int peer, void* data, size_t bytes,
                              uint64_t rounds, bool initiator);

  // For options.user_buffers: transfers may only use memory inside registered
  // buffers (zero-byte ones excepted). May be called while others run.
  Status RegisterBuffer(void* data, size_t bytes);
  // REQUIRES: no running transfer uses it.
  Status DeregisterBuffer(void* data);

  // The error that ended this communicator, or OK.
  Status status() const { return progress_->status(); }
  // Ends all transfers with `reason` at once, requests in flight and all.
  void Abort(const std::string& reason);
  // Ends what runs, deregisters and closes everything. The first error that
  // the plugin returned meanwhile; kDeadlineExceeded when it did not return.
  Status Close();

  Counters counters() const { return core_->counters.Snapshot(); }
  // Name and speed of the device that channel 0 uses.
  const abi::NetPropertiesV12& device() const { return device_; }
  // Of a message through staging.
  size_t chunk_bytes() const;
  // Connections to and from other ranks.
  int connections() const;

 private:
  explicit Communicator(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  Status Open(std::shared_ptr<NetPlugin> plugin, uint64_t comm_id);
  Status Connect(Bootstrap* bootstrap);
  StatusOr<Transfer> Start(std::vector<Stage> stages, uint64_t repeat,
                           uint32_t op_bits);

  // Shared with the threads; see core.h.
  const std::shared_ptr<Core> core_;
  ServiceThread service_;
  std::unique_ptr<ProgressThread> progress_;
  BufferMap buffers_;
  const StagePlanner planner_{*core_, buffers_};
  abi::NetPropertiesV12 device_ = {};
  bool closed_ = false;
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_DRIVER_H_
