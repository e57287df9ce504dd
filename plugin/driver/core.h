// What the threads of one communicator share.
//
// Filled in by the connector on the service thread before the progress thread
// starts, and constant from then on, except: a stream's request slots and
// step belong to the progress thread, counters to their own rules. Shared
// ownership: a thread that is stuck inside a plugin keeps it alive.
#ifndef ITHACA_PLUGIN_DRIVER_CORE_H_
#define ITHACA_PLUGIN_DRIVER_CORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "plugin/driver/counters.h"
#include "plugin/driver/net_plugin.h"
#include "plugin/driver/options.h"
#include "plugin/driver/p2p_plan.h"
#include "plugin/driver/staging.h"

namespace ithaca::driver {

inline constexpr size_t kLlSlotBytes = 2 * kLlStepDataBytes;

// Messages of one tag on a connection, in order.
struct Stream {
  // NCCL leaves old values in the slots that it hands to isend; so do we.
  // Requests for a group of streams are in the slots of the first.
  void* requests[kSteps];
  uint64_t step = 0;  // of the next message, over all operations

  Stream();
};

// One send or receive communicator object of the plugin.
struct Connection {
  int peer = 0;
  int channel = 0;
  bool sends = false;
  void* listen = nullptr;  // receive side, until accepted
  void* comm = nullptr;    // null until connected
  // The rank's staging, registered on each connection; a plugin's handle may
  // be null.
  void* staging_mr = nullptr;
  bool staging_registered = false;
  void* ll_mr = nullptr;
  bool ll_registered = false;
  Staging ll;  // per stream kSteps slots of kLlSlotBytes, when LL is in use
  std::vector<Stream> streams;  // CommunicatorOptions::group of them
};

struct Core {
  CommunicatorOptions options;
  int rank = 0;
  int ranks = 1;
  std::unique_ptr<NetContext> context;
  size_t max_message_bytes = 0;  // the devices' least maxP2pBytes
  Staging send_staging;          // channels * slots_per_channel * chunk_bytes
  Staging recv_staging;
  int slots_per_channel = kSharedSteps;
  // [peer * channels + channel]; null for the rank itself.
  std::vector<std::unique_ptr<Connection>> sends;
  std::vector<std::unique_ptr<Connection>> recvs;
  LiveCounters counters;
  // The plugin call that runs now on each thread, for the report of a hang.
  std::atomic<const char*> progress_call{nullptr};
  std::atomic<const char*> service_call{nullptr};

  NetApi& api() const { return context->api(); }
  P2pTuning tuning() const {
    return {options.chunk_bytes, options.channels, options.ll_threshold_bytes};
  }
  Connection* connection(bool sends_to, int peer, int channel) const {
    return (sends_to ? sends : recvs)[peer * options.channels + channel].get();
  }
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_CORE_H_
