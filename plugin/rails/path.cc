#include "plugin/rails/path.h"

#include <algorithm>

namespace ithaca::rails {
namespace {

constexpr int64_t kRecentNs = 5'000'000'000;
// No wait is taken for longer.
constexpr int64_t kMostSpanNs = 10'000'000'000;
// The rate is an average over about this long in which something was coming.
constexpr double kRateNs = 20e6;
constexpr double kLeastBudget = 1024;
// What an arrival in time adds once the budget has been cut, of a step.
constexpr double kGrow = 1.0 / 16;
// The most that is cut at once.
constexpr double kLeastFactor = 0.5;
// A path unused for this long may be another one by now.
constexpr int64_t kStaleNs = 100'000'000;

// Differences of times of which one may be anything that a peer wrote.
int64_t Minus(int64_t a, int64_t b) {
  return static_cast<uint64_t>(a) - static_cast<uint64_t>(b);
}
int64_t Span(int64_t a, int64_t b) {
  return std::clamp<int64_t>(Minus(a, b), 0, kMostSpanNs);
}

}  // namespace

void RecentLeast::Add(int64_t value, int64_t now_ns) {
  if (since_ns_ == 0 || now_ns - since_ns_ > kRecentNs) {
    before_ = value_;
    value_ = kNone;
    since_ns_ = now_ns;
  }
  value_ = std::min(value_, value);
}

void Path::OnArrived(uint64_t bytes, const FragmentTimes& times,
                     const Bounds& bounds) {
  outstanding_ -= std::min(bytes, outstanding_);
  const int64_t now_ns = times.arrived_ns;
  const int64_t delay_ns = std::max<int64_t>(1, now_ns - times.granted_ns);
  delay_ns_ =
      delay_ns_ == 0 ? delay_ns : delay_ns_ + (delay_ns - delay_ns_) / 4;
  const int64_t busy_ns = now_ns - std::max(last_arrival_ns_, times.granted_ns);
  if (busy_ns > 0) {
    const double sample = bytes * 1e9 / busy_ns;
    const double weight =
        bytes_per_second_ == 0 ? 1 : std::min(1.0, busy_ns / kRateNs);
    bytes_per_second_ += weight * (sample - bytes_per_second_);
  }
  last_arrival_ns_ = now_ns;
  const int64_t forth = Minus(now_ns, times.sent_ns);
  const int64_t back = Minus(times.sent_ns, times.granted_ns);
  forth_.Add(forth, now_ns);
  back_.Add(back, now_ns);
  base_delay_ns_ = Span(forth_.value(), Minus(0, back_.value()));
  grant_wait_ns_ = Span(back, back_.value());
  waits_[next_wait_++ % waits_.size()] = Span(forth, forth_.value());
  const int64_t wait_ns = *std::min_element(waits_.begin(), waits_.end());
  if (budget_ == 0) budget_ = bounds.step;
  if (wait_ns > bounds.target_ns)
    return Cut(1 - 0.5 * (wait_ns - bounds.target_ns) / wait_ns, now_ns);
  budget_ += cut_ ? kGrow * bounds.step : bytes;
  budget_ = std::min<double>(budget_, bounds.most);
}

// What one round tells is one event.
void Path::Cut(double factor, int64_t now_ns) {
  if (cut_ && now_ns - last_cut_ns_ < delay_ns_) return;
  cut_ = true;
  last_cut_ns_ = now_ns;
  budget_ = std::max(kLeastBudget, budget_ * std::max(kLeastFactor, factor));
}

int64_t Path::delay_ns(int64_t now_ns) const {
  const bool stale = outstanding_ == 0 && now_ns - last_arrival_ns_ >
                                              std::max(kStaleNs, 4 * delay_ns_);
  return stale ? 0 : delay_ns_;
}

}  // namespace ithaca::rails
