// Types that every version of NCCL's net and tuner plugin ABI shares.
//
// This folder declares the ABI in our own words: types and constants, no logic,
// no state. Users: plugin/net and plugin/tuner, which implement it, and
// plugin/driver and the tests, which call it. Fields and slots keep NCCL's
// spelling, so that a name found here is found there too.
#ifndef ITHACA_PLUGIN_ABI_COMMON_H_
#define ITHACA_PLUGIN_ABI_COMMON_H_

#include <cstddef>
#include <cstdint>

#include "plugin/abi/layout.h"

namespace ithaca::abi {

// ncclResult_t. NCCL's reading of it for plugins: kSystemError is the machine's
// fault, kInvalidUsage the user's, kInternalError NCCL's or ours, kRemoteError
// the peer's. Anything but kSuccess ends the communicator.
enum class Result : int32_t {
  kSuccess = 0,
  kUnhandledCudaError = 1,
  kSystemError = 2,
  kInternalError = 3,
  kInvalidArgument = 4,
  kInvalidUsage = 5,
  kRemoteError = 6,
  kInProgress = 7,
};

// ncclDebugLogLevel.
enum class DebugLevel : int32_t {
  kNone = 0,
  kVersion = 1,
  kWarn = 2,
  kInfo = 3,
  kAbort = 4,
  kTrace = 5,
};

// Bits of a log line's subsystem, for NCCL_DEBUG_SUBSYS; those a plugin needs.
inline constexpr unsigned long kSubsysInit = 0x1;
inline constexpr unsigned long kSubsysNet = 0x10;
inline constexpr unsigned long kSubsysTuning = 0x40;
inline constexpr unsigned long kSubsysEnv = 0x80;
inline constexpr unsigned long kSubsysAll = ~0UL;

// printf-like; adds the newline itself. May be called from any thread.
using Logger = void (*)(DebugLevel level, unsigned long subsys,
                        const char* file, int line, const char* format, ...);

// Reports an event of the network to NCCL's profiler. `type` is a
// ProfilerEvent; `phandle` is what isend or irecv was given. May be null.
using ProfilerCallback = Result (*)(void** event, int type, void* phandle,
                                    int64_t plugin_id, void* extra);

enum ProfilerEvent : int {
  kProfilerStart = 0,
  kProfilerStop = 1,
  kProfilerUpdate = 2,
  kProfilerUpdateAndStop = 3,
};

// Bytes of the buffer that listen fills and that reaches the connecting rank.
inline constexpr size_t kHandleBytes = 128;
// Requests that NCCL may have in flight on one communicator object.
inline constexpr int kMaxRequests = 32;
// Largest legal value of maxP2pBytes and maxCollBytes.
inline constexpr size_t kMaxNetBytes = size_t{1} << 40;
// Largest message that NCCL sends through v8 and older, which have no
// maxP2pBytes. A plugin's own limit must not be below it.
inline constexpr size_t kMaxNetBytesBeforeV9 = size_t{1} << 30;

// Values that NCCL puts into *request before irecv: completion need not be
// reported; the request is one of several for one transfer.
inline constexpr uintptr_t kOptionalRecvCompletion = 0x1;
inline constexpr uintptr_t kMultiRequest = 0x2;

// Bits of ptrSupport, and values of regMr's `type`.
inline constexpr int kPtrHost = 0x1;
inline constexpr int kPtrCuda = 0x2;
inline constexpr int kPtrDmaBuf = 0x4;

// "Not set": traffic class, every field of NetAttr, railId and planeId.
inline constexpr int kUndefined = -1;

// ncclFunc_t: what a tuner is asked about, and (shifted) what NetAttr::op says.
// From kAlltoAll on, the values are those of NCCL 2.28 and newer.
enum class Func : int32_t {
  kBroadcast = 0,
  kReduce = 1,
  kAllGather = 2,
  kReduceScatter = 3,
  kAllReduce = 4,
  kSendRecv = 5,
  kSend = 6,
  kRecv = 7,
  kAlltoAll = 8,
  kScatter = 9,
  kGather = 10,
};

// The bit of NetAttr::op that stands for `func`.
constexpr uint32_t OpBit(Func func) {
  return uint32_t{1} << static_cast<uint32_t>(func);
}

// Rows and columns of a tuner's cost table.
enum Algorithm : int {
  kAlgoTree = 0,
  kAlgoRing = 1,
  kAlgoCollNetDirect = 2,
  kAlgoCollNetChain = 3,
  kAlgoNvls = 4,
  kAlgoNvlsTree = 5,
  kAlgoPat = 6,
};
enum Protocol : int {
  kProtoLl = 0,
  kProtoLl128 = 1,
  kProtoSimple = 2,
};
// A cost table entry that NCCL has ruled out; it must stay as it is.
inline constexpr float kCostIgnore = -1.0F;

// ncclNetDeviceType. Ithaca is kHost: no transport code runs on the GPU.
enum class NetDeviceType : int32_t {
  kHost = 0,
  kUnpack = 1,
};
// netDeviceVersion of a plugin without device code.
inline constexpr int kNetDeviceInvalidVersion = 0;

// What connect and accept hand back for device offload, from v7 on.
struct NetDeviceHandle {
  NetDeviceType netDeviceType;
  int netDeviceVersion;
  void* handle;
  size_t size;
  int needsProxyProgress;
};
ITHACA_ABI_SIZE(NetDeviceHandle, 32);
ITHACA_ABI_AT(NetDeviceHandle, netDeviceType, 0);
ITHACA_ABI_AT(NetDeviceHandle, netDeviceVersion, 4);
ITHACA_ABI_AT(NetDeviceHandle, handle, 8);
ITHACA_ABI_AT(NetDeviceHandle, size, 16);
ITHACA_ABI_AT(NetDeviceHandle, needsProxyProgress, 24);

}  // namespace ithaca::abi

#endif  // ITHACA_PLUGIN_ABI_COMMON_H_
