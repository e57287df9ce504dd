// Why a call is refused: for programs a reason code, for people what is wrong
// and what to do.
//
// Used by everything in the daemon that answers calls, and by clients. Threads:
// values.
#ifndef ITHACA_DAEMON_GROUPS_REFUSAL_H_
#define ITHACA_DAEMON_GROUPS_REFUSAL_H_

#include <map>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"

namespace ithaca::groups {

struct Refusal {
  absl::StatusCode code = absl::StatusCode::kUnknown;
  // UPPER_SNAKE_CASE; the list is at the top of groups.proto.
  std::string reason;
  // What is wrong, without a full stop.
  std::string sentence;
  // What the caller can do, without a full stop.
  std::string next_step;
  // Facts for programs.
  std::map<std::string, std::string> facts;

  // "REASON: sentence; next step".
  std::string Message() const;
};

// The common shape: a field is missing or malformed. `sentence` begins with its
// name.
Refusal InvalidRequest(std::string sentence, std::string next_step);

// A value or the refusal to give one.
template <typename T>
class Result {
 public:
  Result(T value)
      : content_(std::move(value)) {}  // NOLINT: implicit on purpose
  Result(Refusal refusal)
      : content_(std::move(refusal)) {}  // NOLINT: implicit on purpose

  bool ok() const { return content_.index() == 0; }
  // REQUIRES: ok().
  const T& value() const { return std::get<0>(content_); }
  T& value() { return std::get<0>(content_); }
  // REQUIRES: !ok().
  const Refusal& refusal() const { return std::get<1>(content_); }

 private:
  std::variant<T, Refusal> content_;
};

struct Done {};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_REFUSAL_H_
