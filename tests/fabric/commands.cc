#include "tests/fabric/commands.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "tests/fabric/bound.h"
#include "tests/fabric/fabric.h"

namespace ithaca::fabric {
namespace {

// Removes "--id ID" from the front; the only kept fabric without it.
StatusOr<std::unique_ptr<Fabric>> TakeFabric(Arguments* arguments) {
  if (arguments->size() >= 2 && (*arguments)[0] == "--id") {
    const std::string id = (*arguments)[1];
    arguments->erase(arguments->begin(), arguments->begin() + 2);
    return Fabric::Attach(id);
  }
  std::string only;
  int kept = 0;
  for (const InstanceInfo& info : ListInstances()) {
    if (!info.kept) continue;
    only = info.id;
    ++kept;
  }
  if (kept == 1) return Fabric::Attach(only);
  return Status(Code::kNotFound,
                kept == 0 ? "no fabric is up; remedy: fabric up SPEC"
                          : "several fabrics are up; name one with --id, as "
                            "`fabric list` shows them");
}

// -1 when it is no number.
int ParseIndex(const std::string& text) {
  if (text.empty() || text.size() > 4 ||
      text.find_first_not_of("0123456789") != text.npos) {
    return -1;
  }
  return atoi(text.c_str());
}

int Up(const Arguments& arguments) {
  if (arguments.size() != 1) return UsageError("up takes one SPEC");
  auto spec = ReadSpec(arguments[0]);
  if (!spec.ok()) return UsageError(spec.status().message());
  auto fabric = Fabric::Up(*spec);
  if (!fabric.ok()) return Failure(fabric.status().message());
  const Status kept = (*fabric)->Keep();
  if (!kept.ok()) return Failure(kept.message());
  printf("%s\n", (*fabric)->id().c_str());
  return 0;
}

int List(const Arguments& arguments) {
  if (!arguments.empty()) return UsageError("list takes no arguments");
  for (const InstanceInfo& info : ListInstances()) {
    const char* state = info.kept          ? "kept"
                        : info.owner_alive ? "in use"
                                           : "left over";
    printf("%-14s %-9s %s\n", info.id.c_str(), state, info.spec.c_str());
  }
  return 0;
}

int Down(const Arguments& arguments) {
  if (arguments.size() > 1) return UsageError("down takes one ID or --all");
  if (arguments.size() == 1 && arguments[0] == "--all") {
    // One that another process is using goes with that process.
    for (const InstanceInfo& info : ListInstances()) {
      if (info.kept || !info.owner_alive) TakeDown(info.id);
    }
    return 0;
  }
  Arguments id = arguments;
  if (!id.empty()) id.insert(id.begin(), "--id");
  auto fabric = TakeFabric(&id);
  if (!fabric.ok()) return Failure(fabric.status().message());
  TakeDown((*fabric)->id());
  return 0;
}

int Exec(Arguments arguments) {
  auto fabric = TakeFabric(&arguments);
  if (!fabric.ok()) return Failure(fabric.status().message());
  if (arguments.size() < 3 || arguments[1] != "--") {
    return UsageError("exec takes [--id ID] HOST -- CMD...");
  }
  const int host = ParseIndex(arguments[0]);
  const bool is_switch = arguments[0] == "switch";
  if (!is_switch && (host < 0 || host >= (*fabric)->spec().hosts)) {
    return UsageError("there are hosts 0 to " +
                      std::to_string((*fabric)->spec().hosts - 1) +
                      ", and \"switch\"");
  }
  const std::string netns =
      is_switch ? (*fabric)->SwitchNetns() : (*fabric)->HostNetns(host);
  const int error = EnterNamespace(netns.c_str());
  if (error != 0) return Failure(netns + ": " + strerror(error));
  std::vector<char*> argv;
  for (size_t i = 2; i < arguments.size(); ++i) {
    argv.push_back(arguments[i].data());
  }
  argv.push_back(nullptr);
  setenv("PATH", SearchPath().c_str(), 1);
  execvp(argv[0], argv.data());
  return Failure(arguments[2] + ": " + strerror(errno));
}

Status Apply(const Fabric& fabric, int host, int rail,
             const std::string& what) {
  if (what == "link-down") return fabric.SetLink(host, rail, false);
  if (what == "link-up") return fabric.SetLink(host, rail, true);
  if (what == "unplug") return fabric.SetCarrier(host, rail, false);
  if (what == "plug") return fabric.SetCarrier(host, rail, true);
  if (what == "black-hole") return fabric.SetBlackHole(host, rail, true);
  if (what == "heal") return fabric.SetBlackHole(host, rail, false);
  if (what == "reset") return fabric.ResetConnections(host, rail);
  auto rate = ParseRate(what);
  if (rate.ok() && *rate > 0) return fabric.SetRate(host, rail, *rate);
  return Status(
      Code::kInvalidArgument,
      what +
          ": want link-down, link-up, unplug, plug, black-hole, heal, reset or "
          "a rate such as 50mbit");
}

int Fault(Arguments arguments) {
  auto fabric = TakeFabric(&arguments);
  if (!fabric.ok()) return Failure(fabric.status().message());
  if (arguments.size() != 3) {
    return UsageError("fault takes [--id ID] HOST RAIL WHAT");
  }
  const Status status = Apply(**fabric, ParseIndex(arguments[0]),
                              ParseIndex(arguments[1]), arguments[2]);
  if (status.code() == Code::kInvalidArgument) {
    return UsageError(status.message());
  }
  return status.ok() ? 0 : Failure(status.message());
}

int Help(const Arguments&) {
  fputs(HelpText().c_str(), stdout);
  return 0;
}

struct Command {
  const char* name;
  int (*run)(const Arguments&);
};

constexpr Command kCommands[] = {
    {"up", Up},
    {"list", List},
    {"exec", [](const Arguments& a) { return Exec(a); }},
    {"fault", [](const Arguments& a) { return Fault(a); }},
    {"down", Down},
    {"bound", RunBound},
    {"bench", RunBench},
    {"help", Help},
    {"--help", Help},
    {"-h", Help},
};

}  // namespace

int UsageError(const std::string& message) {
  fprintf(stderr, "fabric: %s\nfabric --help teaches the rest.\n",
          message.c_str());
  return 2;
}

int Failure(const std::string& message) {
  fprintf(stderr, "fabric: %s\n", message.c_str());
  return 1;
}

int RunCommand(const Arguments& arguments) {
  if (arguments.empty()) return UsageError("what is to be done?");
  for (const Command& command : kCommands) {
    if (arguments[0] != command.name) continue;
    return command.run({arguments.begin() + 1, arguments.end()});
  }
  return UsageError("\"" + arguments[0] + "\" is no command of this program");
}

}  // namespace ithaca::fabric
