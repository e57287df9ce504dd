// ithacactl status.

#include <ostream>

#include "daemon/cli/commands.h"
#include "daemon/clients/cc/health.h"

namespace ithaca::cli {
namespace {

struct Service {
  const char* name;
  // Whether this version of the daemon has it.
  bool expected;
};

constexpr Service kServices[] = {
    {"ithaca.planner.v1.PlannerService", true},
    {"ithaca.groups.v1.GroupsService", true},
    {"ithaca.topology.v1.TopologyService", true},
    {"ithaca.tuning.v1.TuningService", false},
};

void PrintTable(const Context& context, const std::string& socket,
                const std::vector<std::string>& states) {
  context.out << "ithacad at " << socket << "\n\n";
  std::vector<std::vector<std::string>> rows = {{"SERVICE", "STATE"}};
  for (size_t i = 0; i < states.size(); ++i) {
    const bool serving = states[i] == "SERVING";
    std::string state = serving ? context.Good(states[i]) : states[i];
    if (!serving && kServices[i].expected) state = context.Bad(states[i]);
    if (!serving && !kServices[i].expected) state += " (not in this version)";
    rows.push_back({kServices[i].name, state});
  }
  context.out << Columns(rows);
}

void PrintMessage(const Context& context, const std::string& socket,
                  const std::vector<std::string>& states) {
  nlohmann::ordered_json answer = {{"socket", socket}};
  for (size_t i = 0; i < states.size(); ++i) {
    answer["services"][kServices[i].name] = states[i];
  }
  context.out << Render(answer, context.format);
}

int RunStatus(const Context& context) {
  const auto client = context.Connect();
  if (!client.ok()) return context.Fail(client.status());
  std::vector<std::string> states;
  bool healthy = true;
  for (const Service& service : kServices) {
    const auto state =
        client::CheckHealth((*client)->channel(), service.name, 10'000);
    if (!state.ok()) return context.Fail(state.status());
    states.push_back(*state);
    healthy = healthy && (*state == "SERVING" || !service.expected);
  }
  if (context.format == Format::kTable) {
    PrintTable(context, (*client)->socket(), states);
  } else {
    PrintMessage(context, (*client)->socket(), states);
  }
  return healthy ? kDone : kNo;
}

}  // namespace

Command StatusCommand() {
  return {"status",
          "Asks the daemon how its services are.",
          "",
          0,
          {},
          "Exit status 0: all that this version has serve; 1: one does not; 3: "
          "no daemon.\n\n"
          "Example:\n  ithacactl status\n",
          RunStatus};
}

}  // namespace ithaca::cli
