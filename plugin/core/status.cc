#include "plugin/core/status.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace ithaca {
namespace {

std::string VFormat(const char* format, va_list args) {
  char buffer[512];
  va_list copy;
  va_copy(copy, args);
  const int n = vsnprintf(buffer, sizeof(buffer), format, args);
  if (n < 0) {
    va_end(copy);
    return format;
  }
  if (static_cast<size_t>(n) < sizeof(buffer)) {
    va_end(copy);
    return std::string(buffer, n);
  }
  std::string text(n, '\0');
  vsnprintf(text.data(), text.size() + 1, format, copy);
  va_end(copy);
  return text;
}

}  // namespace

const char* CodeName(Code code) {
  switch (code) {
    case Code::kOk:
      return "OK";
    case Code::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case Code::kNotFound:
      return "NOT_FOUND";
    case Code::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case Code::kUnavailable:
      return "UNAVAILABLE";
    case Code::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case Code::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case Code::kDataLoss:
      return "DATA_LOSS";
    case Code::kInternal:
      return "INTERNAL";
  }
  return "UNKNOWN";
}

const std::string& Status::message() const {
  static const std::string* const kEmpty = new std::string;
  return rep_ ? rep_->message : *kEmpty;
}

std::string Status::ToString() const {
  if (ok()) return "OK";
  return std::string(CodeName(code())) + ": " + message();
}

Status Errorf(Code code, const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::string text = VFormat(format, args);
  va_end(args);
  return Status(code, std::move(text));
}

Status ErrnoError(Code code, int error, const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::string text = VFormat(format, args);
  va_end(args);
  char buffer[128];
  text += ": ";
  text += strerror_r(error, buffer, sizeof(buffer));
  return Status(code, std::move(text));
}

}  // namespace ithaca
