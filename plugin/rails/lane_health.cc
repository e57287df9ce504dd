#include "plugin/rails/lane_health.h"

#include <algorithm>

namespace ithaca::rails {
namespace {

// The kernel counts in ticks of up to 10 ms.
constexpr int64_t kTickNs = 10'000'000;

}  // namespace

void LaneHealth::Start(int64_t now_ns) {
  *this = LaneHealth();
  sampled_ns_ = heard_ns_ = alive_ns_ = now_ns;
}

void LaneHealth::OnSample(const PathSample& sample, int64_t now_ns) {
  const int64_t heard_ns = now_ns - sample.heard_ago_ns;
  const bool heard = heard_ns + kTickNs > sampled_ns_;
  // The same bytes may not be outstanding as at the sample before, if anything
  // was acknowledged in between: then they count from now.
  if (!sample.outstanding || !outstanding_ || heard) alive_ns_ = now_ns;
  heard_ns_ = std::max(heard_ns_, heard_ns);
  outstanding_ = sample.outstanding;
  held_ = sample.held;
  sampled_ns_ = now_ns;
  silent_ = now_ns - alive_ns_ >=
            std::max(kSilentNs, kSilentRoundTrips * sample.round_trip_ns);
}

bool LaneHealth::WantsPing(int64_t now_ns) const {
  return !outstanding_ && !held_ && now_ns - heard_ns_ >= kPingNs;
}

}  // namespace ithaca::rails
