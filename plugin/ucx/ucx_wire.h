// What crosses the network in this folder beside frames: the head of an active
// message, and the address of a rail. Pure functions; thread-safe.
//
// UCX hands over an active message as a head and its data. A frame travels as
// one or more of them, its chunks, each small enough to be one packet of UCX:
// UCX then never assembles (and allocates) anything, and a chunk goes straight
// from the sender's memory to where the receiver wants it.
//
// Head, 48 bytes, little-endian:
//
//   offset  size  field
//        0     8  lane    the receiver's lane id (LaneBackend::ReserveLaneId)
//        8     4  number  of the frame on this lane, wraps; ties chunks
//        together
//       12     4  offset  of the chunk's first byte in the frame's payload
//       16    32  frame   as in frame.h; zeros in kAbort and kBye
//
// Active message ids: kChunk carries payload; kAbort says that the rest of
// frame `number` will not come; kBye that the sender's lane has closed. A
// kChunk whose frame is all zeros is withdrawn: UCX would not give it back, its
// payload means nothing, and it stands for an abort.
//
// Rail address, at most kMaxAddressBytes:
//
//   offset  size  field
//        0     4  magic     0x31584349 ("ICX1")
//        4     4  checksum  FNV-1a of all that follows
//        8     4  chunk_bytes  the longest chunk that this rail takes
//       12     2  label_bytes
//       14     2  ucx_bytes
//       16     n  label     what to call the rail in logs: "eth0 10.0.0.1"
//     16+n     m  ucx       UCX's worker address
//
// chunk_bytes is there because UCX aborts a process that is sent a longer
// packet than it was configured for. The checksum is against accidents. UCX
// itself trusts an address, so a peer that can forge a handshake can crash this
// process: the handshake's own protection is what keeps strangers out.
#ifndef ITHACA_PLUGIN_UCX_UCX_WIRE_H_
#define ITHACA_PLUGIN_UCX_UCX_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "plugin/core/status.h"
#include "plugin/transport/frame.h"

namespace ithaca {

enum UcxMessageId : unsigned { kUcxChunk = 1, kUcxAbort = 2, kUcxBye = 3 };

inline constexpr size_t kChunkHeadBytes = 48;

struct ChunkHead {
  uint64_t lane = 0;
  uint32_t number = 0;
  uint32_t offset = 0;
  Frame frame;
};

// For kUcxChunk.
void EncodeChunkHead(const ChunkHead& head, uint8_t out[kChunkHeadBytes]);
// For kUcxAbort and kUcxBye: no frame.
void EncodeNoteHead(uint64_t lane, uint32_t number,
                    uint8_t out[kChunkHeadBytes]);

// The lane alone, so that what follows can be blamed on it. Returns 0, which is
// no lane, when `bytes` is wrong.
uint64_t DecodeLane(const void* head, size_t bytes);

// Of a kUcxAbort. REQUIRES: DecodeLane() accepted the head.
uint32_t DecodeNumber(const void* head);

// Reads a head written by a peer that may be hostile. DATA_LOSS unless it is
// kChunkHeadBytes long, holds a valid frame, and [offset, offset + data_bytes)
// lies in the frame's payload. An empty chunk is valid for an empty payload
// only.
Status DecodeChunkHead(const void* head, size_t bytes, size_t data_bytes,
                       ChunkHead* out);

inline constexpr uint32_t kMinChunkBytes = 512;

struct RailAddress {
  uint32_t chunk_bytes = 0;
  std::string label;  // printable once decoded
  std::string ucx;
};

// REQUIRES: the result fits in kMaxAddressBytes.
std::string EncodeRailAddress(const RailAddress& address);

// DATA_LOSS when malformed or damaged.
StatusOr<RailAddress> DecodeRailAddress(std::string_view bytes);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_UCX_WIRE_H_
