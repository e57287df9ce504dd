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
                                      const LinkRates& links) {
  if (spread.Peers() == 0) return 0.0;
  return Slowest(bytes, SharesOfAllToAll(spread), links);
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
