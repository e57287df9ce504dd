// The canonical net plugin: NCCL's newest net ABI, implemented once.
//
// Older versions (net_v11.h down to net_v6.h) are narrowed from this table and
// add nothing of their own to the data path. See plugin/abi/net_v12.h for the
// rules that its callers and slots keep.
#ifndef ITHACA_PLUGIN_NET_NET_H_
#define ITHACA_PLUGIN_NET_NET_H_

#include "plugin/abi/net_v12.h"

namespace ithaca::net {

// What NCCL_NET compares with.
inline constexpr char kPluginName[] = "ithaca";

// Constant-initialised. getDeviceMr, irecvConsumed and makeVDevice are null
// (no code on the GPU; rails are fused here, not by NCCL); all else is set.
extern const abi::NetV12 kCanonical;

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_NET_H_
