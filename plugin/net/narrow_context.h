// The one context behind net v10 and older, whose calls carry none.
//
// NCCL initialises those versions once per process, again after it has dropped
// the plugin, and never finalizes them. So the context is made by the first
// init that succeeds and lives as long as the process; a later init only says
// where log lines and profiler events go from then on. Two copies of NCCL in
// one process, whatever their versions, share it.
// Thread-safe. Nothing is destroyed at exit: threads may still be using it.
#ifndef ITHACA_PLUGIN_NET_NARROW_CONTEXT_H_
#define ITHACA_PLUGIN_NET_NARROW_CONTEXT_H_

#include <atomic>
#include <mutex>

#include "plugin/abi/common.h"

namespace ithaca::net {

class ProcessContext {
 public:
  constexpr ProcessContext() = default;
  ProcessContext(const ProcessContext&) = delete;
  ProcessContext& operator=(const ProcessContext&) = delete;

  static ProcessContext& Get();

  // Makes the context unless there is one. A failed call leaves none behind
  // and may be repeated. Either argument may be null.
  abi::Result Init(abi::Logger logger, abi::ProfilerCallback profiler);

  // The context, or null before the first Init that succeeded.
  void* ctx() const { return ctx_.load(std::memory_order_acquire); }

  // Finalizes and forgets the context, as if the process were new.
  void ResetForTest();

 private:
  std::mutex init_mutex_;  // One init at a time.
  std::atomic<void*> ctx_{nullptr};
};

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_NARROW_CONTEXT_H_
