// What the two ends of a lane tell each other in the handshake.
//
// Layout, little-endian, 56 bytes:
//
//   offset  size  field
//        0     4  magic "ITHS"
//        4     2  version, 1
//        6     2  0
//        8     4  process id
//       12     4  descriptor of the engine's inbox in that process
//       16    16  id of the inbox
//       32     4  descriptor of the lane's segment; -1 from who has none (the
//                 connector, in its hello)
//       36     4  0
//       40    16  id of the segment
//
// Version rule: any change of this table, of segment.h, ring.h or inbox.h
// raises the version; ends of different versions use sockets.
#ifndef ITHACA_PLUGIN_SHM_SHM_ADDRESS_H_
#define ITHACA_PLUGIN_SHM_SHM_ADDRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "plugin/core/status.h"
#include "plugin/shm/segment.h"

namespace ithaca {

inline constexpr uint16_t kShmVersion = 2;
inline constexpr size_t kShmAddressBytes = 56;

struct ShmAddress {
  int32_t pid = 0;
  int32_t inbox_fd = -1;
  ShmId inbox{};
  int32_t segment_fd = -1;
  ShmId segment{};
};

std::string EncodeShmAddress(const ShmAddress& address);

// DATA_LOSS when the bytes are not ours, FAILED_PRECONDITION when they are of
// another version. What they name is for the opener to check.
Status DecodeShmAddress(std::string_view bytes, ShmAddress* address);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SHM_SHM_ADDRESS_H_
