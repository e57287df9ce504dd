// NCCL's LL layout: every 8 bytes of payload travel in a 16-byte line with two
// flags, so that the reader sees by the flags alone whether a line is there.
//
//   0 u32 data   4 u32 flag   8 u32 data   12 u32 flag      (native endian)
//
// A plugin may report an LL receive as complete before its bytes have arrived;
// the receiver polls the flags. Functions on the caller's memory; the reader
// may race with the writer of the lines, nothing else may.
#ifndef ITHACA_PLUGIN_DRIVER_LL_LINES_H_
#define ITHACA_PLUGIN_DRIVER_LL_LINES_H_

#include <cstddef>
#include <cstdint>

namespace ithaca::driver {

// Bytes of lines for `bytes` of payload; 0 for none.
size_t LlWireBytes(size_t bytes);

// REQUIRES: `lines` has LlWireBytes(bytes), 8-byte aligned.
void LlEncode(const void* data, size_t bytes, uint32_t flag, void* lines);

// True when every line carries `flag`.
bool LlArrived(const void* lines, size_t bytes, uint32_t flag);

void LlDecode(const void* lines, size_t bytes, void* data);

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_LL_LINES_H_
