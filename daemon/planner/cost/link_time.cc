#include "daemon/planner/cost/link_time.h"

#include <algorithm>

namespace ithaca::planner {
namespace {

constexpr size_t kLeaf = static_cast<size_t>(LinkClass::kLeaf);
constexpr size_t kUplink = static_cast<size_t>(LinkClass::kUplink);

size_t Farthest(const Spread& spread) {
  size_t farthest = 0;
  for (size_t c = 0; c < kLinkClasses; ++c) {
    if (spread.peers[c] > 0) farthest = c;
  }
  return farthest;
}

// The slowest of the classes when class c carries `shares[c]` of `bytes`.
std::optional<double> Slowest(double bytes, LinkShares shares,
                              const LinkRates& links) {
  shares[kLeaf] += shares[kUplink];
  double slowest = 0;
  for (size_t c = 0; c < kLinkClasses; ++c) {
    if (shares[c] <= 0) continue;
    if (!links[c]) return std::nullopt;
    slowest = std::max(slowest, SecondsOf(*links[c], bytes * shares[c]));
  }
  return slowest;
}

// Seconds until `near` bytes of the pod and `far` bytes beyond it have passed
// the NIC, latencies aside. At first both classes share it, `near_part` of it
// for the near flows unless the uplink leaves them more; then the rest has it.
double SharedNicSeconds(double near, double far, double near_part, double nic,
                        double uplink) {
  const double far_rate = std::min(uplink, nic * (1 - near_part));
  const double near_rate = nic - far_rate;
  const double near_end = near / near_rate;
  const double far_end = far / far_rate;
  if (near_end <= far_end) {
    return near_end + (far - far_rate * near_end) / std::min(uplink, nic);
  }
  return far_end + (near - near_rate * far_end) / nic;
}

// Whether both near and far flows go through the NIC, at rates that are known
// and not measured as times.
bool SharesNic(const Spread& spread, const LinkRates& links) {
  return spread.peers[kLeaf] > 0 && spread.peers[kUplink] > 0 && links[kLeaf] &&
         links[kUplink] && links[kLeaf]->measured.empty() &&
         links[kUplink]->measured.empty();
}

double NicSeconds(double bytes_per_peer, const Spread& spread,
                  const LinkRate& leaf, const LinkRate& uplink) {
  const double near = spread.peers[kLeaf];
  const double far = spread.peers[kUplink];
  // Weights of a flow: the latency of the other class.
  const bool equal = leaf.latency_seconds <= 0 || uplink.latency_seconds <= 0;
  const double near_weight = near * (equal ? 1 : uplink.latency_seconds);
  const double far_weight = far * (equal ? 1 : leaf.latency_seconds);
  return std::max(leaf.latency_seconds, uplink.latency_seconds) +
         SharedNicSeconds(near * bytes_per_peer, far * bytes_per_peer,
                          near_weight / (near_weight + far_weight),
                          leaf.bytes_per_second, uplink.bytes_per_second);
}

}  // namespace

double SecondsOf(const LinkRate& rate, double bytes) {
  const std::vector<MeasuredTime>& points = rate.measured;
  if (points.empty()) {
    return rate.latency_seconds + bytes / rate.bytes_per_second;
  }
  const auto next = std::lower_bound(
      points.begin(), points.end(), bytes,
      [](const MeasuredTime& point, double b) { return point.bytes < b; });
  if (next == points.begin()) return next->seconds;
  const MeasuredTime& before = *(next - 1);
  if (next == points.end()) {
    return before.bytes > 0 ? before.seconds / before.bytes * bytes
                            : before.seconds;
  }
  return before.seconds + (next->seconds - before.seconds) *
                              (bytes - before.bytes) /
                              (next->bytes - before.bytes);
}

std::optional<double> AllToAllSeconds(double bytes, const Spread& spread,
                                      const LinkRates& links,
                                      NicSharing sharing) {
  if (spread.Peers() == 0) return 0.0;
  const std::optional<double> apart =
      Slowest(bytes, SharesOfAllToAll(spread), links);
  if (!apart || sharing == NicSharing::kUplinkFull ||
      !SharesNic(spread, links)) {
    return apart;
  }
  return std::max(*apart, NicSeconds(bytes / spread.Peers(), spread,
                                     *links[kLeaf], *links[kUplink]));
}

std::optional<double> RingCollectiveSeconds(double bytes, const Spread& spread,
                                            const LinkRates& links) {
  const uint32_t peers = spread.Peers();
  if (peers == 0) return 0.0;
  const std::optional<double> once =
      Slowest(bytes, SharesOfRing(spread), links);
  if (!once) return once;
  return *once + (peers - 1) * links[Farthest(spread)]->latency_seconds;
}

std::optional<double> HopSeconds(double bytes, const Spread& spread,
                                 const LinkRates& links) {
  if (spread.Peers() == 0) return 0.0;
  const std::optional<LinkRate>& link = links[Farthest(spread)];
  if (!link) return std::nullopt;
  return SecondsOf(*link, bytes);
}

}  // namespace ithaca::planner
