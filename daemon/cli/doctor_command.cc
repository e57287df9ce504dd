// ithacactl doctor.

#include <ostream>

#include "absl/strings/str_cat.h"
#include "daemon/cli/ask_etcd.h"
#include "daemon/cli/commands.h"
#include "daemon/clients/cc/health.h"
#include "daemon/clients/cc/socket_path.h"
#include "daemon/doctor/checks.h"
#include "daemon/doctor/this_host.h"
#include "daemon/server/version.h"

namespace ithaca::cli {
namespace {

using doctor::Finding;
using doctor::Level;

constexpr const char* kServices[] = {"ithaca.planner.v1.PlannerService",
                                     "ithaca.groups.v1.GroupsService",
                                     "ithaca.topology.v1.TopologyService"};

doctor::DaemonAnswer AskDaemon(const std::string& socket) {
  constexpr int64_t kPatienceMs = 5000;
  doctor::DaemonAnswer answer;
  client::ConnectOptions options;
  options.socket = socket;
  options.timeout_ms = kPatienceMs;
  const auto client = client::Client::Connect(options);
  if (!client.ok()) {
    answer.error = std::string(client.status().message());
    return answer;
  }
  const auto channel = (*client)->channel();
  const auto version = client::DaemonVersion(channel, kPatienceMs);
  if (!version.ok()) {
    answer.error = std::string(version.status().message());
    return answer;
  }
  answer.version = *version;
  for (const char* service : kServices) {
    const auto state = client::CheckHealth(channel, service, kPatienceMs);
    if (!state.ok() || *state != "SERVING")
      answer.not_serving.push_back(service);
  }
  return answer;
}

// Where ithacad keeps what it keeps when it is started like this.
doctor::Host HostOf(const Context& context) {
  doctor::Host host = doctor::ThisHost();
  host.version = server::kVersion;
  host.socket = context.args.Get("socket");
  if (host.socket.empty()) host.socket = client::ClientSocket().value_or("");
  const size_t slash = host.socket.rfind('/');
  host.run_dir = slash == std::string::npos ? "" : host.socket.substr(0, slash);
  host.store = context.args.Get("store");
  if (host.store.empty())
    host.store = absl::StrCat("sqlite:", host.run_dir, "/store.db");
  host.tls_cert = context.args.Get("tls-cert");
  host.tls_ca = context.args.Get("tls-ca");
  host.ask_daemon = AskDaemon;
  host.ask_etcd = [store = host.store](const std::string& endpoint) {
    return AskEtcd(store, endpoint);
  };
  return host;
}

const char* Word(Level level) {
  switch (level) {
    case Level::kOk:
      return "OK";
    case Level::kWarn:
      return "WARN";
    case Level::kFail:
      return "FAIL";
  }
  return "FAIL";
}

void PrintTable(const Context& context, const doctor::Findings& findings) {
  for (const Finding& finding : findings) {
    std::string word = Word(finding.level);
    // Padded before it is coloured.
    word.resize(4, ' ');
    if (finding.level == Level::kOk) word = context.Good(word);
    if (finding.level == Level::kFail) word = context.Bad(word);
    context.out << word << "  " << finding.subject << ": " << finding.seen
                << "\n";
    if (!finding.remedy.empty())
      context.out << "      -> " << finding.remedy << "\n";
  }
}

void PrintMessage(const Context& context, const doctor::Findings& findings,
                  bool well) {
  nlohmann::ordered_json answer = {{"well", well}};
  answer["findings"] = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    answer["findings"].push_back({{"level", Word(finding.level)},
                                  {"subject", finding.subject},
                                  {"seen", finding.seen},
                                  {"remedy", finding.remedy}});
  }
  context.out << Render(answer, context.format);
}

int RunDoctor(const Context& context) {
  const doctor::Findings findings = doctor::CheckAll(HostOf(context));
  bool well = true;
  for (const Finding& finding : findings)
    well = well && finding.level != Level::kFail;
  if (context.format == Format::kTable) {
    PrintTable(context, findings);
  } else {
    PrintMessage(context, findings, well);
  }
  return well ? kDone : kNo;
}

}  // namespace

Command DoctorCommand() {
  return {"doctor",
          "Looks for what is wrong with this node, and says what to do.",
          "",
          0,
          {{"store", "STORE",
            "What ithacad is started with, if it is: sqlite:PATH or "
            "etcd:HOST:PORT,... Default: store.db in the run directory."},
           {"tls-cert", "FILE", "ithacad's certificate, if it has one."},
           {"tls-ca", "FILE", "The authority that it trusts."}},
          "Run it as the user and with the environment of the job: it looks at "
          "the daemon, at\nthe plugin that NCCL would load, at NCCL's and "
          "ithaca's variables, at the rails and\nat the machine. It changes "
          "nothing.\n"
          "Exit status 0: nothing is broken (there may be warnings); 1: "
          "something is.\n\n"
          "Examples:\n  ithacactl doctor\n"
          "  NCCL_NET_PLUGIN=ithaca ithacactl doctor -o json\n",
          RunDoctor};
}

}  // namespace ithaca::cli
