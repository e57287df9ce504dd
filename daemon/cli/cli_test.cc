#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/cli/args.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/output.h"
#include "daemon/server/daemon_for_test.h"
#include "daemon/server/version.h"

namespace ithaca::cli {
namespace {

constexpr char kModel[] = "daemon/planner/models/llama-3.1-8b.json";

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

Outcome Ctl(const std::vector<std::string>& line, const std::string& input = "",
            bool color = false) {
  std::istringstream in(input);
  std::ostringstream out, err;
  const int status = Main(line, {in, out, err, color});
  return {status, out.str(), err.str()};
}

std::string Slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

// ---- args

TEST(ParseCount, TakesCountsAndNothingElse) {
  EXPECT_EQ(*ParseCount("0"), 0u);
  EXPECT_EQ(*ParseCount("4096"), 4096u);
  EXPECT_EQ(*ParseCount("128K"), 128u << 10);
  EXPECT_EQ(*ParseCount("1M"), 1u << 20);
  EXPECT_EQ(*ParseCount("2g"), uint64_t{2} << 30);
  EXPECT_EQ(*ParseCount("18446744073709551615"), UINT64_MAX);
  for (const char* bad :
       {"", "K", "-1", "+1", " 1", "1 ", "1KK", "0x10", "1e3", "1.5K",
        "18446744073709551616", "99999999999999999G"}) {
    EXPECT_FALSE(ParseCount(bad).ok()) << bad;
  }
}

TEST(Args, TakesEveryForm) {
  const std::vector<Option> options = {{"model", "FILE", "", 'm'},
                                       {"causal", "", ""}};
  const auto args = Args::Parse(
      {"word", "--model=a=b", "--causal", "--", "--model"}, options, 2);
  ASSERT_TRUE(args.ok()) << args.status();
  EXPECT_EQ(args->Get("model"), "a=b");
  EXPECT_TRUE(args->Has("causal"));
  EXPECT_EQ(args->words(), (std::vector<std::string>{"word", "--model"}));
  EXPECT_EQ(Args::Parse({"-m", "-"}, options, 0)->Get("model"), "-");
}

TEST(Args, MistakesAreNamed) {
  const std::vector<Option> options = {{"model", "FILE", "", 'm'},
                                       {"causal", "", ""}};
  const auto message = [&options](const std::vector<std::string>& line) {
    const auto args = Args::Parse(line, options, 0);
    return args.ok() ? "OK" : std::string(args.status().message());
  };
  EXPECT_EQ(message({"--modle", "x"}),
            "unknown option --modle; did you mean --model?");
  EXPECT_EQ(message({"--frobnicate"}), "unknown option --frobnicate");
  EXPECT_EQ(message({"--model"}), "--model needs a value: FILE");
  EXPECT_EQ(message({"--causal=yes"}), "--causal takes no value");
  EXPECT_EQ(message({"--causal", "--causal"}), "--causal is given twice");
  EXPECT_EQ(message({"extra"}), "unexpected argument 'extra'");
  EXPECT_EQ(message({"--="}), "unknown option --");
  EXPECT_EQ(message({"---"}), "unknown option --");
}

// ---- output

TEST(Yaml, SaysWhatTheJsonSays) {
  EXPECT_EQ(
      *JsonToYaml(
          R"({"a":"b","n":7,"yes":"true","e":[],"o":{},"l":[1,{"x":"y","z":[2]},"s p"]})"),
      "a: b\nn: 7\n\"yes\": \"true\"\ne: []\no: {}\nl:\n  - 1\n  - x: y\n    "
      "z:\n"
      "      - 2\n  - \"s p\"\n");
  EXPECT_EQ(
      *JsonToYaml(R"({"k: v":"- x","t":"\n\"","u":null,"d":"12","b":true})"),
      "\"k: v\": \"- x\"\nt: \"\\n\\\"\"\nu: null\nd: \"12\"\nb: true\n");
  EXPECT_FALSE(JsonToYaml("{").ok());
}

TEST(Columns, AreAligned) {
  EXPECT_EQ(Columns({{"A", "LONG", "C"}, {"xyz", "b", ""}}),
            "A    LONG  C\nxyz  b\n");
}

// ---- commands

TEST(Cli, EveryCommandTeaches) {
  const Outcome overview = Ctl({"--help"});
  EXPECT_EQ(overview.status, kDone);
  for (const Command& command : AllCommands()) {
    EXPECT_NE(overview.out.find(command.name), std::string::npos);
    std::vector<std::string> line;
    std::istringstream words(command.name);
    for (std::string word; words >> word;) line.push_back(word);
    line.push_back("--help");
    const Outcome help = Ctl(line);
    EXPECT_EQ(help.status, kDone) << command.name << help.err;
    EXPECT_NE(help.out.find("Example"), std::string::npos) << command.name;
    EXPECT_NE(help.out.find(std::string("ithacactl ") + command.name),
              std::string::npos);
    for (const Option& option : command.options) {
      EXPECT_NE(help.out.find("--" + option.name), std::string::npos);
    }
  }
}

TEST(Cli, MistakesAreUsage) {
  const std::vector<std::vector<std::string>> bad = {
      {},
      {"frobnicate"},
      {"group"},
      {"group", "show"},
      {"version", "extra"},
      {"version", "-o", "xml"},
      {"plan"},
      {"plan", "--model", kModel, "--seq-len", "x", "--ranks", "4"},
      {"plan", "--model", kModel, "--seq-len", "4K", "--ranks", "0"},
      {"plan", "--model", "/no/such", "--seq-len", "4K", "--ranks", "4"},
      {"plan", "--model", kModel, "--seq-len", "4K", "--ranks", "4", "--dtype",
       "int8"},
      {"plan", "--model", kModel, "--seq-len", "4K", "--ranks", "5000000000"},
      {"status", "--timeout", "0"},
  };
  for (const auto& line : bad) {
    const Outcome outcome = Ctl(line);
    EXPECT_EQ(outcome.status, kUsage)
        << (line.empty() ? "" : line[0]) << outcome.err;
    EXPECT_FALSE(outcome.err.empty());
    EXPECT_TRUE(outcome.out.empty()) << outcome.out;
  }
  EXPECT_NE(Ctl({"group"}).err.find("group list"), std::string::npos);
}

TEST(Cli, PlansWithoutADaemon) {
  const std::vector<std::string> line = {"plan", "--model", kModel, "--seq-len",
                                         "128K", "--ranks", "4",    "--causal"};
  const Outcome table = Ctl(line);
  EXPECT_EQ(table.status, kDone) << table.err;
  EXPECT_NE(table.out.find("32 query heads, 8 key/value heads"),
            std::string::npos);
  std::vector<std::string> from_input = line;
  from_input[2] = "-";
  EXPECT_EQ(Ctl(from_input, Slurp(kModel)).out, table.out);
  std::vector<std::string> json = line;
  json.insert(json.end(), {"-o", "json"});
  const auto answer = nlohmann::json::parse(Ctl(json).out);
  EXPECT_EQ(answer["plans"][0]["ranks"].size(), 4u);
  EXPECT_EQ(answer["plans"][0]["workload"]["sequenceLength"], "131072");
  EXPECT_EQ(answer["plans"][0]["workload"]["causal"], true);
}

TEST(Cli, APlanThatCannotBeIsNo) {
  const Outcome outcome =
      Ctl({"plan", "--model", kModel, "--seq-len", "4K", "--ranks", "64"});
  EXPECT_EQ(outcome.status, kNo);
  EXPECT_NE(outcome.out.find("MORE_RANKS_THAN_HEADS"), std::string::npos)
      << outcome.out;
}

TEST(Cli, PlacesRanksOnATopology) {
  const std::string topology =
      R"({"nodes":[{"name":"left","slots":2},{"name":"right","slots":2}]})";
  const Outcome outcome = Ctl({"plan", "--model", kModel, "--seq-len", "4K",
                               "--ranks", "4", "--topology", "-"},
                              topology);
  EXPECT_EQ(outcome.status, kDone) << outcome.err;
  EXPECT_NE(outcome.out.find("right"), std::string::npos) << outcome.out;
  EXPECT_EQ(Ctl({"plan", "--model", kModel, "--seq-len", "4K", "--ranks", "4",
                 "--topology", "-"},
                "{\"nope\":1}")
                .status,
            kUsage);
}

TEST(Cli, WithoutADaemonItSaysHowToStartOne) {
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"status"},
        {"group", "list"},
        {"group", "show", "g"},
        {"group", "watch", "g"},
        {"group", "explain", "g"},
        {"group", "replan", "g"},
        {"group", "create", "g", "--hash", "00"},
        {"group", "delete", "g"}}) {
    std::vector<std::string> with_socket = line;
    with_socket.insert(with_socket.end(), {"--socket", "/tmp/no/such.sock"});
    const Outcome outcome = Ctl(with_socket);
    EXPECT_EQ(outcome.status, kUnreachable) << line[0];
    EXPECT_NE(outcome.err.find("/tmp/no/such.sock"), std::string::npos);
    EXPECT_NE(outcome.err.find("start it with `ithacad`"), std::string::npos);
  }
}

