// Catches what a plugin logs: the last lines for error messages, all of them
// for whoever gave a sink.
//
// NCCL's logger is a bare function without an argument of ours, so each log
// owns one of a fixed number of trampolines; that table is the only mutable
// state of this folder outside objects. A plugin may log from threads of its
// own after we are done with it; such lines are dropped.
// Thread-safe. Life cycle: one per loaded plugin, outlived by nothing.
#ifndef ITHACA_PLUGIN_DRIVER_PLUGIN_LOG_H_
#define ITHACA_PLUGIN_DRIVER_PLUGIN_LOG_H_

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plugin/abi/common.h"
#include "plugin/core/log.h"
#include "plugin/core/status.h"

namespace ithaca::driver {

class PluginLog {
 public:
  // Error: kResourceExhausted when 16 plugins are loaded already.
  // `sink` may be null; REQUIRES: otherwise it outlives the log.
  static StatusOr<std::unique_ptr<PluginLog>> Create(LogSink* sink);
  ~PluginLog();

  PluginLog(const PluginLog&) = delete;
  PluginLog& operator=(const PluginLog&) = delete;

  // What init hands to the plugin.
  abi::Logger logger() const;

  // The newest warning, or "" when there was none.
  std::string LastWarning() const;
  // The newest lines of any level, oldest first.
  std::vector<std::string> LastLines() const;

  void Write(abi::DebugLevel level, const char* file, int line,
             const std::string& text);

 private:
  PluginLog(int slot, LogSink* sink) : slot_(slot), sink_(sink) {}

  const int slot_;
  LogSink* const sink_;
  mutable std::mutex mutex_;
  std::deque<std::string> lines_;  // guarded by mutex_
  std::string last_warning_;       // guarded by mutex_
};

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_PLUGIN_LOG_H_
