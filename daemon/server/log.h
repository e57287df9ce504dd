// The daemon's log: one line per happening on standard error, in logfmt or as
// a JSON object:
//   time=2026-01-31T12:00:00.123Z level=info msg="..." group="..."
//   {"time":"2026-01-31T12:00:00.123Z","level":"info","msg":"...","group":"..."}
//
// Used by the composition root and what it builds. Threads: any; lines do not
// mix.
#ifndef ITHACA_DAEMON_SERVER_LOG_H_
#define ITHACA_DAEMON_SERVER_LOG_H_

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace ithaca::server {

enum class Level { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kLogfmt, kJson };

// INVALID_ARGUMENT, naming what there is, for another word.
absl::StatusOr<Level> ParseLevel(const std::string& word);
absl::StatusOr<LogFormat> ParseLogFormat(const std::string& word);

// Names (plain words) and values (anything: they are escaped).
using Fields = std::vector<std::pair<std::string, std::string>>;

class Log {
 public:
  using Sink = std::function<void(const std::string& line)>;

  // Writes to standard error what is at least as important as `least`.
  explicit Log(LogFormat format = LogFormat::kLogfmt,
               Level least = Level::kInfo);
  explicit Log(Sink sink, LogFormat format = LogFormat::kLogfmt,
               Level least = Level::kInfo)
      : sink_(std::move(sink)), format_(format), least_(least) {}

  void Write(Level level, const std::string& text, const Fields& fields = {});
  void Info(const std::string& text) { Write(Level::kInfo, text); }
  void Warn(const std::string& text) { Write(Level::kWarn, text); }
  void Error(const std::string& text) { Write(Level::kError, text); }

  // As Warn, for what a hostile peer can cause at will: at most 20 lines in 10
  // seconds of `now_ms`; the next line after that says how many were left out.
  void WarnLimited(const std::string& text, int64_t now_ms);

 private:
  const Sink sink_;
  const LogFormat format_;
  const Level least_;
  std::mutex mutex_;
  int64_t window_start_ms_ = 0;  // guarded by mutex_
  int in_window_ = 0;            // guarded by mutex_
  int left_out_ = 0;             // guarded by mutex_
};

// `text` in double quotes, with what would break a line escaped.
std::string Quoted(const std::string& text);

}  // namespace ithaca::server

#endif  // ITHACA_DAEMON_SERVER_LOG_H_
