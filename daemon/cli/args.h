// The command line of one command: declared options in, values or a usage error
// out.
//
// Used by every command. Threads: values.
#ifndef ITHACA_DAEMON_CLI_ARGS_H_
#define ITHACA_DAEMON_CLI_ARGS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace ithaca::cli {

struct Option {
  // Without dashes, e.g. "seq-len".
  std::string name;
  // What its value is called in the help, e.g. "FILE"; empty: a switch without
  // value.
  std::string value;
  std::string help;
  // One letter, or 0.
  char letter = 0;
};

class Args {
 public:
  // Takes "--name value", "--name=value", "-x value", switches, and everything
  // after "--" as it is. INVALID_ARGUMENT: an unknown option (with the nearest
  // known one), a missing value, an option given twice, or another number of
  // words than `words`.
  static absl::StatusOr<Args> Parse(const std::vector<std::string>& line,
                                    const std::vector<Option>& options,
                                    size_t words);

  bool Has(const std::string& name) const { return values_.count(name) != 0; }
  // Empty: not given.
  std::string Get(const std::string& name) const;
  // A count such as "4096", "128K" or "1M" (K and M are 2^10 and 2^20);
  // nothing: not given. INVALID_ARGUMENT names the option.
  absl::StatusOr<std::optional<uint64_t>> Count(const std::string& name) const;
  const std::vector<std::string>& words() const { return words_; }

 private:
  std::map<std::string, std::string> values_;
  std::vector<std::string> words_;
};

// "4096", "128K", "1M", "2G" as a number. INVALID_ARGUMENT for all else.
absl::StatusOr<uint64_t> ParseCount(const std::string& text);

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_ARGS_H_
