// Where log lines go: NCCL's logger inside a job, standard error elsewhere.
//
// Whoever detects a failure logs it once; callers only pass the Status on.
// Thread-safe. No allocation unless the line is longer than 512 bytes.
#ifndef ITHACA_PLUGIN_CORE_LOG_H_
#define ITHACA_PLUGIN_CORE_LOG_H_

#include <string>

namespace ithaca {

enum class LogLevel { kWarn, kInfo, kTrace };

class LogSink {
 public:
  virtual ~LogSink() = default;
  // One line, without its newline. May be called from any thread.
  virtual void Write(LogLevel level, const char* file, int line,
                     const char* text) = 0;
};

// Writes warnings (and, with `verbose`, the rest) to standard error.
class StderrLogSink : public LogSink {
 public:
  explicit StderrLogSink(bool verbose) : verbose_(verbose) {}
  void Write(LogLevel level, const char* file, int line,
             const char* text) override;

 private:
  const bool verbose_;
};

// Formats and hands one line to `sink`. Use the macros.
void Logf(LogSink& sink, LogLevel level, const char* file, int line,
          const char* format, ...) __attribute__((format(printf, 5, 6)));

}  // namespace ithaca

#define ITHACA_WARN(sink, ...)                                          \
  ::ithaca::Logf((sink), ::ithaca::LogLevel::kWarn, __FILE__, __LINE__, \
                 __VA_ARGS__)
#define ITHACA_INFO(sink, ...)                                          \
  ::ithaca::Logf((sink), ::ithaca::LogLevel::kInfo, __FILE__, __LINE__, \
                 __VA_ARGS__)

#endif  // ITHACA_PLUGIN_CORE_LOG_H_
