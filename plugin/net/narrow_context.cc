#include "plugin/net/narrow_context.h"

#include <cstdarg>
#include <cstdio>

#include "plugin/net/net_v11.h"

namespace ithaca::net {
namespace {

// Those of the latest init. The context outlives the NCCL that made it, so it
// is given the functions below instead, which look here.
std::atomic<abi::Logger> latest_logger{nullptr};
std::atomic<abi::ProfilerCallback> latest_profiler{nullptr};

constexpr int kMaxLineBytes = 2048;

__attribute__((format(printf, 5, 6))) void LogToLatest(
    abi::DebugLevel level, unsigned long subsys, const char* file, int line,
    const char* format, ...) {
  const abi::Logger logger = latest_logger.load(std::memory_order_acquire);
  if (logger == nullptr) return;
  char text[kMaxLineBytes];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  logger(level, subsys, file, line, "%s", text);
}

abi::Result ProfileToLatest(void** event, int type, void* phandle,
                            int64_t plugin_id, void* extra) {
  const abi::ProfilerCallback profiler =
      latest_profiler.load(std::memory_order_acquire);
  if (profiler == nullptr) return abi::Result::kSuccess;
  return profiler(event, type, phandle, plugin_id, extra);
}

}  // namespace

ProcessContext& ProcessContext::Get() {
  static ProcessContext instance;
  return instance;
}

abi::Result ProcessContext::Init(abi::Logger logger,
                                 abi::ProfilerCallback profiler) {
  // Held while calling out: init must run once, and does not come back here.
  std::lock_guard<std::mutex> lock(init_mutex_);
  latest_logger.store(logger, std::memory_order_release);
  latest_profiler.store(profiler, std::memory_order_release);
  if (ctx() != nullptr) return abi::Result::kSuccess;
  void* made = nullptr;
  const abi::Result result =
      kNetV11.init(&made, /*commId=*/0, /*config=*/nullptr, LogToLatest,
                   profiler != nullptr ? ProfileToLatest : nullptr);
  if (result != abi::Result::kSuccess) return result;
  if (made == nullptr) return abi::Result::kInternalError;
  ctx_.store(made, std::memory_order_release);
  return result;
}

void ProcessContext::ResetForTest() {
  std::lock_guard<std::mutex> lock(init_mutex_);
  void* old = ctx_.exchange(nullptr);
  if (old != nullptr) kNetV11.finalize(old);
}

}  // namespace ithaca::net
