#include "plugin/driver/plugin_log.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <utility>

namespace ithaca::driver {
namespace {

constexpr int kSlots = 16;
constexpr size_t kKeptLines = 64;

struct Slots {
  std::mutex mutex;
  std::array<PluginLog*, kSlots> logs = {};  // guarded by mutex
};

Slots& AllSlots() {
  static Slots* const slots = new Slots;
  return *slots;
}

template <int kSlot>
void Trampoline(abi::DebugLevel level, unsigned long, const char* file,
                int line, const char* format, ...) {
  char buffer[2048];
  va_list args;
  va_start(args, format);
  vsnprintf(buffer, sizeof(buffer), format, args);
  va_end(args);
  Slots& slots = AllSlots();
  std::lock_guard<std::mutex> lock(slots.mutex);
  if (PluginLog* log = slots.logs[kSlot]) {
    log->Write(level, file == nullptr ? "" : file, line, buffer);
  }
}

template <int... kIndex>
constexpr std::array<abi::Logger, kSlots> Trampolines(
    std::integer_sequence<int, kIndex...>) {
  return {&Trampoline<kIndex>...};
}

constexpr std::array<abi::Logger, kSlots> kTrampolines =
    Trampolines(std::make_integer_sequence<int, kSlots>());

LogLevel ToLogLevel(abi::DebugLevel level) {
  switch (level) {
    case abi::DebugLevel::kWarn:
    case abi::DebugLevel::kAbort:
      return LogLevel::kWarn;
    case abi::DebugLevel::kTrace:
      return LogLevel::kTrace;
    default:
      return LogLevel::kInfo;
  }
}

}  // namespace

StatusOr<std::unique_ptr<PluginLog>> PluginLog::Create(LogSink* sink) {
  Slots& slots = AllSlots();
  std::lock_guard<std::mutex> lock(slots.mutex);
  for (int i = 0; i < kSlots; ++i) {
    if (slots.logs[i] != nullptr) continue;
    std::unique_ptr<PluginLog> log(new PluginLog(i, sink));
    slots.logs[i] = log.get();
    return log;
  }
  return Errorf(Code::kResourceExhausted,
                "%d plugins are loaded already; close one first", kSlots);
}

PluginLog::~PluginLog() {
  Slots& slots = AllSlots();
  std::lock_guard<std::mutex> lock(slots.mutex);
  slots.logs[slot_] = nullptr;
}

abi::Logger PluginLog::logger() const { return kTrampolines[slot_]; }

std::string PluginLog::LastWarning() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return last_warning_;
}

std::vector<std::string> PluginLog::LastLines() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return {lines_.begin(), lines_.end()};
}

void PluginLog::Write(abi::DebugLevel level, const char* file, int line,
                      const std::string& text) {
  const LogLevel ours = ToLogLevel(level);
  if (sink_ != nullptr) sink_->Write(ours, file, line, text.c_str());
  std::lock_guard<std::mutex> lock(mutex_);
  if (ours == LogLevel::kWarn) last_warning_ = text;
  lines_.push_back((ours == LogLevel::kWarn ? "WARN " : "INFO ") + text);
  if (lines_.size() > kKeptLines) lines_.pop_front();
}

}  // namespace ithaca::driver
