#include "daemon/topology/topology_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>

#include "daemon/topology/mutate_for_test.h"
#include "daemon/topology/uniform.h"

namespace ithaca::topology {
namespace {

using ::testing::HasSubstr;

std::string JsonOf(const google::protobuf::Message& message) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &json).ok());
  return json;
}

TEST(ReadTopologyJson, KeepsEverything) {
  const v1::Topology topology = *MakeUniformTopology({2, 2, "h100"});
  const auto read = ReadTopologyJson(JsonOf(topology), "t.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->DebugString(), topology.DebugString());
  v1::GetTopologyResponse answer;
  *answer.mutable_topology() = topology;
  answer.set_revision(3);
  EXPECT_EQ(ReadTopologyJson(JsonOf(answer), "t.json")->DebugString(),
            topology.DebugString());
}

TEST(ReadTopologyJson, NamesItselfWhereNothingIsSaid) {
  const auto read =
      ReadTopologyJson("{\"nodes\":[{\"name\":\"a\"}]}", "t.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->sources(0).name(), "t.json");
}

TEST(ReadTopologyJson, RefusesTheRest) {
  EXPECT_THAT(
      std::string(
          ReadTopologyJson("{\"nope\":1}", "t.json").status().message()),
      HasSubstr("t.json: is no ithaca.topology.v1.Topology"));
  EXPECT_THAT(
      std::string(ReadTopologyJson("{\"nodes\":[{\"name\":\"\"}]}", "t.json")
                      .status()
                      .message()),
      HasSubstr("t.json.nodes[0].name"));
}

TEST(ReadTopologyJson, MutatedFilesAreReadOrRefused) {
  ExpectMutationsAreHandled(
      {JsonOf(*MakeUniformTopology({2, 2, "h100"}))}, "t.json", 3000,
      [](const std::string& text) { return ReadTopologyJson(text, "t.json"); });
}

}  // namespace
}  // namespace ithaca::topology
