#include "daemon/store/etcd/etcd_watch.h"

#include <chrono>
#include <utility>

namespace ithaca::store::etcd {
namespace {

using etcdserverpb::WatchResponse;

constexpr std::chrono::milliseconds kPause(50);

}  // namespace

EtcdWatch::EtcdWatch(Client* client, const Layout* layout, const Reader* reader,
                     std::string prefix, int64_t after, WatchCallback callback)
    : client_(client),
      layout_(layout),
      reader_(reader),
      prefix_(std::move(prefix)),
      callback_(std::move(callback)),
      position_(after),
      thread_([this] { Run(); }) {}

EtcdWatch::~EtcdWatch() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    if (context_ != nullptr) context_->TryCancel();
    wake_.notify_all();
  }
  thread_.join();
}

bool EtcdWatch::Stopped() {
  std::lock_guard<std::mutex> lock(mutex_);
  return stop_;
}

bool EtcdWatch::Pause() {
  std::unique_lock<std::mutex> lock(mutex_);
  return !wake_.wait_for(lock, kPause, [this] { return stop_; });
}

void EtcdWatch::Tell(const WatchBatch& batch) {
  position_ = batch.revision;
  told_ = true;
  known_.Learn(batch);
  callback_(batch);
}

bool EtcdWatch::CatchUp() {
  for (;;) {
    absl::StatusOr<ListResult> all = reader_->ListAll(prefix_);
    if (all.ok()) {
      if (Stopped()) return false;
      Tell(known_.CatchUp(std::move(all->entries), all->revision));
      return true;
    }
    if (!Pause()) return false;
  }
}

void EtcdWatch::Run() {
  if (position_ == 0 && !CatchUp()) return;
  while (!Stopped()) {
    const size_t index = client_->preferred();
    // A stream cannot be given time to begin, only to end: so ask first.
    End end = End::kBroken;
    if (reader_->Answers(client_->endpoint(index)))
      end = RunStream(client_->endpoint(index));
    if (end == End::kNeedsCatchUp) {
      if (!CatchUp()) return;
      continue;
    }
    client_->Avoid(index);
    if (!Pause()) return;
  }
}

EtcdWatch::End EtcdWatch::RunStream(const Endpoint& endpoint) {
  grpc::ClientContext context;
  // A member that loses the leader ends the stream.
  context.AddMetadata("hasleader", "true");
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stop_) return End::kBroken;
    context_ = &context;
  }
  auto stream = endpoint.watch->Watch(&context);
  etcdserverpb::WatchRequest request;
  auto* create = request.mutable_create_request();
  create->set_key(layout_->Entry(prefix_));
  create->set_range_end(PrefixEnd(create->key()));
  create->set_start_revision(position_ + 1);
  create->set_progress_notify(true);
  create->set_fragment(true);
  stream->Write(request);
  WatchResponse response;
  WatchBatch pending;
  End end = End::kBroken;
  while (stream->Read(&response)) {
    if (Stopped() || !Take(response, &pending, &end)) break;
  }
  context.TryCancel();
  (void)stream->Finish();
  std::lock_guard<std::mutex> lock(mutex_);
  context_ = nullptr;
  return end;
}

bool EtcdWatch::Take(const WatchResponse& response, WatchBatch* pending,
                     End* end) {
  if (response.canceled()) {
    // A start after the end is another cluster's, or one that was set back.
    const bool ahead =
        response.cancel_reason().find("future") != std::string::npos;
    if (response.compact_revision() != 0 || ahead) *end = End::kNeedsCatchUp;
    return false;
  }
  if (response.created()) {
    // Revisions that this cluster has not reached were given by another one.
    if (response.header().revision() < position_) {
      *end = End::kNeedsCatchUp;
      return false;
    }
    if (!told_) Tell({WatchBatch::Kind::kChanges, {}, position_});
    return true;
  }
  if (response.events_size() == 0) {
    // A bookmark.
    if (!response.fragment() && response.header().revision() > position_)
      Tell({WatchBatch::Kind::kChanges, {}, response.header().revision()});
    return true;
  }
  if (!TakeEvents(response, pending)) {
    *end = End::kNeedsCatchUp;
    return false;
  }
  if (response.fragment()) return true;
  Tell(std::exchange(*pending, WatchBatch{}));
  return true;
}

// False: an event that should not come any more (an old etcd's time travel), or
// a value whose pieces were compacted away.
bool EtcdWatch::TakeEvents(const WatchResponse& response, WatchBatch* pending) {
  for (const auto& event : response.events()) {
    const mvccpb::KeyValue& raw = event.kv();
    const int64_t revision = raw.mod_revision();
    if (revision <= position_ || revision < pending->revision) return false;
    pending->revision = revision;
    if (event.type() == mvccpb::Event::DELETE) {
      pending->events.push_back(
          {WatchEvent::Kind::kDelete,
           KeyValue{std::string(layout_->KeyOf(raw.key())), "", 0, revision,
                    0}});
      continue;
    }
    auto entry = reader_->Decode(raw, revision, client_->Deadline());
    if (!entry.ok()) return false;
    pending->events.push_back({WatchEvent::Kind::kPut, std::move(*entry)});
  }
  return true;
}

}  // namespace ithaca::store::etcd
