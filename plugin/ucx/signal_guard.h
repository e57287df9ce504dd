// Puts a process's signal handlers back as they were.
//
// Used around the loading of UCX, whose constructor installs handlers for
// crashes and for SIGHUP. Confined to a thread; another thread that installs a
// handler within the guard's few milliseconds of life loses it.
#ifndef ITHACA_PLUGIN_UCX_SIGNAL_GUARD_H_
#define ITHACA_PLUGIN_UCX_SIGNAL_GUARD_H_

#include <csignal>

namespace ithaca {

class SignalGuard {
 public:
  SignalGuard();
  // Restores every handler that differs, and this thread's signal stack.
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  // Leaves everything as it is.
  void Dismiss() { dismissed_ = true; }

 private:
  struct sigaction actions_[NSIG];
  stack_t stack_;
  bool dismissed_ = false;
};

// Blocks every signal in this thread while it lives, so that a thread which a
// library starts meanwhile never runs the application's handlers.
class SignalBlock {
 public:
  SignalBlock();
  ~SignalBlock();
  SignalBlock(const SignalBlock&) = delete;
  SignalBlock& operator=(const SignalBlock&) = delete;

 private:
  sigset_t before_;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_UCX_SIGNAL_GUARD_H_
