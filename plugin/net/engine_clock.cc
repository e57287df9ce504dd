// The part of the engine that the clock drives, not a call of NCCL's
// (engine.h): what falls due, and what goes on when nobody polls.
#include <algorithm>
#include <iterator>
#include <utility>

#include "plugin/net/engine.h"

namespace ithaca::net {

void Engine::Tick(int64_t now_ns) {
  last_tick_ns_ = now_ns;
  if (!leaving_.empty()) EndLeaving(now_ns);
  acceptor_->Expire();
  ShareRails(now_ns);
  if (now_ns - last_expiry_ns_ >= kNsPerSecond) ExpireAttempts(now_ns);
  for (auto comm = dialing_.begin(); comm != dialing_.end();)
    comm = (*comm)->Step() ? dialing_.erase(comm) : std::next(comm);
  for (auto guard = expiring_.begin(); guard != expiring_.end();) {
    const bool due = now_ns >= guard->second;
    if (due) guard->first->Expire();
    guard = due ? expiring_.erase(guard) : std::next(guard);
  }
  if (now_ns - last_watch_ns_ >= kWatchNs) WatchComms(now_ns);
}

void Engine::MakeLedger() {
  if (config_.page == nullptr) return;
  std::vector<nodepage::RailKey> keys;
  for (const Rail& rail : config_.rails)
    keys.push_back(nodepage::RailKeyOf(rail.name));
  rail_uses_.resize(keys.size());
  ledger_ = std::make_unique<nodepage::CreditLedger>(
      config_.page, std::move(keys), config_.clock->NowNs());
}

void Engine::ShareRails(int64_t now_ns) {
  if (ledger_ == nullptr) return;
  for (size_t i = 0; i < rail_uses_.size(); ++i) {
    const rails::CreditBroker::Load load = broker_.load(i);
    nodepage::RailUse& use = rail_uses_[i];
    use.active = load.active || load.arrived != use.arrived;
    use.arrived = load.arrived;
    use.window = broker_.window_alone(i);
    use.outstanding = broker_.outstanding(i);
  }
  const auto& shares = ledger_->Exchange(now_ns, &rail_uses_);
  for (size_t i = 0; i < shares.size(); ++i)
    broker_.SetShare(i, {shares[i].engines, shares[i].bytes_per_second});
}

void Engine::WatchComms(int64_t now_ns) {
  last_watch_ns_ = now_ns;
  size_t kept = 0;
  for (size_t i = 0; i < watched_.size(); ++i) {
    Comm* const comm = watched_[i];
    const bool keep = comm->Watch(now_ns);
    comm->connection()->set_watched(keep);
    if (keep) watched_[kept++] = comm;
  }
  watched_.resize(kept);
  Kick();  // pings, and what lost lanes are taken over by
}

void Engine::ExpireAttempts(int64_t now_ns) {
  last_expiry_ns_ = now_ns;
  const int64_t timeout_ns = config_.options.peer_timeout_s * kNsPerSecond;
  for (auto attempt = attempts_.begin(); attempt != attempts_.end();) {
    const bool due = now_ns - attempt->second.asked_ns >= timeout_ns;
    attempt = due ? attempts_.erase(attempt) : std::next(attempt);
  }
}

// --- What goes on without NCCL.

void Engine::Close(std::unique_ptr<SendComm> comm) {
  const SendConnection* const connection = comm->connection();
  // With requests pending their memory must not be used any more: it goes now.
  if (!connection->status().ok() || connection->pending() > 0 ||
      connection->unacknowledged() == 0)
    return;
  leaving_.push_back(
      {std::move(comm),
       config_.clock->NowNs() + config_.options.peer_timeout_s * kNsPerSecond});
  WantCare();
  if (cared_for_) self_ = shared_from_this();
}

void Engine::EndLeaving(int64_t now_ns) {
  const auto first_over = std::stable_partition(
      leaving_.begin(), leaving_.end(), [&](const Leaving& leaving) {
        const SendConnection* const connection = leaving.comm->connection();
        return connection->status().ok() && connection->unacknowledged() > 0 &&
               now_ns < leaving.deadline_ns;
      });
  leaving_.erase(first_over, leaving_.end());
}

void Engine::WantCare() {
  if (config_.caretaker == nullptr || std::exchange(cared_for_, true)) return;
  config_.caretaker->Care(shared_from_this());
}

bool Engine::LookAfter() {
  const std::lock_guard<std::mutex> lock(mutex_);
  // A receiver that has all it asked for is watched a while longer: a lane that
  // dies now may take its acknowledgements along, and the peer waits for them.
  const bool owes = !leaving_.empty() || !to_flush_later_.empty() ||
                    !to_flush_soon_.empty() || !watched_.empty();
  const int64_t unseen_ns = config_.clock->NowNs() - last_poll_ns_;
  if (owes && unseen_ns >= Caretaker::kRoundMs * kNsPerMs) Progress();
  if (leaving_.empty()) self_.reset();  // the caretaker has another
  return cared_for_ = owes;
}

}  // namespace ithaca::net
