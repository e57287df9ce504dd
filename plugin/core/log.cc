#include "plugin/core/log.h"

#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <string>

namespace ithaca {

void StderrLogSink::Write(LogLevel level, const char* file, int line,
                          const char* text) {
  if (level != LogLevel::kWarn && !verbose_) return;
  const char* name = level == LogLevel::kWarn ? "WARN" : "INFO";
  fprintf(stderr, "ithaca[%d] %s %s:%d %s\n", getpid(), name, file, line, text);
}

void Logf(LogSink& sink, LogLevel level, const char* file, int line,
          const char* format, ...) {
  char buffer[512];
  va_list args;
  va_start(args, format);
  const int n = vsnprintf(buffer, sizeof(buffer), format, args);
  va_end(args);
  if (n < static_cast<int>(sizeof(buffer))) {
    sink.Write(level, file, line, buffer);
    return;
  }
  std::string text(n, '\0');
  va_start(args, format);
  vsnprintf(text.data(), text.size() + 1, format, args);
  va_end(args);
  sink.Write(level, file, line, text.c_str());
}

}  // namespace ithaca
