// Watches over a lane that has no TCP socket of its own (UCX).
//
// It holds the socket of the handshake, which lies on the same rail. When the
// peer closes it, last of all, or dies, the lane is down; what the peer sent
// before on the lane itself may still be on its way then, so the lane gets
// kLaneGraceNs more. And it tells whether the path works, by pings on the
// socket. With the engine's lock held.
#ifndef ITHACA_PLUGIN_NET_LANE_GUARD_H_
#define ITHACA_PLUGIN_NET_LANE_GUARD_H_

#include <cstdint>

#include "plugin/core/clock.h"
#include "plugin/core/status.h"
#include "plugin/rails/lane_health.h"
#include "plugin/socket/poller.h"
#include "plugin/transport/connection.h"

namespace ithaca::net {

class Engine;

inline constexpr int64_t kLaneGraceNs = 200 * kNsPerMs;

class LaneGuard : private Pollable {
 public:
  // Takes over `fd`. The lane is number `index` of `connection`, by its dial
  // `dial`.
  LaneGuard(int fd, int index, uint32_t dial, Connection* connection,
            Engine* engine);
  ~LaneGuard() override;

  uint32_t dial() const { return dial_; }
  bool Sample(rails::PathSample* sample) const;
  // Sends a byte that means nothing, to be acknowledged.
  void Ping();

  // The grace is over.
  void Expire();

 private:
  void OnReady(uint32_t events) override;

  const int fd_;
  const int index_;
  const uint32_t dial_;
  Connection* const connection_;
  Engine* const engine_;
  uint64_t token_ = 0;
};

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_LANE_GUARD_H_
