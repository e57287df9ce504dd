#include "plugin/net/caretaker.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <system_error>
#include <utility>

namespace ithaca::net {

Caretaker::~Caretaker() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Caretaker::Care(const std::shared_ptr<Charge>& charge) {
  const std::lock_guard<std::mutex> lock(mutex_);
  entries_.push_back({charge, nullptr});
  wake_.notify_one();
  if (thread_.joinable()) return;
  // Signals are for the threads of the application.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error&) {
    // Tried again next time; whoever polls needs no caretaker.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Caretaker::Run() {
  pthread_setname_np(pthread_self(), "ithaca care");
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !entries_.empty(); });
      if (stop_) return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kRoundMs));
    Round();
  }
}

void Caretaker::Round() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    std::shared_ptr<Charge> charge = entry->charge.lock();
    lock.unlock();
    const Charge::Next next =
        charge != nullptr ? charge->LookAfter() : Charge::Next::kForget;
    std::shared_ptr<Charge> held = std::exchange(
        entry->hold, next == Charge::Next::kHold ? charge : nullptr);
    charge.reset();
    held.reset();  // which may be its end: with no lock held
    lock.lock();
    entry = next == Charge::Next::kForget ? entries_.erase(entry)
                                          : std::next(entry);
  }
}

}  // namespace ithaca::net
