#include "daemon/topology/read_topology.h"

#include <gmock/gmock.h>

#include "daemon/topology/mutate_for_test.h"

namespace ithaca::topology {
namespace {

using ::testing::HasSubstr;

v1::SourceKind KindOf(const std::string& text) {
  ReadOptions options;
  options.path = "f";
  const auto topology = ReadTopology(text, options);
  EXPECT_TRUE(topology.ok()) << topology.status();
  return topology.ok() ? topology->sources(0).kind()
                       : v1::SOURCE_KIND_UNSPECIFIED;
}

TEST(ReadTopology, TellsTheFormatByTheText) {
  EXPECT_EQ(KindOf(TestFile("nccl_pairs.xml")), v1::SOURCE_KIND_NCCL_XML);
  EXPECT_EQ(KindOf(TestFile("hwloc_a100.xml")), v1::SOURCE_KIND_HWLOC_XML);
  EXPECT_EQ(KindOf(TestFile("slurm_tree.conf")), v1::SOURCE_KIND_SLURM_CONF);
  EXPECT_EQ(KindOf(TestFile("slurm_block.conf")), v1::SOURCE_KIND_SLURM_CONF);
  EXPECT_EQ(KindOf(TestFile("slurm_topology.yaml")),
            v1::SOURCE_KIND_SLURM_YAML);
  EXPECT_EQ(KindOf(TestFile("kubectl_aws.json")), v1::SOURCE_KIND_KUBERNETES);
  EXPECT_EQ(KindOf("{\"nodes\":[]}"), v1::SOURCE_KIND_JSON);
  EXPECT_EQ(KindOf("ithaca_topology: 1\nnodes: [{names: a, slots: 1}]"),
            v1::SOURCE_KIND_CLUSTER_YAML);
}

TEST(ReadTopology, WhatItCannotTellIsAnError) {
  for (const char* text : {"", "hello", "<html/>", "\xff\xfe"}) {
    const auto topology = ReadTopology(text, {FileFormat::kAuto, "f"});
    EXPECT_THAT(std::string(topology.status().message()),
                HasSubstr("f: looks like none of the known formats"));
  }
  EXPECT_EQ(*ParseFileFormat("nccl-xml"), FileFormat::kNcclXml);
  EXPECT_EQ(*ParseFileFormat(""), FileFormat::kAuto);
  EXPECT_THAT(std::string(ParseFileFormat("xml").status().message()),
              HasSubstr("hwloc-xml"));
}

}  // namespace
}  // namespace ithaca::topology
