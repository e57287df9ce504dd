#include "daemon/topology/slurm_conf.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "daemon/topology/mutate_for_test.h"

namespace ithaca::topology {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Topology MustRead(const std::string& text) {
  const auto topology = ReadSlurmConf(text, "t.conf");
  EXPECT_TRUE(topology.ok()) << topology.status();
  return topology.ok() ? *topology : v1::Topology();
}

TEST(ReadSlurmConf, ATree) {
  const v1::Topology topology = MustRead(TestFile("slurm_tree.conf"));
  ASSERT_EQ(topology.nodes_size(), 98);
  EXPECT_EQ(topology.nodes(0).name(), "gpu-001");
  EXPECT_EQ(topology.nodes(96).name(), "gpu-130");
  EXPECT_EQ(topology.nodes(97).name(), "cpu1");
  ASSERT_EQ(topology.levels_size(), 2);
  EXPECT_EQ(topology.levels(0).name(), "leaf");
  EXPECT_EQ(topology.levels(1).name(), "spine");
  EXPECT_FALSE(topology.levels(0).has_oversubscription());
  EXPECT_THAT(topology.nodes(97).pods(), ElementsAre("leaf3", "spine1"));
  EXPECT_EQ(topology.nodes(97).origins(0).location(), "line 4");
}

TEST(ReadSlurmConf, Blocks) {
  const v1::Topology topology = MustRead(TestFile("slurm_block.conf"));
  ASSERT_EQ(topology.nodes_size(), 90);
  EXPECT_EQ(topology.levels(1).name(), "block72");
  EXPECT_THAT(topology.nodes(71).pods(), ElementsAre("b4", "block72-0"));
  EXPECT_THAT(topology.nodes(72).pods(), ElementsAre("b5", "block72-1"));
  EXPECT_FALSE(topology.nodes(0).accelerators_size() != 0);
}

TEST(ReadSlurmConf, MistakesNameTheLineAndTheRemedy) {
  const auto message = [](const std::string& text) {
    const auto topology = ReadSlurmConf(text, "t.conf");
    return topology.ok() ? "OK" : std::string(topology.status().message());
  };
  EXPECT_THAT(message(""), HasSubstr("describes no switch"));
  EXPECT_THAT(message("\nSwitchName=a Nodez=b"),
              HasSubstr("t.conf:2: \"Nodez"));
  EXPECT_THAT(message("SwitchName=a Nodes=b[1"), HasSubstr("t.conf:1: "));
  EXPECT_THAT(message("SwitchName=a"), HasSubstr("either Switches or Nodes"));
  EXPECT_THAT(message("Nodes=a"), HasSubstr("begin the line"));
  EXPECT_THAT(message("SwitchName=a Switches=b"), HasSubstr("not described"));
  EXPECT_THAT(message("SwitchName=a Nodes=n\nSwitchName=a Nodes=m"),
              HasSubstr("t.conf:2: switch \"a\" is described twice"));
  EXPECT_THAT(message("SwitchName=a Nodes=n\nSwitchName=b Nodes=n"),
              HasSubstr("two leaf switches"));
  EXPECT_THAT(message("SwitchName=a Switches=b\nSwitchName=b Switches=a\n"
                      "SwitchName=c Nodes=n"),
              HasSubstr("loop"));
  EXPECT_THAT(message("SwitchName=a Nodes=n\nBlockName=b Nodes=m"),
              HasSubstr("switches and blocks"));
  EXPECT_THAT(message("BlockName=b Nodes=m\nBlockSizes=2,3"),
              HasSubstr("t.conf:2: block sizes"));
  EXPECT_THAT(message("Include other.conf"), HasSubstr("not followed"));
  EXPECT_THAT(message("SwitchName=a Nodes=n[0-65535]\n"
                      "SwitchName=b Nodes=m[0-65535]"),
              HasSubstr("more than 65536 nodes"));
  EXPECT_THAT(message("SwitchName=a Nodes=n[0-65535],n[70000-199999]"),
              HasSubstr("t.conf:1: "));
}

TEST(ReadSlurmConf, MutatedFilesAreReadOrRefused) {
  ExpectMutationsAreHandled(
      {TestFile("slurm_tree.conf"), TestFile("slurm_block.conf")}, "t.conf",
      4000,
      [](const std::string& text) { return ReadSlurmConf(text, "t.conf"); });
}

}  // namespace
}  // namespace ithaca::topology
