#include "tests/histories/store_watcher.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ithaca::histories {
namespace {

using std::chrono::milliseconds;
using store::WatchBatch;

constexpr int kTries = 60'000;

std::string Text(const std::map<std::string, std::string>& contents) {
  std::string text;
  for (const auto& [key, value] : contents)
    absl::StrAppend(&text, " ", key, "=", value);
  return text;
}

}  // namespace

StoreWatcher::StoreWatcher(store::Store* store, std::string name,
                           std::string prefix, uint64_t seed)
    : store_(store), prefix_(std::move(prefix)), random_(seed) {
  log_.watcher = std::move(name);
  thread_ = std::thread([this] { Run(); });
}

void StoreWatcher::Run() {
  while (!stop_) {
    int64_t at;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      at = at_;
      log_.items.push_back({WatchItem::Kind::kStart, at, "", {}});
    }
    const auto handle = store_->Watch(
        prefix_, at, [this](const WatchBatch& batch) { Take(batch); });
    const auto end =
        std::chrono::steady_clock::now() + milliseconds(100 + random_() % 900);
    while (!stop_ && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(milliseconds(5));
  }
}

void StoreWatcher::Take(const WatchBatch& batch) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (batch.kind == WatchBatch::Kind::kSnapshot) contents_.clear();
  WatchItem item;
  for (const store::WatchEvent& event : batch.events) {
    const bool put = event.kind == store::WatchEvent::Kind::kPut;
    item.events.push_back({event.entry.mod_revision, event.entry.key,
                           put ? event.entry.value : "deleted"});
    if (put) {
      contents_[event.entry.key] = event.entry.value;
    } else {
      contents_.erase(event.entry.key);
    }
  }
  if (batch.kind == WatchBatch::Kind::kChanges) {
    if (!item.events.empty()) log_.items.push_back(std::move(item));
    log_.items.push_back({WatchItem::Kind::kBookmark, batch.revision, "", {}});
  } else {
    log_.items.push_back(
        {WatchItem::Kind::kWhole, batch.revision, Text(contents_), {}});
  }
  at_ = batch.revision;
}

bool StoreWatcher::WaitFor(int64_t revision) {
  for (int i = 0; i < kTries; ++i) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (at_ >= revision) return true;
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
  return false;
}

void StoreWatcher::Stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

std::map<std::string, std::string> StoreWatcher::contents() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return contents_;
}

}  // namespace ithaca::histories
