#include "plugin/transport/fragments.h"

#include <algorithm>

namespace ithaca {

void Fragments::Reset(uint64_t bytes) {
  bytes_ = bytes;
  cut_ = arrived_ = lost_bytes_ = 0;
  fragments_.clear();
}

const Fragment& Fragments::Grant(uint64_t bytes, int lane, int via,
                                 int64_t now_ns) {
  Fragment* fragment = nullptr;
  if (lost_bytes_ > 0) {
    fragment = &*std::find_if(
        fragments_.begin(), fragments_.end(),
        [](const Fragment& f) { return f.state == Fragment::State::kLost; });
    lost_bytes_ -= fragment->bytes;
  } else {
    fragment = &fragments_.emplace_back();
    fragment->offset = cut_;
    // A small rest goes with it.
    const uint64_t rest = bytes_ - cut_;
    fragment->bytes = rest < bytes + bytes / 4 ? rest : bytes;
    cut_ += fragment->bytes;
  }
  fragment->state = Fragment::State::kGranted;
  fragment->lane = lane;
  fragment->via = via;
  fragment->granted_ns = now_ns;
  return *fragment;
}

const Fragment* Fragments::Find(uint64_t offset, uint32_t bytes) const {
  const auto found = std::lower_bound(
      fragments_.begin(), fragments_.end(), offset,
      [](const Fragment& f, uint64_t at) { return f.offset < at; });
  if (found == fragments_.end() || found->offset != offset ||
      found->bytes != bytes)
    return nullptr;
  return &*found;
}

void Fragments::Arrive(const Fragment* fragment) {
  Fragment& own = fragments_[fragment - fragments_.data()];
  if (own.state == Fragment::State::kLost) lost_bytes_ -= own.bytes;
  own.state = Fragment::State::kArrived;
  arrived_ += own.bytes;
}

void Fragments::SetLost(Fragment* fragment) {
  fragment->state = Fragment::State::kLost;
  lost_bytes_ += fragment->bytes;
}

}  // namespace ithaca
