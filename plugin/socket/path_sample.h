// What the kernel says of a TCP socket's path, for rails::LaneHealth.
//
// Used by socket lanes and by the sockets that watch over other lanes.
// Thread-safe; one system call, which does not block.
#ifndef ITHACA_PLUGIN_SOCKET_PATH_SAMPLE_H_
#define ITHACA_PLUGIN_SOCKET_PATH_SAMPLE_H_

#include "plugin/rails/lane_health.h"

namespace ithaca {

// False when `fd` is no TCP socket.
bool SamplePath(int fd, rails::PathSample* sample);

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SOCKET_PATH_SAMPLE_H_
