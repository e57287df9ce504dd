// The table against the descriptors: every method is in it, and nothing else
// is.

#include "daemon/server/method_table.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <string>
#include <vector>

#include "daemon/server/access_gate.h"
#include "daemon/server/unserved_service.h"
#include "ithaca/admin/v1/admin.pb.h"
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
  for (const auto* file : {admin::v1::BackupStoreRequest::descriptor()->file(),
                           cluster::v1::Node::descriptor()->file(),
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

class AccessGateTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(owners_.Assign(dup(0), {1000, 100, 42}).has_value());
    for (int fd = 0; fd < 100 && user_.peer.empty(); ++fd) {
      if (owners_.Find("fd:" + std::to_string(fd)).has_value())
        user_.peer = "fd:" + std::to_string(fd);
    }
  }

  FdOwners owners_;
  const AccessGate gate_{&owners_, &AllMethods(), 500};
  AccessGate::Call user_{""};
  const AccessGate::Call daemon_{"ipv4:10.0.0.1:5",
                                 cluster::PeerIdentity{{"ithacad"}, {}}};
  const std::string known_ = "/ithaca.groups.v1.GroupsService/GetGroup";
};

TEST_F(AccessGateTest, DeniesByDefault) {
  EXPECT_EQ(gate_.Decide({"fd:777"}, known_).refusal().reason, "NOT_ALLOWED")
      << "unknown peer";
  const auto caller = gate_.Decide(user_, known_);
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(caller.value().uid, 1000u);
  EXPECT_EQ(caller.value().pid, 42u);
  EXPECT_EQ(caller.value().node, "");
  EXPECT_FALSE(caller.value().admin);
  for (const char* method : {"/ithaca.groups.v1.GroupsService/NoSuch", "",
                             "/ithaca.tuning.v1.TuningService/SetLabel",
                             "/ithaca.cluster.v1.ClusterService/Heartbeat",
                             "/grpc.health.v1.Health/Check"}) {
    EXPECT_EQ(gate_.Decide(user_, method).refusal().code,
              absl::StatusCode::kPermissionDenied)
        << method;
  }
  AccessGate own(&owners_, &AllMethods(), 1000);
  EXPECT_TRUE(own.Decide(user_, known_).value().admin);
}

// Every method, for every kind of peer, with and without a word of whom it is
// for.
TEST_F(AccessGateTest, EveryMethodKnowsItsCallers) {
  const AccessGate::Call other{"ipv4:10.0.0.1:5",
                               cluster::PeerIdentity{{"ithaca"}, {}}};
  int for_daemons = 0, for_users_of_daemons = 0;
  for (const auto& [method, rule] : AllMethods()) {
    const bool user = rule.access == Access::kAnyUser;
    const bool daemon = rule.access == Access::kDaemon;
    const bool groups =
        method.rfind("/ithaca.groups.v1.GroupsService/", 0) == 0 ||
        method == "/ithaca.cluster.v1.ClusterService/GetCluster";
    for_daemons += daemon ? 1 : 0;
    for_users_of_daemons += user && groups ? 1 : 0;
    for (AccessGate::Call call : {user_, daemon_, other}) {
      for (const bool named : {false, true}) {
        if (named) call.on_behalf_of = {"1,2,3,n"};
        const bool from_daemon = call.certificate.has_value() &&
                                 call.certificate->dns[0] == "ithacad";
        const bool from_user = !call.certificate.has_value();
        const bool expected = (user && from_user && !named) ||
                              (daemon && from_daemon && !named) ||
                              (user && groups && from_daemon && named);
        const auto answer = gate_.Decide(call, method);
        EXPECT_EQ(answer.ok(), expected)
            << method << " named " << named << " user " << from_user;
        if (answer.ok()) continue;
        EXPECT_EQ(answer.refusal().reason, "NOT_ALLOWED");
        EXPECT_FALSE(answer.refusal().sentence.empty());
      }
    }
  }
  EXPECT_GT(for_daemons, 0);
  EXPECT_GT(for_users_of_daemons, 8);
}

TEST_F(AccessGateTest, SomeThingsAreForAdministrators) {
  const std::string method = "/ithaca.admin.v1.AdminService/BackupStore";
  EXPECT_EQ(gate_.Decide(user_, method).refusal().reason, "NOT_ALLOWED");
  AccessGate own(&owners_, &AllMethods(), 1000);
  EXPECT_TRUE(own.Decide(user_, method).ok());
  AccessGate::Call call = daemon_;
  call.on_behalf_of = {"0,0,42,node-7"};
  EXPECT_FALSE(own.Decide(call, method).ok());
}

TEST_F(AccessGateTest, ADaemonIsBelieved) {
  AccessGate::Call call = daemon_;
  call.on_behalf_of = {"1000,100,42,node-7"};
  const auto caller = gate_.Decide(call, known_);
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(caller.value().uid, 1000u);
  EXPECT_EQ(caller.value().gid, 100u);
  EXPECT_EQ(caller.value().pid, 42u);
  EXPECT_EQ(caller.value().node, "node-7");
  EXPECT_FALSE(caller.value().admin);
  for (const char* admin : {"0,0,42,node-7", "500,0,42,node-7"}) {
    call.on_behalf_of = {admin};
    EXPECT_TRUE(gate_.Decide(call, known_).value().admin);
  }
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{""}, {"0,0,0"}, {"1,2,3,n", "1,2,3,n"}}) {
    call.on_behalf_of = bad;
    EXPECT_EQ(gate_.Decide(call, known_).refusal().reason, "NOT_ALLOWED");
  }
  // A certificate counts, whatever the connection is called.
  AccessGate::Call disguised = user_;
  disguised.certificate = cluster::PeerIdentity{};
  EXPECT_FALSE(gate_.Decide(disguised, known_).ok());
  const auto names = cluster::PeerNames::Parse({"other"});
  const AccessGate strict(&owners_, &AllMethods(), 500, *names);
  EXPECT_NE(strict.Decide(daemon_, known_)
                .refusal()
                .sentence.find("names DNS ithacad"),
            std::string::npos);
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