TEST(Cli, TellsItsVersion) {
  EXPECT_EQ(Ctl({"version"}).out,
            std::string("ithacactl ") + server::kVersion + "\n");
  EXPECT_EQ(
      nlohmann::json::parse(Ctl({"version", "--output=json"}).out)["version"],
      server::kVersion);
}

TEST(Cli, LooksAfterGroups) {
  server::DaemonForTest daemon;
  daemon.Start();
  const auto ctl = [&daemon](std::vector<std::string> line,
                             bool color = false) {
    line.insert(line.end(), {"--socket", daemon.socket()});
    return Ctl(line, "", color);
  };
  const Outcome status = ctl({"status"});
  EXPECT_EQ(status.status, kDone) << status.err;
  EXPECT_EQ(status.out.find('\033'), std::string::npos);
  EXPECT_NE(ctl({"status"}, true).out.find("\033[32mSERVING"),
            std::string::npos);

  const Outcome plan = ctl({"plan", "--model", kModel, "--seq-len", "4K",
                            "--ranks", "4", "-o", "json"});
  ASSERT_EQ(plan.status, kDone) << plan.err;
  client::ConnectOptions options;
  options.socket = daemon.socket();
  const auto client = client::Client::Connect(options);
  ASSERT_TRUE(client.ok());
  groups::v1::CreateGroupRequest create;
  create.set_group_id("train-7");
  create.set_plan_hash(nlohmann::json::parse(plan.out)["plans"][0]["hash"]);
  ASSERT_TRUE((*client)->CreateGroup(create).ok());
  groups::v1::JoinGroupRequest join;
  join.set_group_id("train-7");
  join.set_member_id("m0");
  join.set_host("node1");
  const auto member = (*client)->JoinGroup(join);
  ASSERT_TRUE(member.ok());

  EXPECT_NE(ctl({"group", "list"}).out.find("train-7  forming  4"),
            std::string::npos)
      << ctl({"group", "list"}).out;
  const auto list =
      nlohmann::json::parse(ctl({"group", "list", "-o", "json"}).out);
  EXPECT_EQ(list["groups"][0]["groupId"], "train-7");
  const std::string shown = ctl({"group", "show", "train-7", "--plan"}).out;
  for (const char* part : {"1 of 4 members are there", "m0", "node1",
                           "attached", "1, 2, 3", "32 query heads"}) {
    EXPECT_NE(shown.find(part), std::string::npos) << part << "\n" << shown;
  }
  EXPECT_EQ(ctl({"group", "show", "other"}).status, kNo);
  const std::string why = ctl({"group", "explain", "train-7"}).out;
  for (const char* part :
       {"MEMBERS", "nobody holds slot 1, 2, 3", "CREATED", "JOINED"}) {
    EXPECT_NE(why.find(part), std::string::npos) << part << "\n" << why;
  }
  const Outcome refused = ctl({"group", "delete", "train-7"});
  EXPECT_EQ(refused.status, kNo);
  EXPECT_NE(refused.err.find("delete with force"), std::string::npos);
  EXPECT_EQ(ctl({"group", "delete", "train-7", "--force"}).out,
            "deleted train-7\n");
  EXPECT_EQ(ctl({"group", "show", "train-7"}).status, kNo);
}

