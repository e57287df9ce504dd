#include "daemon/store/known_keys.h"

#include <utility>

namespace ithaca::store {

void KnownKeys::Learn(const WatchBatch& batch) {
  if (batch.kind == WatchBatch::Kind::kSnapshot) {
    complete_ = true;
    revisions_.clear();
  }
  if (!complete_) return;
  for (const WatchEvent& event : batch.events) {
    if (event.kind == WatchEvent::Kind::kPut) {
      revisions_[event.entry.key] = event.entry.mod_revision;
    } else {
      revisions_.erase(event.entry.key);
    }
  }
}

WatchBatch KnownKeys::CatchUp(std::vector<KeyValue> entries,
                              int64_t revision) const {
  WatchBatch batch;
  batch.kind =
      complete_ ? WatchBatch::Kind::kResync : WatchBatch::Kind::kSnapshot;
  batch.revision = revision;
  auto gone = revisions_;
  for (KeyValue& entry : entries) {
    const auto known = gone.find(entry.key);
    const bool same =
        known != gone.end() && known->second == entry.mod_revision;
    if (known != gone.end()) gone.erase(known);
    if (!same)
      batch.events.push_back({WatchEvent::Kind::kPut, std::move(entry)});
  }
  for (const auto& [key, unused] : gone) {
    batch.events.push_back(
        {WatchEvent::Kind::kDelete, KeyValue{key, "", 0, revision, 0}});
  }
  return batch;
}

}  // namespace ithaca::store
