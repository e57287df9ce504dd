#include "daemon/topology/slurm_yaml.h"

#include <gmock/gmock.h>

#include "daemon/topology/mutate_for_test.h"

namespace ithaca::topology {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ReadSlurmYaml, TheDefaultAndANamedOne) {
  const std::string text = TestFile("slurm_topology.yaml");
  const auto tree = ReadSlurmYaml(text, "t.yaml", "");
  ASSERT_TRUE(tree.ok()) << tree.status();
  ASSERT_EQ(tree->nodes_size(), 4);
  EXPECT_THAT(tree->nodes(3).pods(), ElementsAre("s2", "sw_root"));
  EXPECT_EQ(tree->nodes(3).origins(0).location(), "line 21");
  const auto blocks = ReadSlurmYaml(text, "t.yaml", "topo-block");
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  EXPECT_THAT(blocks->nodes(3).pods(), ElementsAre("b2", "block4-0"));
}

TEST(ReadSlurmYaml, MistakesNameTheLineAndTheRemedy) {
  const auto message = [](const std::string& text, const std::string& name) {
    const auto topology = ReadSlurmYaml(text, "t.yaml", name);
    return topology.ok() ? "OK" : std::string(topology.status().message());
  };
  const std::string text = TestFile("slurm_topology.yaml");
  EXPECT_THAT(message(text, "nope"), HasSubstr("no topology called \"nope\""));
  EXPECT_THAT(message(text, "topo-flat"),
              HasSubstr("t.yaml:23: this topology"));
  EXPECT_THAT(message("a: b", ""), HasSubstr("must be a list of topologies"));
  EXPECT_THAT(message("- x", ""), HasSubstr("must be a mapping"));
  EXPECT_THAT(message("- topology: a\n  tree:\n    switches: 3", ""),
              HasSubstr("t.yaml:3: tree.switches: must be a list"));
  EXPECT_THAT(message("- topology: a\n  tree:\n    switches:\n"
                      "      - {switch: s, children: a, nodes: b}",
                      ""),
              HasSubstr("either children or nodes"));
  EXPECT_THAT(message("- topology: a\n  block:\n    block_sizes: [x]", ""),
              HasSubstr("block_sizes"));
}

TEST(ReadSlurmYaml, MutatedFilesAreReadOrRefused) {
  ExpectMutationsAreHandled({TestFile("slurm_topology.yaml")}, "t.yaml", 3000,
                            [](const std::string& text) {
                              return ReadSlurmYaml(text, "t.yaml", "");
                            });
}

}  // namespace
}  // namespace ithaca::topology
