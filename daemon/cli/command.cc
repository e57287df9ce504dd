#include "daemon/cli/command.h"

#include <algorithm>
#include <ostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/clients/cc/rpc_error.h"

namespace ithaca::cli {

const std::vector<Option>& CommonOptions() {
  static const auto* const options = new std::vector<Option>{
      {"output", "FORMAT",
       "table (for people), json (proto3 JSON) or yaml. Default: table.", 'o'},
      {"socket", "PATH",
       "Socket of the daemon. Default: ithacad.sock in $ITHACA_RUN_DIR, else "
       "in the user's "
       "or the system's run directory."},
      {"timeout", "SECONDS", "How long to wait for the daemon. Default: 10."},
      {"help", "", "Shows this.", 'h'},
  };
  return *options;
}

absl::StatusOr<std::unique_ptr<client::Client>> Context::Connect() const {
  client::ConnectOptions options;
  options.socket = args.Get("socket");
  const auto seconds = args.Count("timeout");
  if (!seconds.ok()) return seconds.status();
  constexpr uint64_t kMaxSeconds = 86'400;
  if (seconds->has_value() && (**seconds == 0 || **seconds > kMaxSeconds)) {
    return absl::InvalidArgumentError("--timeout: give 1 to 86400 seconds");
  }
  if (seconds->has_value())
    options.timeout_ms = static_cast<int64_t>(**seconds) * 1000;
  return client::Client::Connect(options);
}

int Context::Fail(const absl::Status& status) const {
  // One line, whatever of the input a parser quotes.
  std::string message(status.message());
  absl::RemoveExtraAsciiWhitespace(&message);
  std::replace(message.begin(), message.end(), '\n', ' ');
  err << "ithacactl: " << message << "\n";
  const bool refused = !client::ReasonOf(status).empty();
  if (!refused && (status.code() == absl::StatusCode::kUnavailable ||
                   status.code() == absl::StatusCode::kDeadlineExceeded)) {
    return kUnreachable;
  }
  return status.code() == absl::StatusCode::kInvalidArgument ? kUsage : kNo;
}

std::string Context::Good(const std::string& text) const {
  return color ? absl::StrCat("\033[32m", text, "\033[0m") : text;
}

std::string Context::Bad(const std::string& text) const {
  return color ? absl::StrCat("\033[31m", text, "\033[0m") : text;
}

}  // namespace ithaca::cli
