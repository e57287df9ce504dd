// How a communicator drives its plugin. A plain value.
#ifndef ITHACA_PLUGIN_DRIVER_OPTIONS_H_
#define ITHACA_PLUGIN_DRIVER_OPTIONS_H_

#include <cstddef>
#include <cstdint>

namespace ithaca::driver {

// How the pointers that a plugin must not rely on are passed.
enum class CallStyle {
  // As NCCL's proxy: sizes in test, profiler handles in isend and irecv.
  kProxy,
  // As NCCL's out-of-band bootstrap: both null.
  kBootstrap,
};

// Ranks that meet must be given the same values (but for device and times);
// Communicator::Create says so when they were not.
struct CommunicatorOptions {
  // -1: channel c uses device c modulo their number.
  int device = -1;
  // Connections per peer and direction (NCCL_NCHANNELS_PER_NET_PEER).
  int channels = 2;
  // Largest message through staging. 0: as NCCL, NCCL_P2P_NET_CHUNKSIZE, which
  // a plugin's init may set, or 128 KiB.
  size_t chunk_bytes = 0;
  // Transfers of up to this many bytes per channel use NCCL's LL layout, which
  // doubles them on the wire, with the 0x1 preset (NCCL_P2P_LL_THRESHOLD is
  // 16384). 0: never.
  size_t ll_threshold_bytes = 0;
  // Messages in flight per connection, 1 to 8. 0: NCCL's own rule, 8 or 16
  // divided by the peers served at once, whichever is less.
  int pipeline_depth = 0;
  // Streams per connection, 1 to 8 and at most the devices' maxRecvs. More than
  // one is how NCCL uses a connection that the ranks of a host share (PXN):
  // each stream sends under a tag of its own, and the receiver posts the
  // buffers of all of them in one irecv.
  int group = 1;
  // Users' buffers go to the plugin as they are, in messages of up to 1 GiB,
  // once registered with RegisterBuffer. False: through staging.
  bool user_buffers = false;
  // How long a rank with a transfer running may see nothing complete and
  // nothing move until that counts as a stall (Transfer::stalls).
  int64_t stall_threshold_ms = 100;
  CallStyle call_style = CallStyle::kProxy;
  // For creating and for closing, each.
  int64_t timeout_ms = 30'000;
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_OPTIONS_H_
