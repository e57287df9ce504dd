#include "daemon/planner/cost/spread.h"

namespace ithaca::planner {

LinkShares SharesOfAllToAll(const Spread& spread) {
  LinkShares shares{};
  const double peers = spread.Peers();
  if (peers == 0) return shares;
  for (size_t c = 0; c < kLinkClasses; ++c) shares[c] = spread.peers[c] / peers;
  return shares;
}

LinkShares SharesOfRing(const Spread& spread) {
  LinkShares shares{};
  const double members = spread.Peers() + 1.0;
  if (members == 1) return shares;
  double within = 1;
  double farther = 1;  // share of the hops that leave the units so far
  for (size_t c = 0; c < kLinkClasses; ++c) {
    within += spread.peers[c];
    const double beyond = within < members ? 1 / within : 0;
    shares[c] = farther - beyond;
    farther = beyond;
  }
  return shares;
}

}  // namespace ithaca::planner
