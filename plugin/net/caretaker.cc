#include "plugin/net/caretaker.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <iterator>
#include <system_error>

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
  charges_.push_back(charge);
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
      wake_.wait(lock, [this] { return stop_ || !charges_.empty(); });
      if (stop_) return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kRoundMs));
    Round();
  }
}

void Caretaker::Round() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (auto entry = charges_.begin(); entry != charges_.end();) {
    std::shared_ptr<Charge> charge = entry->lock();
    lock.unlock();
    const bool again = charge != nullptr && charge->LookAfter();
    charge.reset();  // which may be its end: with no lock held
    lock.lock();
    entry = again ? std::next(entry) : charges_.erase(entry);
  }
}

}  // namespace ithaca::net
