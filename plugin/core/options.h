// Every ITHACA_* variable that the plugin reads, in one place.
//
// Parsed once, by the plugin's first init; a value afterwards. Immutable.
#ifndef ITHACA_PLUGIN_CORE_OPTIONS_H_
#define ITHACA_PLUGIN_CORE_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "plugin/core/status.h"

namespace ithaca {

struct Options {
  // ITHACA_RAILS=eth0,eth1 | auto. The interfaces that carry traffic, exactly;
  // "auto" takes every interface that is up and neither loopback nor a virtual
  // bridge. Empty (unset): NCCL_SOCKET_IFNAME's rules, else "auto".
  std::string rails;
  // NCCL_SOCKET_IFNAME, which NCCL's users know: a list of prefixes, "=" before
  // it for exact names, "^" to exclude. Read only when ITHACA_RAILS is unset.
  std::string socket_ifname;
  // NCCL_HOSTID, which NCCL's users know: ranks with the same one are on one
  // host, whatever else differs. Empty (unset): the machine is asked.
  std::string host_id;

  // ITHACA_DEVICES=fused | split. Whether rails of one locality are shown to
  // NCCL as one device (default) or each as a device of its own.
  enum class Devices { kFused, kSplit };
  Devices devices = Devices::kFused;

  // ITHACA_LANES=auto | ucx | socket. What carries lanes over TCP. "auto"
  // (default) takes plain sockets. "ucx": UCX on every rail; init fails when it
  // is not installed.
  enum class Lanes { kAuto, kUcx, kSocket };
  Lanes lanes = Lanes::kAuto;

  // ITHACA_SHM=1 | 0. Whether ranks on one host talk over shared memory; both
  // ends must want it.
  bool shm = true;

  // ITHACA_PEER_TIMEOUT=30 (seconds, 1 to 3600). How long a peer may take to
  // connect, and how long all rails to it may be out of work before pending
  // requests fail. A peer that is merely late is waited for.
  int peer_timeout_s = 30;

  // ITHACA_EAGER_BYTES=8192 (0 to 65536). Messages up to this size travel
  // without being granted, while few bytes wait for their acknowledgement.
  size_t eager_bytes = 8 << 10;

  // ITHACA_FRAGMENT_BYTES (1024 to 16777216). The most that a lane carries at a
  // time of a granted message. 0 (unset): by the rail's measured speed, 16 KiB
  // to 512 KiB.
  size_t fragment_bytes = 0;

  // ITHACA_WINDOW_BYTES (at least 1024). What may be granted and on its way to
  // one rail, over all peers of a communicator. 0 (unset): by the rail's
  // measured speed, 32 KiB to 8 MiB.
  // Engines that receive over one NIC share it.
  size_t window_bytes = 0;

  // ITHACA_RUN_DIR. The folder of the node page, through which the processes of
  // a node share their NICs. Empty (unset): /run/ithaca for root, else
  // $XDG_RUNTIME_DIR/ithaca.
  std::string run_dir;

  // Reads `environment` (environ's form: NAME=value, null at the end).
  // INVALID_ARGUMENT, naming the variable, what is legal and the nearest known
  // name, when an ITHACA_* variable is unknown or malformed.
  static StatusOr<Options> FromEnvironment(const char* const* environment);
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_CORE_OPTIONS_H_
