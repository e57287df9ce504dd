#include "daemon/store/watch_log_for_test.h"

#include <chrono>

#include "absl/strings/str_cat.h"

namespace ithaca::store {

WatchCallback WatchLog::Callback() {
  return [this](const WatchBatch& batch) {
    std::lock_guard<std::mutex> lock(mutex_);
    batches_.push_back(batch);
    more_.notify_all();
  };
}

bool WatchLog::WaitFor(
    const std::function<bool(const std::vector<WatchBatch>&)>& enough) {
  std::unique_lock<std::mutex> lock(mutex_);
  return more_.wait_for(lock, std::chrono::minutes(1),
                        [&] { return enough(batches_); });
}

bool WatchLog::WaitForRevision(int64_t revision) {
  return WaitFor([revision](const std::vector<WatchBatch>& batches) {
    return !batches.empty() && batches.back().revision >= revision;
  });
}

std::vector<WatchBatch> WatchLog::batches() {
  std::lock_guard<std::mutex> lock(mutex_);
  return batches_;
}

std::map<std::string, KeyValue> WatchLog::state() {
  std::map<std::string, KeyValue> state;
  for (const WatchBatch& batch : batches()) {
    if (batch.kind == WatchBatch::Kind::kSnapshot) state.clear();
    for (const WatchEvent& event : batch.events) {
      if (event.kind == WatchEvent::Kind::kPut) {
        state[event.entry.key] = event.entry;
      } else {
        state.erase(event.entry.key);
      }
    }
  }
  return state;
}

std::string WatchLog::changes() {
  std::string text;
  for (const WatchBatch& batch : batches()) {
    if (batch.kind != WatchBatch::Kind::kChanges) continue;
    for (const WatchEvent& event : batch.events) {
      const bool put = event.kind == WatchEvent::Kind::kPut;
      absl::StrAppend(&text, put ? "+" : "-", event.entry.key, "@",
                      event.entry.mod_revision, put ? "=" : "",
                      put ? event.entry.value : "", " ");
    }
  }
  return text;
}

std::string WatchLog::Violation() {
  int64_t told = 0;
  for (const WatchBatch& batch : batches()) {
    const bool changes = batch.kind == WatchBatch::Kind::kChanges;
    if (batch.revision < told)
      return absl::StrCat("batch of ", batch.revision, " after ", told);
    int64_t last = told;
    for (const WatchEvent& event : batch.events) {
      const int64_t revision = event.entry.mod_revision;
      const bool ordered = !changes || (revision > told && revision >= last);
      if (!ordered || revision > batch.revision) {
        return absl::StrCat("event of ", revision, " for ", event.entry.key,
                            " in the batch from ", told, " to ",
                            batch.revision);
      }
      last = revision;
    }
    told = batch.revision;
  }
  return "";
}

}  // namespace ithaca::store
