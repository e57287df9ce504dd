// The 128 bytes that a listening rank gives to NCCL and a connecting one gets.
//
// Layout, little-endian:
//
//   offset  size  field
//        0     4  magic "ITHL"
//        4     2  kWireVersion
//        6     1  number of rails, 1 to 4
//        7     1  0
//        8     8  connector's own: the id of its attempt; 0 from the listener
//       16     8  id of the listener in its process
//       24     8  nonce that proves that the connector holds this handle
//       32     4  process id, for log lines
//       36     4  FNV-1a of all other bytes but the connector's own
//       40     8  identity of the listener's host, when it takes lanes over
//                 shared memory; else 0
//       48   4x20  per rail: family (4 or 6), 0, port (network order), address
//
// NCCL hands the connector the same buffer until it is connected, so the
// connector keeps the id of its attempt there; never a pointer, because the
// bytes come from another machine.
#ifndef ITHACA_PLUGIN_TRANSPORT_HANDLE_H_
#define ITHACA_PLUGIN_TRANSPORT_HANDLE_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/core/status.h"

namespace ithaca {

inline constexpr size_t kHandleSize = 128;
inline constexpr int kMaxRailsPerDevice = 4;

struct Handle {
  uint64_t attempt = 0;
  uint64_t listener = 0;
  uint64_t nonce = 0;
  uint32_t pid = 0;
  uint64_t host = 0;
  std::vector<sockaddr_storage> rails;
};

// REQUIRES: 1 to kMaxRailsPerDevice rails, each AF_INET or AF_INET6.
void EncodeHandle(const Handle& handle, void* bytes);

// INVALID_ARGUMENT when the bytes are not a handle of ours, or of another wire
// version (both sides need the same release).
Status DecodeHandle(const void* bytes, Handle* handle);

// Stores the connector's attempt in an encoded handle.
void SetHandleAttempt(void* bytes, uint64_t attempt);

// "10.0.0.1:4000" or "[fe80::1]:4000".
std::string AddressToString(const sockaddr_storage& address);
uint16_t AddressPort(const sockaddr_storage& address);  // host order
socklen_t AddressLength(const sockaddr_storage& address);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_TRANSPORT_HANDLE_H_
