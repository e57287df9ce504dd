#include "plugin/rails/grant_broker.h"

#include <algorithm>

namespace ithaca::rails {

bool GrantBroker::TryTake(int rail, uint64_t bytes, bool must) {
  if (rail == kNoRail) return true;
  uint64_t& outstanding = outstanding_[rail];
  const bool fits = outstanding + bytes <= window_bytes_ || outstanding == 0;
  if (!fits && !must) return false;
  outstanding += bytes;
  return true;
}

void GrantBroker::Return(int rail, uint64_t bytes) {
  if (rail == kNoRail) return;
  outstanding_[rail] -= std::min(bytes, outstanding_[rail]);
  returned_ = true;
}

void GrantBroker::Wait(GrantWaiter* waiter) {
  if (std::find(waiters_.begin(), waiters_.end(), waiter) == waiters_.end())
    waiters_.push_back(waiter);
}

void GrantBroker::Forget(GrantWaiter* waiter) {
  waiters_.erase(std::remove(waiters_.begin(), waiters_.end(), waiter),
                 waiters_.end());
}

void GrantBroker::Serve() {
  if (!returned_) return;
  returned_ = false;
  for (size_t turns = waiters_.size(); turns > 0 && !waiters_.empty();
       --turns) {
    GrantWaiter* waiter = waiters_.front();
    waiters_.pop_front();
    waiter->OnCredit();
  }
}

}  // namespace ithaca::rails
