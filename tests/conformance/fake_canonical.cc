#include "plugin/net/net.h"

namespace ithaca::net {
extern const abi::NetV12 kCanonical = {kPluginName};
}
extern "C" const ithaca::abi::NetV12 ncclNetPlugin_v12 =
    ithaca::net::kCanonical;
