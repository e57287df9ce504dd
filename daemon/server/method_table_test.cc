// The table against the descriptors: every method is in it, and nothing else
// is.

#include "daemon/server/method_table.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <string>

#include "daemon/server/access_gate.h"
#include "daemon/server/unserved_service.h"
#include "ithaca/cluster/v1/cluster.pb.h"
#include "ithaca/groups/v1/groups.pb.h"
#include "ithaca/planner/v1/planner.pb.h"
#include "ithaca/topology/v1/topology.pb.h"
#include "ithaca/tuning/v1/tuning.pb.h"

namespace ithaca::server {
namespace {

std::set<std::string> MethodsOf(const google::protobuf::FileDescriptor* file) {
  std::set<std::string> methods;
  for (int i = 0; i < file->service_count(); ++i) {
    const auto* service = file->service(i);
    for (int j = 0; j < service->method_count(); ++j) {
      methods.insert("/" + service->full_name() + "/" +
                     service->method(j)->name());
    }
  }
  EXPECT_FALSE(methods.empty()) << file->name();
  return methods;
}

std::set<std::string> DeclaredMethods() {
  std::set<std::string> all;
  for (const auto* file : {cluster::v1::Node::descriptor()->file(),
                           groups::v1::Group::descriptor()->file(),
                           planner::v1::Plan::descriptor()->file(),
                           topology::v1::Topology::descriptor()->file(),
                           tuning::v1::Revision::descriptor()->file()}) {
    all.merge(MethodsOf(file));
  }
  return all;
}

TEST(MethodTable, NamesEveryDeclaredMethodAndNoOther) {
  std::set<std::string> in_table;
  for (const auto& [method, rule] : AllMethods()) {
    EXPECT_EQ(rule.access == Access::kNotServed, !rule.instead.empty())
        << method;
    if (rule.access != Access::kBuiltIn) in_table.insert(method);
  }
  EXPECT_EQ(in_table, DeclaredMethods());
}

TEST(AccessGate, DeniesByDefault) {
  FdOwners owners;
  AccessGate gate(&owners, &AllMethods(), 500);
  const std::string known = "/ithaca.groups.v1.GroupsService/GetGroup";
  EXPECT_EQ(gate.Decide("fd:7", known).refusal().reason, "NOT_ALLOWED")
      << "unknown peer";
  ASSERT_TRUE(owners.Assign(dup(0), {1000, 100, 42}).has_value());
  std::string peer;
  for (int fd = 0; fd < 100 && peer.empty(); ++fd) {
    if (owners.Find("fd:" + std::to_string(fd)).has_value())
      peer = "fd:" + std::to_string(fd);
  }
  const auto caller = gate.Decide(peer, known);
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(caller.value().uid, 1000u);
  EXPECT_EQ(caller.value().pid, 42u);
  EXPECT_FALSE(caller.value().admin);
  for (const char* method : {"/ithaca.groups.v1.GroupsService/NoSuch", "",
                             "/ithaca.tuning.v1.TuningService/SetLabel",
                             "/ithaca.cluster.v1.ClusterService/Heartbeat",
                             "/grpc.health.v1.Health/Check"}) {
    EXPECT_EQ(gate.Decide(peer, method).refusal().code,
              absl::StatusCode::kPermissionDenied)
        << method;
  }
  AccessGate own(&owners, &AllMethods(), 1000);
  EXPECT_TRUE(own.Decide(peer, known).value().admin);
}

TEST(UnservedService, SaysWhatIsMissingAndWhatToUse) {
  const UnservedService service(&AllMethods());
  const auto declared =
      service.Explain("/ithaca.tuning.v1.TuningService/SetLabel");
  EXPECT_EQ(declared.reason, "NOT_SERVED");
  EXPECT_NE(
      declared.Message().find("does not serve it yet; set NCCL's variables"),
      std::string::npos);
  const auto unknown = service.Explain("/x.Y/Z\n\"" + std::string(10000, 'a'));
  EXPECT_EQ(unknown.reason, "UNKNOWN_METHOD");
  EXPECT_EQ(unknown.code, absl::StatusCode::kUnimplemented);
  EXPECT_LT(unknown.Message().size(), 500u);
  EXPECT_EQ(unknown.Message().find('\n'), std::string::npos);
}

}  // namespace
}  // namespace ithaca::server
