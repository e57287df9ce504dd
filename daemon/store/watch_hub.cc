#include "daemon/store/watch_hub.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "daemon/store/known_keys.h"

namespace ithaca::store {
namespace {

constexpr size_t kMaxCommits = 4096;
constexpr size_t kMaxBytes = size_t{16} << 20;
// How often a snapshot that failed is tried again.
constexpr std::chrono::seconds kRetry(1);

size_t Bytes(const std::vector<WatchEvent>& events) {
  size_t bytes = 0;
  for (const WatchEvent& event : events)
    bytes += event.entry.key.size() + event.entry.value.size();
  return bytes;
}

}  // namespace

class WatchHub::Watcher : public WatchHandle {
 public:
  Watcher(WatchHub* hub, std::string prefix, int64_t after,
          WatchCallback callback)
      : hub_(hub),
        prefix_(std::move(prefix)),
        callback_(std::move(callback)),
        position_(after),
        thread_([this] { Run(); }) {}

  ~Watcher() override {
    {
      std::lock_guard<std::mutex> lock(hub_->mutex_);
      stop_ = true;
      hub_->changed_.notify_all();
    }
    thread_.join();
  }

 private:
  void Run();
  void Tell(WatchBatch batch);
  void CatchUp();
  void TellChanges(const std::vector<Commit>& commits);
  bool WaitToRetry();

  WatchHub* const hub_;
  const std::string prefix_;
  const WatchCallback callback_;
  bool stop_ = false;  // guarded by hub_->mutex_
  // Below: the thread's alone.
  int64_t position_;
  KnownKeys known_;
  std::thread thread_;  // last: uses all above
};

void WatchHub::Watcher::Run() {
  bool first = true;
  for (;;) {
    Step step;
    if (first && position_ == 0) {
      step.gap = true;
    } else if (first) {
      // Says at once where it stands.
      std::lock_guard<std::mutex> lock(hub_->mutex_);
      step.gap = position_ < hub_->floor_ || position_ > hub_->last_;
    } else {
      step = hub_->Next(position_, &stop_);
    }
    first = false;
    if (step.stop) return;
    if (step.gap) {
      CatchUp();
    } else {
      TellChanges(step.commits);
    }
  }
}

void WatchHub::Watcher::CatchUp() {
  do {
    absl::StatusOr<ListResult> all = hub_->snapshot_(prefix_);
    if (all.ok()) {
      Tell(known_.CatchUp(std::move(all->entries), all->revision));
      return;
    }
  } while (WaitToRetry());
}

bool WatchHub::Watcher::WaitToRetry() {
  std::unique_lock<std::mutex> lock(hub_->mutex_);
  return !hub_->changed_.wait_for(lock, kRetry, [this] { return stop_; });
}

void WatchHub::Watcher::TellChanges(const std::vector<Commit>& commits) {
  WatchBatch batch;
  batch.revision = commits.empty() ? position_ : commits.back().revision;
  for (const Commit& commit : commits) {
    for (const WatchEvent& event : *commit.events) {
      if (event.entry.key.compare(0, prefix_.size(), prefix_) == 0)
        batch.events.push_back(event);
    }
  }
  Tell(std::move(batch));
}

void WatchHub::Watcher::Tell(WatchBatch batch) {
  position_ = batch.revision;
  known_.Learn(batch);
  callback_(batch);
}

void WatchHub::Publish(int64_t revision, std::vector<WatchEvent> events) {
  const size_t bytes = Bytes(events);
  auto shared =
      std::make_shared<const std::vector<WatchEvent>>(std::move(events));
  std::lock_guard<std::mutex> lock(mutex_);
  history_.push_back({revision, bytes, std::move(shared)});
  bytes_ += bytes;
  last_ = revision;
  Trim(kMaxCommits, kMaxBytes);
  changed_.notify_all();
}

void WatchHub::Trim(size_t commits, size_t bytes) {
  while (!history_.empty() && (history_.size() > commits || bytes_ > bytes)) {
    floor_ = history_.front().revision;
    bytes_ -= history_.front().bytes;
    history_.pop_front();
  }
}

WatchHub::Step WatchHub::Next(int64_t position, const bool* stop) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return *stop || last_ > position; });
  Step step;
  step.stop = *stop;
  step.gap = position < floor_;
  if (step.stop || step.gap) return step;
  const auto first = std::upper_bound(
      history_.begin(), history_.end(), position,
      [](int64_t revision, const Commit& c) { return revision < c.revision; });
  step.commits.assign(first, history_.end());
  return step;
}

void WatchHub::ForgetHistoryForTest() {
  std::lock_guard<std::mutex> lock(mutex_);
  Trim(0, 0);
}

std::unique_ptr<WatchHandle> WatchHub::Start(std::string prefix, int64_t after,
                                             WatchCallback callback) {
  return std::make_unique<Watcher>(this, std::move(prefix), after,
                                   std::move(callback));
}

}  // namespace ithaca::store
