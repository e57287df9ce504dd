#include "daemon/server/log.h"

#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace ithaca::server {
namespace {

constexpr int64_t kWindowMs = 10'000;
constexpr int kLinesPerWindow = 20;

const char* Name(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
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

std::string AsJson(const Fields& fields) {
  nlohmann::ordered_json object;
  for (const auto& [name, value] : fields) object[name] = value;
  // Bytes that are no UTF-8 become U+FFFD.
  return object.dump(-1, ' ', false,
                     nlohmann::ordered_json::error_handler_t::replace);
}

std::string AsLogfmt(const Fields& fields) {
  return absl::StrJoin(
      fields, " ", [](std::string* out, const Fields::value_type& field) {
        const bool plain = field.first == "time" || field.first == "level";
        absl::StrAppend(out, field.first, "=",
                        plain ? field.second : Quoted(field.second));
      });
}

}  // namespace

absl::StatusOr<Level> ParseLevel(const std::string& word) {
  for (Level level :
       {Level::kDebug, Level::kInfo, Level::kWarn, Level::kError}) {
    if (word == Name(level)) return level;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--log_level=", word, ": use debug, info, warn or error"));
}

absl::StatusOr<LogFormat> ParseLogFormat(const std::string& word) {
  if (word == "logfmt") return LogFormat::kLogfmt;
  if (word == "json") return LogFormat::kJson;
  return absl::InvalidArgumentError(
      absl::StrCat("--log_format=", word, ": use logfmt or json"));
}

Log::Log(LogFormat format, Level least) : Log(ToStandardError, format, least) {}

std::string Quoted(const std::string& text) {
  return absl::StrCat("\"", absl::CHexEscape(text), "\"");
}

void Log::Write(Level level, const std::string& text, const Fields& fields) {
  if (level < least_) return;
  Fields all = {{"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(),
                                          absl::UTCTimeZone())},
                {"level", Name(level)},
                {"msg", text}};
  all.insert(all.end(), fields.begin(), fields.end());
  sink_(format_ == LogFormat::kJson ? AsJson(all) : AsLogfmt(all));
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
