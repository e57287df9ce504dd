#include "daemon/store/etcd/janitor.h"

#include <chrono>
#include <utility>

#include "daemon/store/store.h"

namespace ithaca::store::etcd {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::minutes kSweepEvery(10);
// What could not be deleted is left to a later life's sweep beyond this.
constexpr size_t kMaxDiscarded = 1024;
constexpr std::chrono::seconds kRetry(5);

}  // namespace

Janitor::Janitor(Client* client, const Layout* layout)
    : client_(client), layout_(layout), thread_([this] { Run(); }) {}

Janitor::~Janitor() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

void Janitor::Discard(std::string base) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (discarded_.size() < kMaxDiscarded) discarded_.push_back(std::move(base));
  wake_.notify_all();
}

void Janitor::Run() {
  auto next_sweep = steady_clock::now();
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stop_) {
    if (discarded_.empty() && steady_clock::now() < next_sweep) {
      wake_.wait_until(lock, next_sweep,
                       [this] { return stop_ || !discarded_.empty(); });
      continue;
    }
    const std::string base = discarded_.empty() ? "" : discarded_.front();
    lock.unlock();
    const absl::Status status = base.empty() ? Sweep() : Delete(base);
    lock.lock();
    if (base.empty()) {
      next_sweep = steady_clock::now() + kSweepEvery;
    } else if (status.ok()) {
      discarded_.pop_front();
    } else {
      wake_.wait_for(lock, kRetry, [this] { return stop_; });
    }
  }
}

absl::Status Janitor::Delete(const std::string& base) {
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(layout_->AllPieces(base));
  request.set_range_end(PrefixEnd(request.key()));
  return client_->Call(
      [&](const Endpoint& endpoint, grpc::ClientContext* context) {
        etcdserverpb::DeleteRangeResponse response;
        return endpoint.kv->DeleteRange(context, request, &response);
      },
      client_->Deadline());
}

absl::StatusOr<bool> Janitor::IsThere(const std::string& key) {
  etcdserverpb::RangeRequest request;
  request.set_key(key);
  request.set_count_only(true);
  etcdserverpb::RangeResponse response;
  const absl::Status status = client_->Call(
      [&](const Endpoint& endpoint, grpc::ClientContext* context) {
        return endpoint.kv->Range(context, request, &response);
      },
      client_->Deadline());
  if (!status.ok()) return status;
  return response.count() > 0;
}

absl::StatusOr<bool> Janitor::IsNamed(const PieceName& piece) {
  etcdserverpb::RangeRequest request;
  request.set_key(layout_->Entry(piece.key));
  etcdserverpb::RangeResponse response;
  const absl::Status status = client_->Call(
      [&](const Endpoint& endpoint, grpc::ClientContext* context) {
        return endpoint.kv->Range(context, request, &response);
      },
      client_->Deadline());
  if (!status.ok()) return status;
  if (response.kvs_size() == 0) return false;
  const auto envelope = DecodeEnvelope(response.kvs(0).value());
  // What cannot be understood is not touched.
  if (!envelope.ok()) return true;
  return envelope->pieces.has_value() && envelope->pieces->base == piece.base;
}

// The order matters: once the writer is seen to be gone, nothing that it sent
// can name the pieces any more.
absl::Status Janitor::SweepValue(const PieceName& piece) {
  const auto alive = IsThere(layout_->Writer(piece.writer));
  if (!alive.ok() || *alive) return alive.status();
  const auto named = IsNamed(piece);
  if (!named.ok() || *named) return named.status();
  return Delete(piece.base);
}

absl::Status Janitor::Sweep() {
  etcdserverpb::RangeRequest request;
  request.set_key(layout_->AllPieces());
  request.set_range_end(PrefixEnd(request.key()));
  request.set_keys_only(true);
  etcdserverpb::RangeResponse response;
  absl::Status status = client_->Call(
      [&](const Endpoint& endpoint, grpc::ClientContext* context) {
        return endpoint.kv->Range(context, request, &response);
      },
      client_->Deadline());
  std::string last;
  for (int i = 0; i < response.kvs_size() && status.ok(); ++i) {
    const std::string name =
        response.kvs(i).key().substr(layout_->AllPieces().size());
    const auto piece = ParsePiece(name);
    if (!piece.has_value() || piece->base == last) continue;
    last = piece->base;
    status = SweepValue(*piece);
    std::lock_guard<std::mutex> lock(mutex_);
    if (stop_) break;
  }
  return status;
}

}  // namespace ithaca::store::etcd
