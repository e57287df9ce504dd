// The plugin's state in a process: options, rails and devices, found once.
//
// NCCL's devices() and getProperties() carry no context, so this is
// process-wide by necessity: one object, made by the first init that succeeds,
// never freed. Thread-safe.
#ifndef ITHACA_PLUGIN_NET_RUNTIME_H_
#define ITHACA_PLUGIN_NET_RUNTIME_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "plugin/abi/common.h"
#include "plugin/core/log.h"
#include "plugin/core/options.h"
#include "plugin/core/status.h"
#include "plugin/net/caretaker.h"
#include "plugin/net/devices.h"
#include "plugin/net/engine.h"
#include "plugin/nodepage/page.h"
#include "plugin/transport/rail.h"

namespace ithaca::net {

// Lines go to NCCL's logger, or to standard error where a caller has none.
class NcclLogSink final : public LogSink {
 public:
  void SetLogger(abi::Logger logger) { logger_.store(logger); }
  void Write(LogLevel level, const char* file, int line,
             const char* text) override;

 private:
  std::atomic<abi::Logger> logger_{nullptr};
};

class Runtime {
 public:
  // The one of this process.
  static Runtime& Get();

  // A context for one communicator. The first call reads the environment and
  // finds the rails; the error of a failed one is logged and does not stick.
  StatusOr<std::shared_ptr<Engine>> NewEngine(uint64_t comm_id,
                                              abi::Logger logger);

  // The devices; empty before the first NewEngine that succeeded. Stable.
  const std::vector<Device>& devices() const;

  // True in a child of the process that loaded the plugin: sockets, UCX and
  // locks are the parent's, so nothing may be touched.
  bool forked() const { return forked_.load(std::memory_order_relaxed); }

  LogSink& log() { return log_; }

 private:
  Runtime();
  void SetNcclDefaults();
  Status Discover();
  void OpenPage();
  StatusOr<std::unique_ptr<LaneBackend>> MakeUcx();

  NcclLogSink log_;
  Caretaker caretaker_;
  std::mutex mutex_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> forked_{false};
  // Set before ready_, constant after.
  Options options_;
  uint64_t host_ = 0;  // see Engine::Config
  std::vector<Rail> rails_;
  std::vector<Device> devices_;
  std::shared_ptr<nodepage::NodePage> page_;  // null: none to be had
};

// Where lanes over UCX come from; defined by the composition of the plugin
// (ucx_factory.cc), so that nothing here depends on plugin/ucx.
StatusOr<std::unique_ptr<LaneBackend>> MakeUcxBackend(
    const std::vector<Rail>& rails, LogSink* log);

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_RUNTIME_H_
