#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/cli/commands.h"
#include "daemon/server/daemon_for_test.h"

namespace ithaca::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kData[] = "daemon/topology/testdata/";

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

Outcome Topology(std::vector<std::string> line, const std::string& input = "") {
  line.insert(line.begin(), "topology");
  std::istringstream in(input);
  std::ostringstream out, err;
  const int status = Main(line, {in, out, err, false});
  return {status, out.str(), err.str()};
}

std::string Data(const std::string& name) { return kData + name; }

TEST(TopologyRead, PrintsWhatFilesSay) {
  const Outcome table =
      Topology({"read", "--from", Data("nccl_hgx_h100.xml"), "--node", "n1"});
  EXPECT_EQ(table.status, kDone) << table.err;
  EXPECT_THAT(table.out, HasSubstr("1 node, 8 accelerators"));
  EXPECT_THAT(table.out, HasSubstr("n1  1 node"));
  const Outcome json = Topology({"read", "--from", Data("kubectl_aws.json"),
                                 "--labels", "zone", "-o", "json"});
  EXPECT_EQ(nlohmann::json::parse(json.out)["levels"][0]["name"], "zone");
  std::ifstream file(Data("slurm_tree.conf"));
  const std::string text(std::istreambuf_iterator<char>(file), {});
  EXPECT_THAT(Topology({"read", "--from", "-"}, text).out,
              HasSubstr("leaf  3 pods"));
}

TEST(TopologyRead, SaysWhatFilesDisagreeAbout) {
  const Outcome outcome =
      Topology({"read", "--node", "dgx01", "--from",
                Data("hwloc_a100.xml") + "," + Data("nccl_bare.xml")});
  EXPECT_EQ(outcome.status, kDone) << outcome.err;
  EXPECT_THAT(outcome.err,
              HasSubstr("conflict: nodes[dgx01].accelerators[0].pci_address"));
}

TEST(TopologyConvert, WritesWhatIsReadBackEqual) {
  const Outcome yaml = Topology({"convert", "--node", "n", "-o", "yaml",
                                 "--from", Data("nccl_hgx_h100.xml")});
  ASSERT_EQ(yaml.status, kDone) << yaml.err;
  const Outcome direct = Topology({"convert", "--node", "n", "-o", "nccl-xml",
                                   "--from", Data("nccl_hgx_h100.xml")});
  const Outcome around =
      Topology({"convert", "-o", "nccl-xml", "--from", "-"}, yaml.out);
  EXPECT_EQ(around.status, kDone) << around.err;
  EXPECT_EQ(around.out, direct.out);
  EXPECT_THAT(direct.out, StartsWith("<system version=\"1\">"));
}

TEST(TopologyShow, ThisMachineInEveryFormat) {
  const Outcome table = Topology({"show"});
  EXPECT_EQ(table.status, kDone) << table.err;
  EXPECT_THAT(table.out, HasSubstr("main memory "));
  EXPECT_THAT(Topology({"show", "-o", "yaml"}).out,
              HasSubstr("ithaca_topology: 1"));
  const auto json = nlohmann::json::parse(Topology({"show", "-o", "json"}).out);
  EXPECT_EQ(json["nodes"].size(), 1u);
  EXPECT_EQ(json["sources"][0]["kind"], "SOURCE_KIND_MACHINE");
}

TEST(TopologyCommands, MistakesAreUsage) {
  const std::vector<std::vector<std::string>> bad = {
      {"read"},
      {"convert", "--from", Data("nccl_bare.xml")},
      {"convert", "--from", Data("nccl_bare.xml"), "-o", "xml"},
      {"convert", "--from", Data("slurm_tree.conf"), "-o", "nccl-xml"},
      {"read", "--from", "/no/such"},
      {"read", "--from", Data("nccl_bare.xml"), "--format", "x"},
      {"read", "--from", Data("nccl_bare.xml"), "--format", "hwloc-xml"},
      {"read", "--from", Data("kubectl_aws.json"), "--labels", "x"},
      {"show", "--refresh"},
      {"show", "--daemon", "--from", "x"},
  };
  for (const auto& line : bad) {
    const Outcome outcome = Topology(line);
    EXPECT_EQ(outcome.status, kUsage) << line[0] << " " << outcome.err;
    EXPECT_FALSE(outcome.err.empty());
    EXPECT_TRUE(outcome.out.empty()) << outcome.out;
  }
  EXPECT_EQ(
      Topology({"show", "--daemon", "--socket", "/tmp/no/such.sock"}).status,
      kUnreachable);
}

TEST(TopologyShow, AsksTheDaemon) {
  const std::string path = testing::TempDir() + "/cluster.yaml";
  std::ofstream(path) << "ithaca_topology: 1\n"
                         "nodes: [{names: 'far[1-3]', slots: 1}]\n";
  server::DaemonForTest daemon;
  daemon.options.topology_files = {path};
  daemon.Start();
  const auto show = [&daemon](std::vector<std::string> line) {
    line.insert(line.begin(), "show");
    line.insert(line.end(), {"--daemon", "--socket", daemon.socket()});
    return Topology(line);
  };
  const Outcome table = show({});
  EXPECT_EQ(table.status, kDone) << table.err;
  EXPECT_THAT(table.out, HasSubstr("4 nodes"));
  EXPECT_THAT(table.out, HasSubstr("far[1-3]  3 nodes"));
  std::ofstream(path) << "ithaca_topology: 1\n"
                         "nodes: [{names: 'far[1-5]', slots: 1}]\n";
  EXPECT_THAT(show({}).out, HasSubstr("4 nodes"));
  EXPECT_THAT(show({"--refresh"}).out, HasSubstr("6 nodes"));
  std::ofstream(path) << "nonsense: [";
  const Outcome failed = show({"--refresh"});
  EXPECT_EQ(failed.status, kNo);
  EXPECT_THAT(failed.err, HasSubstr("the topology was not refreshed"));
  EXPECT_THAT(show({}).out, HasSubstr("6 nodes"));
}

}  // namespace
}  // namespace ithaca::cli
