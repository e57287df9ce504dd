#include "daemon/store/local_leases.h"

#include <utility>
#include <vector>

namespace ithaca::store {

class LocalLeases::LocalLease : public Lease {
 public:
  LocalLease(LocalLeases* leases, int64_t id, std::chrono::milliseconds ttl,
             std::shared_ptr<State> state)
      : leases_(leases), id_(id), ttl_(ttl), state_(std::move(state)) {}
  ~LocalLease() override { (void)Revoke(); }

  int64_t id() const override { return id_; }

  std::chrono::milliseconds Remaining() const override {
    return leases_->Has(id_) ? ttl_ : std::chrono::milliseconds(0);
  }

  absl::Status Revoke() override {
    {
      std::lock_guard<std::mutex> lock(leases_->mutex_);
      leases_->live_.erase(id_);
    }
    {
      std::lock_guard<std::mutex> lock(state_->mutex);
      if (std::exchange(state_->over, true)) return absl::OkStatus();
    }
    return leases_->drop_(id_);
  }

 private:
  LocalLeases* const leases_;
  const int64_t id_;
  const std::chrono::milliseconds ttl_;
  const std::shared_ptr<State> state_;
};

std::unique_ptr<Lease> LocalLeases::Grant(std::chrono::milliseconds ttl,
                                          LeaseLost lost) {
  auto state = std::make_shared<State>();
  state->lost = std::move(lost);
  std::lock_guard<std::mutex> lock(mutex_);
  const int64_t id = ++last_id_;
  live_[id] = state;
  return std::make_unique<LocalLease>(this, id, ttl, std::move(state));
}

bool LocalLeases::Has(int64_t id) {
  std::lock_guard<std::mutex> lock(mutex_);
  return live_.count(id) != 0;
}

void LocalLeases::Lose(int64_t id, const absl::Status& why) {
  std::shared_ptr<State> state;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = live_.find(id);
    if (found == live_.end()) return;
    state = std::move(found->second);
    live_.erase(found);
  }
  std::lock_guard<std::mutex> lock(state->mutex);
  if (std::exchange(state->over, true)) return;
  if (state->lost) state->lost(why);
}

void LocalLeases::LoseAll(const absl::Status& why) {
  std::vector<int64_t> ids;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [id, unused] : live_) ids.push_back(id);
  }
  for (int64_t id : ids) Lose(id, why);
}

}  // namespace ithaca::store
