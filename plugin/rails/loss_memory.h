// Whether a path loses packets so often that it counts as narrow: a queue on
// its way overflows, a full uplink between switches most likely.
//
// Used by CreditBroker, one per path. A loss now and then is the network's
// business; some within a second make the path narrow for seconds, and again
// soon after it was let go, for twice as long. Pure; confined to the thread
// that holds the engine's lock.
#ifndef ITHACA_PLUGIN_RAILS_LOSS_MEMORY_H_
#define ITHACA_PLUGIN_RAILS_LOSS_MEMORY_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace ithaca::rails {

class LossMemory {
 public:
  // Packets were lost, as the sender has just told.
  void OnLoss(int64_t now_ns) {
    losses_ = 1 + losses_ * std::exp((lost_ns_ - now_ns) / kForgetNs);
    lost_ns_ = now_ns;
    const bool narrow_now = narrow(now_ns);
    if (losses_ < kOften && !narrow_now) return;
    if (!narrow_now) {
      const bool again =
          until_ns_ != 0 && now_ns - until_ns_ < std::max(kAgainNs, for_ns_);
      for_ns_ = again ? std::min(2 * for_ns_, kLongestNs) : kFirstNs;
    }
    until_ns_ = now_ns + for_ns_;
  }

  bool narrow(int64_t now_ns) const { return now_ns < until_ns_; }

 private:
  // So many losses within about kForgetNs are often.
  static constexpr double kOften = 2.5;
  static constexpr double kForgetNs = 1e9;
  static constexpr int64_t kFirstNs = 4'000'000'000;
  static constexpr int64_t kLongestNs = 64'000'000'000;
  static constexpr int64_t kAgainNs = 1'000'000'000;

  double losses_ = 0;  // lately
  int64_t lost_ns_ = 0;
  int64_t for_ns_ = kFirstNs;
  int64_t until_ns_ = 0;
};

}  // namespace ithaca::rails

#endif  // ITHACA_PLUGIN_RAILS_LOSS_MEMORY_H_
