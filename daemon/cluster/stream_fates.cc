#include "daemon/cluster/stream_fates.h"

namespace ithaca::cluster {
namespace {

constexpr size_t kMaxKept = 65536;

}  // namespace

uint64_t StreamFates::NewName() {
  std::lock_guard<std::mutex> lock(mutex_);
  return ++last_;
}

void StreamFates::Tell(uint64_t stream, groups::StreamFate fate) {
  std::lock_guard<std::mutex> lock(mutex_);
  fates_[stream] = fate;
  order_.push_back(stream);
  while (order_.size() > kMaxKept) {
    fates_.erase(order_.front());
    order_.pop_front();
  }
}

groups::StreamFate StreamFates::Take(uint64_t stream) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = fates_.find(stream);
  if (found == fates_.end()) return groups::StreamFate::kBroken;
  const groups::StreamFate fate = found->second;
  fates_.erase(found);
  return fate;
}

}  // namespace ithaca::cluster
