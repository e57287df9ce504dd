// The part of a communicator that watches over its lanes (comms.h).
#include <algorithm>
#include <string>
#include <utility>

#include "plugin/net/comms.h"
#include "plugin/net/engine.h"

namespace ithaca::net {
namespace {

// How long after its last work a connection is still watched: until its last
// bytes are acknowledged; and longer while lanes are missing.
constexpr int64_t kRestNs = 2 * kWatchNs;
constexpr int64_t kRestoreNs = 10 * kNsPerSecond;
// The verdict comes within the peer time-out, not after it.
constexpr int64_t kVerdictNs = 2 * kWatchNs;

}  // namespace

Status Comm::AddLane(int index, int rail, uint32_t dial,
                     std::unique_ptr<Lane> lane, int guard_fd) {
  // First, so that the socket is closed when the connection takes no lane.
  std::unique_ptr<LaneGuard> guard;
  if (guard_fd >= 0)
    guard = std::make_unique<LaneGuard>(guard_fd, index, dial, connection(),
                                        engine_);
  ITHACA_RETURN_IF_ERROR(
      connection()->AddLane(index, rail, std::move(lane), dial));
  guards_[index] = std::move(guard);
  return Status();
}

void Comm::DropLanes() {
  connection()->DropLanes();  // before their guards: the peer hears of it last
  for (auto& guard : guards_) guard.reset();
}

void Comm::StartWatch(int64_t now_ns) {
  busy_ns_ = alive_ns_ = now_ns;
  for (WatchedLane& watched : watched_) watched.health.Start(now_ns);
}

bool Comm::Watch(int64_t now_ns) {
  // At rest, or between messages: its last bytes are looked after at the end of
  // the rest. Those who have thousands of peers pay for the busy ones.
  if (!connection()->busy() && now_ns - busy_ns_ < kRestNs &&
      connection()->whole()) {
    alive_ns_ = now_ns;
    return true;
  }
  CheckLanes(now_ns);
  if (!connection()->status().ok()) return false;
  if (connection()->busy())
    busy_ns_ = now_ns;
  else
    alive_ns_ = now_ns;
  Restore(now_ns);
  FailWhenOverdue(now_ns);
  if (!connection()->status().ok()) return false;
  bool whole = true;
  for (int i = 0; i < kMaxLanes; ++i)
    whole &=
        connection()->dial(i) == 0 || (Works(i) && !watched_[i].outstanding);
  return now_ns - busy_ns_ < (whole ? kRestNs : kRestoreNs);
}

bool Comm::Works(int index) {
  return connection()->lane(index) != nullptr &&
         !watched_[index].health.silent();
}

bool Comm::AnyLaneWorks() {
  for (int i = 0; i < kMaxLanes; ++i)
    if (Works(i)) return true;
  return false;
}

bool Comm::Sample(int index, rails::PathSample* sample) {
  if (guards_[index] != nullptr) return guards_[index]->Sample(sample);
  return connection()->lane(index)->Sample(sample);
}

void Comm::Ping(int index) {
  if (guards_[index] != nullptr) return guards_[index]->Ping();
  Frame ping;
  ping.type = FrameType::kPing;
  connection()->lane(index)->Send(ping, nullptr);
}

void Comm::CheckLane(int index, int64_t now_ns) {
  Lane* const lane = connection()->lane(index);
  WatchedLane& watched = watched_[index];
  if (watched.dial != connection()->dial(index)) {
    watched.dial = connection()->dial(index);
    watched.health.Start(now_ns);
  }
  rails::PathSample sample;
  const uint64_t bytes_received = lane->counters().bytes_received;
  // What arrives shows that the path works, without a system call.
  const bool heard = bytes_received != watched.bytes_received;
  watched.bytes_received = bytes_received;
  if (!heard && !Sample(index, &sample)) sample = rails::PathSample();
  watched.health.OnSample(sample, now_ns);
  watched.outstanding = heard || sample.outstanding || sample.held;
  if (connection()->busy() && watched.health.WantsPing(now_ns)) Ping(index);
}

void Comm::CheckLanes(int64_t now_ns) {
  for (int i = 0; i < kMaxLanes; ++i) {
    // Its socket would hold the peer back, which waits for it to close.
    if (guards_[i] != nullptr && (connection()->lane(i) == nullptr ||
                                  guards_[i]->dial() != connection()->dial(i)))
      guards_[i].reset();
    if (connection()->lane(i) != nullptr) CheckLane(i, now_ns);
  }
  // The only lane is kept though it is silent: it may work again before a new
  // one does. A peer that has left sends nothing on any.
  const bool others = AnyLaneWorks() || connection()->peer_left();
  for (int i = 0; i < kMaxLanes; ++i) {
    if (connection()->lane(i) == nullptr) continue;
    const rails::LaneHealth& health = watched_[i].health;
    if (!health.silent()) {
      alive_ns_ = std::max(alive_ns_, health.alive_ns());
    } else if (others) {
      connection()->LoseLane(
          i, watched_[i].dial,
          Errorf(Code::kUnavailable,
                 "%s: the network has been silent for %d ms",
                 connection()->lane(i)->Describe().c_str(),
                 static_cast<int>((now_ns - health.alive_ns()) / kNsPerMs)));
    }
  }
}

void Comm::FailWhenOverdue(int64_t now_ns) {
  const int timeout_s = engine_->config().options.peer_timeout_s;
  if (now_ns - alive_ns_ < timeout_s * kNsPerSecond - kVerdictNs) return;
  std::string lanes;
  for (int i = 0; i < kMaxLanes; ++i) {
    const std::string words = DescribeLane(i);
    if (!words.empty()) lanes += (lanes.empty() ? "" : "; ") + words;
  }
  connection()->Fail(Errorf(
      Code::kDeadlineExceeded,
      "none of its rails has worked for %d s (ITHACA_PEER_TIMEOUT): %s. Are "
      "links, switches and firewalls between the two hosts well?",
      timeout_s, lanes.c_str()));
}

}  // namespace ithaca::net
