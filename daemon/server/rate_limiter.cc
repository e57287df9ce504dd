#include "daemon/server/rate_limiter.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace ithaca::server {
namespace {

constexpr Cost kClasses[kCostClasses] = {Cost::kCheap, Cost::kPlanning,
                                         Cost::kStream};

absl::Status BadLimits(const std::string& text, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("--rate_limits=", text, ": ", why,
                   "; use for instance cheap=10000,planning=200,stream=2000 "
                   "(calls per second and user; 0: no limit)"));
}

}  // namespace

double RateLimits::Of(Cost cost) const {
  switch (cost) {
    case Cost::kCheap:
      return cheap;
    case Cost::kPlanning:
      return planning;
    case Cost::kStream:
      return stream;
  }
  return cheap;
}

absl::StatusOr<RateLimits> ParseRateLimits(const std::string& text) {
  RateLimits limits;
  std::set<std::string> seen;
  for (absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    double* field = pair.first == "cheap"      ? &limits.cheap
                    : pair.first == "planning" ? &limits.planning
                    : pair.first == "stream"   ? &limits.stream
                                               : nullptr;
    constexpr double kMost = 1e9;
    if (field == nullptr)
      return BadLimits(text, pair.first + " is not a class of calls");
    if (!seen.insert(pair.first).second)
      return BadLimits(text, pair.first + " is there twice");
    if (!absl::SimpleAtod(pair.second, field) || !(*field >= 0) ||
        *field > kMost) {
      return BadLimits(text, pair.first + " is not a number from 0 to 1e9");
    }
  }
  return limits;
}

RateLimiter::Buckets RateLimiter::Full(int64_t now_ms) const {
  Buckets buckets;
  for (Cost cost : kClasses) {
    // A very low rate lets one call through now and then.
    buckets[static_cast<size_t>(cost)] = {
        std::max(1.0, limits_.Of(cost) * kBurstSeconds), now_ms};
  }
  return buckets;
}

// An identity whose buckets would be full has nothing to remember.
void RateLimiter::DropIdle(int64_t now_ms) {
  constexpr auto kFillMs = static_cast<int64_t>(kBurstSeconds * 1000);
  for (auto it = table_.begin(); it != table_.end();) {
    const bool idle = std::all_of(
        it->second.begin(), it->second.end(),
        [now_ms](const Bucket& b) { return now_ms - b.at_ms >= kFillMs; });
    it = idle ? table_.erase(it) : std::next(it);
  }
}

RateLimiter::Buckets& RateLimiter::BucketsOf(const std::string& identity,
                                             int64_t now_ms) {
  const auto found = table_.find(identity);
  if (found != table_.end()) return found->second;
  if (table_.size() >= kMaxIdentities) DropIdle(now_ms);
  if (table_.size() < kMaxIdentities)
    return table_.emplace(identity, Full(now_ms)).first->second;
  if (!shared_.has_value()) shared_ = Full(now_ms);
  return *shared_;
}

std::optional<int64_t> RateLimiter::Take(const std::string& identity, Cost cost,
                                         int64_t now_ms) {
  const double rate = limits_.Of(cost);
  if (rate == 0) return std::nullopt;
  const double most = std::max(1.0, rate * kBurstSeconds);
  std::lock_guard<std::mutex> lock(mutex_);
  Bucket& bucket = BucketsOf(identity, now_ms)[static_cast<size_t>(cost)];
  const double seconds =
      static_cast<double>(std::max<int64_t>(0, now_ms - bucket.at_ms)) / 1000;
  bucket.tokens = std::min(most, bucket.tokens + seconds * rate);
  bucket.at_ms = now_ms;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return std::nullopt;
  }
  return static_cast<int64_t>(std::ceil((1 - bucket.tokens) / rate * 1000));
}

size_t RateLimiter::identities() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return table_.size();
}

}  // namespace ithaca::server
