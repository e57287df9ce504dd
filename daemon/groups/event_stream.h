// One open stream of group events, to a member or to a watcher, over gRPC's
// callback API. No thread is held while it is idle.
//
// What is pushed while a message is on its way is sent together in the next
// one. A reader that falls too far behind loses the queue and gets the whole
// group again.
//
// Used by GroupsService. Threads: Start, Push, Refill, End from the engine's
// thread; the reactions from gRPC's. At most one write is under way, and Finish
// comes once, when none is. Life: the owner deletes it after on_done was
// called, and gRPC calls nothing on it afterwards.
#ifndef ITHACA_DAEMON_GROUPS_EVENT_STREAM_H_
#define ITHACA_DAEMON_GROUPS_EVENT_STREAM_H_

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "daemon/groups/convert.h"
#include "daemon/groups/types.h"
#include "ithaca/groups/v1/groups.pb.h"

namespace ithaca::groups {

// What GroupsService needs of a stream, whatever its messages are.
class EventStream {
 public:
  struct Hooks {
    // The stream ended before End was called. Any thread.
    std::function<void()> on_broken;
    // The queue was dropped: Refill is wanted. Any thread.
    std::function<void()> on_behind;
    // The last call of all. Any thread.
    std::function<void()> on_done;
  };

  virtual ~EventStream() = default;
  // Queues events with numbers above those that the reader has; advisory ones
  // always.
  virtual void Push(const std::vector<EventPtr>& events) = 0;
  // The whole group, to a reader that had fallen behind.
  virtual void Refill(const v1::Group& group) = 0;
  // Ends the stream, after what was pushed before. Further calls do nothing.
  virtual void End(const grpc::Status& status) = 0;
};

template <typename Response>
class EventStreamReactor : public EventStream,
                           public grpc::ServerWriteReactor<Response> {
 public:
  // Events that wait at most.
  static constexpr size_t kMaxPending = 8192;

  explicit EventStreamReactor(EventStream::Hooks hooks)
      : hooks_(std::move(hooks)) {}

  // Sends the first message, if any; the reader knows events up to `sequence`.
  // Before any Push.
  void Start(std::optional<Response> first, uint64_t sequence) {
    std::unique_lock<std::mutex> lock(mutex_);
    sequence_ = sequence;
    first_ = std::move(first);
    Advance(&lock);
  }

  void Push(const std::vector<EventPtr>& events) override {
    std::unique_lock<std::mutex> lock(mutex_);
    for (const EventPtr& event : events) {
      if (event->sequence != 0 && event->sequence <= sequence_) continue;
      if (event->sequence != 0) sequence_ = event->sequence;
      if (!behind_) pending_.push_back(event);
    }
    if (pending_.size() > kMaxPending) {
      pending_.clear();
      behind_ = true;
    }
    Advance(&lock);
  }

  void Refill(const v1::Group& group) override {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!behind_) return;
    behind_ = false;
    asked_ = false;
    sequence_ = group.sequence();
    first_.emplace();
    *first_->mutable_group() = group;
    Advance(&lock);
  }

  void End(const grpc::Status& status) override {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!end_.has_value()) end_ = status;
    Advance(&lock);
  }

  void OnWriteDone(bool ok) override {
    std::unique_lock<std::mutex> lock(mutex_);
    writing_ = false;
    if (!ok && !end_.has_value()) end_ = grpc::Status::CANCELLED;
    if (!ok) pending_.clear();
    Advance(&lock);
  }

  void OnCancel() override {
    const std::function<void()> broken = [this] {
      std::lock_guard<std::mutex> lock(mutex_);
      return hooks_.on_broken;
    }();
    broken();
    End(grpc::Status::CANCELLED);
  }

  void OnDone() override {
    // Taken out first: the owner may delete this object while the hook runs.
    const std::function<void()> done = [this] {
      std::lock_guard<std::mutex> lock(mutex_);
      return std::move(hooks_.on_done);
    }();
    done();
  }

 private:
  // Starts what can be started now, with the lock released: gRPC may call back
  // at once.
  void Advance(std::unique_lock<std::mutex>* lock) {
    if (writing_ || finished_) return;
    if (first_.has_value() || !pending_.empty()) {
      FillMessage();
      writing_ = true;
      lock->unlock();
      this->StartWrite(&message_);
      return;
    }
    if (end_.has_value()) {
      finished_ = true;
      const grpc::Status status = *end_;
      lock->unlock();
      this->Finish(status);
      return;
    }
    if (!behind_ || asked_) return;
    asked_ = true;
    const std::function<void()> ask = hooks_.on_behind;
    lock->unlock();
    ask();
  }

  void FillMessage() {
    message_.Clear();
    if (first_.has_value()) message_ = std::move(*first_);
    first_.reset();
    // Events that the whole group contains were not queued.
    for (const EventPtr& event : pending_)
      *message_.add_events() = ToMessage(*event);
    pending_.clear();
  }

  std::mutex mutex_;
  // All below guarded by mutex_, but for message_ while a write is under way.
  EventStream::Hooks hooks_;
  std::optional<Response> first_;
  std::vector<EventPtr> pending_;
  uint64_t sequence_ = 0;
  bool behind_ = false;
  bool asked_ = false;
  bool writing_ = false;
  bool finished_ = false;
  std::optional<grpc::Status> end_;
  Response message_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_EVENT_STREAM_H_
