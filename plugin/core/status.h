// A small status type for code that lives inside other people's processes.
//
// Used by the plugin's folders and the driver, which must not link abseil: the
// plugin is loaded into processes that carry other versions of it.
// A Status is a value: immutable once made, one pointer wide, free when OK.
// "Would block" is never a Status; such calls return a value that says so.
#ifndef ITHACA_PLUGIN_CORE_STATUS_H_
#define ITHACA_PLUGIN_CORE_STATUS_H_

#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace ithaca {

// What a failure means to the caller. The comment says the largest thing that
// the failure ends, so that recovery can switch on the code alone.
enum class Code {
  kOk = 0,
  kInvalidArgument,     // the call; the caller passed something wrong
  kNotFound,            // the call; a library, file or interface is absent
  kResourceExhausted,   // the call; memory or descriptors ran out
  kUnavailable,         // a lane or the peer: refused, reset, unreachable
  kDeadlineExceeded,    // a connection: the peer did not answer in time
  kFailedPrecondition,  // a connection: the two sides disagree
  kDataLoss,            // a connection: bytes on the wire make no sense
  kInternal,            // a defect of ours
};

// The code's name in words, for logs: "OK", "UNAVAILABLE", ...
const char* CodeName(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  // REQUIRES: code != kOk. `message` says what went wrong and the remedy.
  Status(Code code, std::string message)
      : rep_(std::make_shared<const Rep>(Rep{code, std::move(message)})) {}

  bool ok() const { return rep_ == nullptr; }
  Code code() const { return rep_ ? rep_->code : Code::kOk; }
  // Empty when OK.
  const std::string& message() const;
  // "UNAVAILABLE: connection to 10.0.0.1:80 was reset".
  std::string ToString() const;

 private:
  struct Rep {
    Code code;
    std::string message;
  };
  // Shared because statuses are copied to every request of a failed connection.
  std::shared_ptr<const Rep> rep_;
};

// printf-style construction.
Status Errorf(Code code, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

// Like Errorf, and appends ": <strerror(error)>".
Status ErrnoError(Code code, int error, const char* format, ...)
    __attribute__((format(printf, 3, 4)));

// A value, or the status that says why there is none.
template <typename T>
class [[nodiscard]] StatusOr {
 public:
  StatusOr(T value) : v_(std::move(value)) {}  // NOLINT: implicit on purpose
  // REQUIRES: !status.ok().
  StatusOr(Status status) : v_(std::move(status)) {}  // NOLINT

  bool ok() const { return std::holds_alternative<T>(v_); }
  Status status() const { return ok() ? Status() : std::get<Status>(v_); }
  // REQUIRES: ok().
  T& value() & { return std::get<T>(v_); }
  const T& value() const& { return std::get<T>(v_); }
  T&& value() && { return std::get<T>(std::move(v_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<Status, T> v_;
};

}  // namespace ithaca

// Returns from the enclosing function when `expr` is not OK.
#define ITHACA_RETURN_IF_ERROR(expr)               \
  do {                                             \
    ::ithaca::Status ithaca_status = (expr);       \
    if (!ithaca_status.ok()) return ithaca_status; \
  } while (false)

#endif  // ITHACA_PLUGIN_CORE_STATUS_H_
