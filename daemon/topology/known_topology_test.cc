#include "daemon/topology/known_topology.h"

#include <gmock/gmock.h>

#include <fstream>

#include "daemon/topology/mutate_for_test.h"

namespace ithaca::topology {
namespace {

using ::testing::HasSubstr;

class KnownTopologyTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "/cluster.yaml";
    Write("nodes: [{names: 'here,there', slots: 2}]");
    options_.files = {path_};
    options_.machine = [this]() -> absl::StatusOr<Machine> {
      if (broken_) return absl::InternalError("hwloc is not well");
      Machine machine;
      v1::Node& node = *machine.topology.add_nodes();
      node.set_name("here");
      node.set_slots(1);
      node.set_host_memory_bytes(memory_);
      machine.notes = {"a note"};
      return machine;
    };
  }
  void Write(const std::string& text) {
    std::ofstream(path_) << "ithaca_topology: 1\n" << text << "\n";
  }
  std::string path_;
  KnownTopology::Options options_;
  uint64_t memory_ = 1000;
  bool broken_ = false;
};

TEST_F(KnownTopologyTest, FilesWinOverTheMachine) {
  const auto known = KnownTopology::Start(options_);
  ASSERT_TRUE(known.ok()) << known.status();
  const auto answer = (*known)->Get();
  EXPECT_EQ(answer->revision(), 1u);
  ASSERT_EQ(answer->topology().nodes_size(), 2);
  EXPECT_EQ(answer->topology().nodes(0).slots(), 2u);
  EXPECT_EQ(answer->topology().nodes(0).host_memory_bytes(), 1000u);
  ASSERT_EQ(answer->conflicts_size(), 1);
  EXPECT_EQ(answer->conflicts(0).field(), "nodes[here].slots");
  EXPECT_EQ(answer->notes(0), "a note");
}

TEST_F(KnownTopologyTest, TheRevisionRisesWithChangesAlone) {
  const auto known = KnownTopology::Start(options_);
  ASSERT_TRUE(known.ok());
  const auto before = (*known)->Get();
  EXPECT_TRUE((*known)->Refresh().ok());
  EXPECT_EQ((*known)->Get()->revision(), 1u);
  memory_ = 2000;
  EXPECT_TRUE((*known)->Refresh().ok());
  EXPECT_EQ((*known)->Get()->revision(), 2u);
  EXPECT_EQ((*known)->Get()->topology().nodes(0).host_memory_bytes(), 2000u);
  EXPECT_EQ(before->topology().nodes(0).host_memory_bytes(), 1000u);
}

TEST_F(KnownTopologyTest, WhatWasKnownOutlivesABadFile) {
  const auto known = KnownTopology::Start(options_);
  ASSERT_TRUE(known.ok());
  Write("nodes: 3");
  EXPECT_THAT(std::string((*known)->Refresh().message()),
              HasSubstr("cluster.yaml:2: nodes: must be a list"));
  EXPECT_EQ((*known)->Get()->topology().nodes_size(), 2);
  EXPECT_FALSE(KnownTopology::Start(options_).ok());
  options_.files = {"/no/such/file"};
  EXPECT_THAT(std::string(KnownTopology::Start(options_).status().message()),
              HasSubstr("/no/such/file: cannot be read"));
}

TEST_F(KnownTopologyTest, AMachineThatCannotBeLookedAtIsANote) {
  broken_ = true;
  const auto known = KnownTopology::Start(options_);
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_THAT((*known)->Get()->notes(0), HasSubstr("hwloc is not well"));
  EXPECT_EQ((*known)->Get()->topology().nodes_size(), 2);
}

}  // namespace
}  // namespace ithaca::topology
