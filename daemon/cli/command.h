// One command of ithacactl, and what it runs with.
//
// A command is added by its own file, a line in commands.h and a line in the
// array of commands.cc. Threads: one.
#ifndef ITHACA_DAEMON_CLI_COMMAND_H_
#define ITHACA_DAEMON_CLI_COMMAND_H_

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/cli/args.h"
#include "daemon/cli/output.h"
#include "daemon/clients/cc/client.h"

namespace ithaca::cli {

// Exit statuses.
inline constexpr int kDone = 0;
inline constexpr int kNo = 1;
inline constexpr int kUsage = 2;
inline constexpr int kUnreachable = 3;

struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  // Whether `out` is a terminal that wants colours.
  bool color = false;
};

class Context {
 public:
  Context(const Args& args, Format format, const Streams& streams)
      : args(args),
        format(format),
        in(streams.in),
        out(streams.out),
        err(streams.err),
        color(streams.color) {}

  const Args& args;
  const Format format;
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  const bool color;

  // A client of the daemon that --socket and --timeout name.
  absl::StatusOr<std::unique_ptr<client::Client>> Connect() const;
  // Prints "ithacactl: what; remedy" and returns the exit status that fits.
  int Fail(const absl::Status& status) const;
  // The text in green or red when colours are wanted.
  std::string Good(const std::string& text) const;
  std::string Bad(const std::string& text) const;
};

struct Command {
  // One or two words, e.g. "group list".
  const char* name;
  // What it does, one line.
  const char* summary;
  // Its arguments in the usage line, e.g. "NAME"; empty: none.
  const char* arguments;
  size_t argument_count;
  // Options besides the common ones.
  std::vector<Option> options;
  // Longer help, with at least one example.
  const char* help;
  int (*run)(const Context& context);
  // Formats of -o that it has besides the common ones; the context's format is
  // then kTable, and the command looks at the option itself.
  std::vector<std::string> own_formats = {};
};

// Options that every command has.
const std::vector<Option>& CommonOptions();

}  // namespace ithaca::cli

#endif  // ITHACA_DAEMON_CLI_COMMAND_H_
