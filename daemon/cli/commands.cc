#include "daemon/cli/commands.h"

#include <algorithm>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace ithaca::cli {
namespace {

// How many words of the line are this command's name; 0: it is another command.
size_t Matches(const Command& command, const std::vector<std::string>& line) {
  const std::vector<std::string> words = absl::StrSplit(command.name, ' ');
  if (line.size() < words.size()) return 0;
  return std::equal(words.begin(), words.end(), line.begin()) ? words.size()
                                                              : 0;
}

std::string Overview() {
  std::vector<std::vector<std::string>> rows;
  for (const Command& command : AllCommands()) {
    rows.push_back({absl::StrCat("  ", command.name), command.summary});
  }
  return absl::StrCat(
      "ithacactl plans sequence parallelism and looks after the groups of this "
      "node's "
      "ithacad.\n\nUsage: ithacactl COMMAND [OPTIONS]\n\nCommands:\n",
      Columns(rows),
      "\n`ithacactl COMMAND --help` tells more.\n"
      "Exit status: 0 done, 1 the answer is no, 2 usage, 3 cannot reach the "
      "daemon.\n");
}

std::string OptionRows(const std::vector<Option>& options) {
  std::vector<std::vector<std::string>> rows;
  for (const Option& option : options) {
    std::string left = absl::StrCat("  --", option.name);
    if (option.letter != 0)
      left = absl::StrCat("  -", std::string(1, option.letter), ", --",
                          option.name);
    if (!option.value.empty()) absl::StrAppend(&left, " ", option.value);
    rows.push_back({left, option.help});
  }
  return Columns(rows);
}

std::string Help(const Command& command) {
  std::string text =
      absl::StrCat(command.summary, "\n\nUsage: ithacactl ", command.name);
  if (*command.arguments != '\0')
    absl::StrAppend(&text, " ", command.arguments);
  absl::StrAppend(&text, " [OPTIONS]\n\n", command.help, "\n");
  if (!command.options.empty()) {
    absl::StrAppend(&text, "Options:\n", OptionRows(command.options), "\n");
  }
  return absl::StrCat(text, "Common options:\n", OptionRows(CommonOptions()));
}

int Usage(const Streams& streams, const std::string& what,
          const std::string& remedy) {
  streams.err << "ithacactl: " << what << "; see `" << remedy << "`\n";
  return kUsage;
}

int Run(const Command& command, const std::vector<std::string>& line,
        const Streams& streams) {
  std::vector<Option> options = command.options;
  options.insert(options.end(), CommonOptions().begin(), CommonOptions().end());
  const std::string remedy =
      absl::StrCat("ithacactl ", command.name, " --help");
  const absl::StatusOr<Args> args =
      Args::Parse(line, options, command.argument_count);
  if (!args.ok())
    return Usage(streams, std::string(args.status().message()), remedy);
  if (args->Has("help")) {
    streams.out << Help(command);
    return kDone;
  }
  const std::string output = args->Get("output");
  const bool is_own =
      std::find(command.own_formats.begin(), command.own_formats.end(),
                output) != command.own_formats.end();
  const absl::StatusOr<Format> format = ParseFormat(is_own ? "" : output);
  if (!format.ok())
    return Usage(streams, std::string(format.status().message()), remedy);
  return command.run(Context(*args, *format, streams));
}

}  // namespace

const std::vector<Command>& AllCommands() {
  static const auto* const commands = new std::vector<Command>{
      PlanCommand(),         ValidateCommand(),        MaxSeqCommand(),
      ExplainCommand(),      GroupCreateCommand(),     GroupListCommand(),
      GroupShowCommand(),    GroupWatchCommand(),      GroupExplainCommand(),
      GroupReplanCommand(),  GroupDeleteCommand(),     TopologyShowCommand(),
      TopologyReadCommand(), TopologyConvertCommand(), StoreBackupCommand(),
      StoreCheckCommand(),   StoreDumpCommand(),       StoreRestoreCommand(),
      StatusCommand(),       DoctorCommand(),          DemoCommand(),
      VersionCommand(),
  };
  return *commands;
}

int Main(const std::vector<std::string>& line, const Streams& streams) {
  if (line.empty() || line[0] == "--help" || line[0] == "-h" ||
      line[0] == "help") {
    (line.empty() ? streams.err : streams.out) << Overview();
    return line.empty() ? kUsage : kDone;
  }
  for (const Command& command : AllCommands()) {
    const size_t words = Matches(command, line);
    if (words == 0) continue;
    return Run(command, {line.begin() + static_cast<long>(words), line.end()},
               streams);
  }
  // The first word of longer names alone: say which there are.
  std::vector<std::string> longer;
  for (const Command& command : AllCommands()) {
    if (absl::StartsWith(command.name, line[0] + " "))
      longer.push_back(command.name);
  }
  if (!longer.empty()) {
    return Usage(streams,
                 absl::StrCat("use one of: ", absl::StrJoin(longer, ", ")),
                 "ithacactl --help");
  }
  return Usage(streams, absl::StrCat("unknown command '", line[0], "'"),
               "ithacactl --help");
}

}  // namespace ithaca::cli
