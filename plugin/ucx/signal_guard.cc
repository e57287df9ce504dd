#include "plugin/ucx/signal_guard.h"

#include <pthread.h>

#include <cstring>

namespace ithaca {
namespace {

bool SameHandler(const struct sigaction& a, const struct sigaction& b) {
  if (a.sa_flags != b.sa_flags) return false;
  return (a.sa_flags & SA_SIGINFO) != 0 ? a.sa_sigaction == b.sa_sigaction
                                        : a.sa_handler == b.sa_handler;
}

}  // namespace

SignalGuard::SignalGuard() {
  memset(actions_, 0, sizeof(actions_));
  for (int s = 1; s < NSIG; ++s) sigaction(s, nullptr, &actions_[s]);
  sigaltstack(nullptr, &stack_);
}

SignalGuard::~SignalGuard() {
  if (dismissed_) return;
  for (int s = 1; s < NSIG; ++s) {
    struct sigaction now;
    if (sigaction(s, nullptr, &now) != 0) continue;  // reserved by libc
    if (!SameHandler(now, actions_[s])) sigaction(s, &actions_[s], nullptr);
  }
  sigaltstack(&stack_, nullptr);
}

SignalBlock::SignalBlock() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before_);
}

SignalBlock::~SignalBlock() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

}  // namespace ithaca
