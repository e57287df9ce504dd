// One open stream of group events, to a member or to a watcher, over gRPC's
// callback API, in bytes that are encoded already. No thread is held while it
// is idle.
//
// A thin reactor: what is sent, and when, is Fanout's. Threads: Write and End
// from Fanout's; the reactions from gRPC's. At most one write is under way, and
// Finish comes once, when none is. Life: made by a handler, owned by Fanout
// from its Add to its Remove; gRPC calls nothing on it after on_done.
#ifndef ITHACA_DAEMON_GROUPS_EVENT_STREAM_H_
#define ITHACA_DAEMON_GROUPS_EVENT_STREAM_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <functional>
#include <utility>
#include <vector>

namespace ithaca::groups {

class EventStream : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  // All on any thread.
  struct Hooks {
    // The last write is done, or the stream was cancelled: look at it again.
    std::function<void()> on_ready;
    // The stream ended before Finish was called.
    std::function<void()> on_broken;
    // The last call of all.
    std::function<void()> on_done;
  };

  explicit EventStream(Hooks hooks) : hooks_(std::move(hooks)) {
    writing_.store(false, std::memory_order_release);
  }

  // Whether neither a write nor the end is under way.
  bool idle() const { return !writing_.load(std::memory_order_acquire); }
  // Whether nobody reads any more.
  bool broken() const { return broken_.load(std::memory_order_acquire); }

  // REQUIRES: idle().
  void Write(std::vector<grpc::Slice>* slices) {
    message_ = grpc::ByteBuffer(slices->data(), slices->size());
    writing_.store(true, std::memory_order_release);
    StartWrite(&message_);
  }
  // Nothing may follow. REQUIRES: idle().
  void End(const grpc::Status& status) {
    writing_.store(true, std::memory_order_release);
    Finish(status);
  }

  void OnWriteDone(bool ok) override {
    SeeWhatWasDone();
    if (!ok) broken_.store(true, std::memory_order_release);
    message_.Clear();
    writing_.store(false, std::memory_order_release);
    hooks_.on_ready();
  }
  void OnCancel() override {
    SeeWhatWasDone();
    broken_.store(true, std::memory_order_release);
    hooks_.on_broken();
    hooks_.on_ready();
  }
  void OnDone() override {
    SeeWhatWasDone();
    // Taken out first: the owner may delete this object while the hook runs.
    const std::function<void()> done = std::move(hooks_.on_done);
    done();
  }

 private:
  // gRPC hands the object on between threads under locks of its own, which a
  // sanitizer does not see.
  void SeeWhatWasDone() const { idle(); }

  Hooks hooks_;
  std::atomic<bool> writing_{false};
  std::atomic<bool> broken_{false};
  grpc::ByteBuffer message_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_EVENT_STREAM_H_