TEST(Cli, CreatesGroupsAndPlansThemAgain) {
  server::DaemonForTest daemon;
  daemon.Start();
  const auto ctl = [&daemon](std::vector<std::string> line) {
    line.insert(line.end(), {"--socket", daemon.socket()});
    return Ctl(line);
  };
  const Outcome created =
      ctl({"group", "create", "g", "--model", kModel, "--seq-len", "4K",
           "--ranks", "4", "--on-loss", "replan", "--min-size", "2"});
  ASSERT_EQ(created.status, kDone) << created.err;
  EXPECT_NE(created.out.find("created g"), std::string::npos);
  EXPECT_NE(created.out.find("at least 2 ranks"), std::string::npos);
  client::ConnectOptions options;
  options.socket = daemon.socket();
  const auto client = client::Client::Connect(options);
  ASSERT_TRUE(client.ok());
  std::vector<std::unique_ptr<client::Membership>> members;
  for (const char* name : {"m0", "m1", "m2", "m3", "m4"}) {
    groups::v1::JoinGroupRequest join;
    join.set_group_id("g");
    join.set_member_id(name);
    join.set_may_park(true);
    auto member = (*client)->JoinGroup(join);
    ASSERT_TRUE(member.ok()) << member.status();
    members.push_back(std::move(*member));
  }
  const std::string shown = ctl({"group", "show", "g"}).out;
  for (const char* part : {"spare  m4", "ulysses  4      0, 1, 2, 3"})
    EXPECT_NE(shown.find(part), std::string::npos) << part << "\n" << shown;
  const Outcome dry =
      ctl({"group", "replan", "g", "--lost-slots", "0,1", "--dry-run"});
  EXPECT_EQ(dry.status, kDone) << dry.err;
  EXPECT_NE(dry.out.find("would run"), std::string::npos) << dry.out;
  EXPECT_NE(dry.out.find("m0      0     spare"), std::string::npos) << dry.out;
  const auto done = nlohmann::json::parse(
      ctl({"group", "replan", "g", "--lost-slots", "0,1", "-o", "json"}).out);
  EXPECT_EQ(done["group"]["size"], 2);
  EXPECT_EQ(done["group"]["spares"].size(), 3u);
  const Outcome impossible = ctl({"group", "replan", "g", "--lost-slots", "0"});
  EXPECT_EQ(impossible.status, kNo);
  EXPECT_NE(impossible.err.find("REPLAN_IMPOSSIBLE"), std::string::npos)
      << impossible.err;
  EXPECT_EQ(ctl({"group", "replan", "g", "--lost-slots", "x"}).status, kUsage);
}

}  // namespace
}  // namespace ithaca::cli
