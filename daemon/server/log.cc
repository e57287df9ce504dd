#include "daemon/server/log.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace ithaca::server {
namespace {

constexpr int64_t kWindowMs = 10'000;
constexpr int kLinesPerWindow = 20;

const char* Name(Level level) {
  switch (level) {
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "error";
}

void ToStandardError(const std::string& line) {
  const std::string whole = line + "\n";
  // One call, so that lines of several threads do not mix.
  const ssize_t written = write(STDERR_FILENO, whole.data(), whole.size());
  (void)written;  // There is nowhere left to complain.
}

}  // namespace

Log::Log() : sink_(ToStandardError) {}

std::string Quoted(const std::string& text) {
  return absl::StrCat("\"", absl::CHexEscape(text), "\"");
}

void Log::Write(Level level, const std::string& text) {
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(),
                                            absl::UTCTimeZone());
  sink_(absl::StrCat("time=", time, " level=", Name(level),
                     " msg=", Quoted(text)));
}

void Log::WarnLimited(const std::string& text, int64_t now_ms) {
  int left_out = 0;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (in_window_ == 0 || now_ms - window_start_ms_ >= kWindowMs) {
      window_start_ms_ = now_ms;
      in_window_ = 0;
    }
    if (in_window_ >= kLinesPerWindow) {
      ++left_out_;
      return;
    }
    ++in_window_;
    left_out = std::exchange(left_out_, 0);
  }
  Warn(left_out == 0
           ? text
           : absl::StrCat(text, " (", left_out, " lines left out before)"));
}

}  // namespace ithaca::server
