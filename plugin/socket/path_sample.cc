#include "plugin/socket/path_sample.h"

#include <linux/tcp.h>  // has more of tcp_info than the C library's header
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

namespace ithaca {

bool SamplePath(int fd, rails::PathSample* sample) {
  constexpr int64_t kNsPerMs = 1'000'000, kNsPerUs = 1'000;
  tcp_info info = {};
  socklen_t length = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
      length < offsetof(tcp_info, tcpi_notsent_bytes))
    return false;
  // A closed window leaves bytes unsent and none on their way; probes of the
  // window come ever more rarely, so that their age says nothing.
  sample->outstanding = info.tcpi_unacked > 0;
  sample->held = info.tcpi_unacked == 0 && info.tcpi_notsent_bytes > 0;
  sample->heard_ago_ns = info.tcpi_last_ack_recv * kNsPerMs;
  sample->round_trip_ns = info.tcpi_rtt * kNsPerUs;
  return true;
}

}  // namespace ithaca
