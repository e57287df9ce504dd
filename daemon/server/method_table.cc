#include "daemon/server/method_table.h"

#include "absl/strings/match.h"

namespace ithaca::server {
namespace {

// What daemons forward to the one that coordinates.
constexpr char kGetCluster[] = "/ithaca.cluster.v1.ClusterService/GetCluster";
constexpr char kGroups[] = "/ithaca.groups.v1.GroupsService/";
constexpr char kInsteadOfTuning[] =
    "set NCCL's variables (NCCL_P2P_NET_CHUNKSIZE and the like) for the job "
    "instead";

MethodTable Make() {
  const MethodRule any{Access::kAnyUser, ""};
  const MethodRule admin{Access::kAdmin, ""};
  const MethodRule daemon{Access::kDaemon, ""};
  const MethodRule planning{Access::kAnyUser, "", false, Cost::kPlanning};
  const MethodRule stream{Access::kAnyUser, "", false, Cost::kStream};
  const MethodRule built_in{Access::kBuiltIn, ""};
  const MethodRule no_tuning{Access::kNotServed, kInsteadOfTuning};
  MethodTable table = {
      {"/grpc.health.v1.Health/Check", built_in},
      {"/grpc.health.v1.Health/Watch", built_in},
      {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
       built_in},

      {"/ithaca.admin.v1.AdminService/BackupStore", admin},

      {"/ithaca.cluster.v1.ClusterService/Heartbeat", daemon},
      {"/ithaca.cluster.v1.ClusterService/GetCluster", any},

      {"/ithaca.groups.v1.GroupsService/CreateGroup", any},
      {"/ithaca.groups.v1.GroupsService/JoinGroup", stream},
      {"/ithaca.groups.v1.GroupsService/LeaveGroup", any},
      {"/ithaca.groups.v1.GroupsService/PublishBlob", any},
      {"/ithaca.groups.v1.GroupsService/GetBlob", any},
      {"/ithaca.groups.v1.GroupsService/Barrier", any},
      {"/ithaca.groups.v1.GroupsService/Commit", any},
      {"/ithaca.groups.v1.GroupsService/ReplanGroup", any},
      {"/ithaca.groups.v1.GroupsService/ExplainGroup", any},
      {"/ithaca.groups.v1.GroupsService/GetGroup", any},
      {"/ithaca.groups.v1.GroupsService/ListGroups", any},
      {"/ithaca.groups.v1.GroupsService/WatchGroup", stream},
      {"/ithaca.groups.v1.GroupsService/DeleteGroup", any},

      {"/ithaca.planner.v1.PlannerService/Plan", planning},
      {"/ithaca.planner.v1.PlannerService/Validate", any},
      {"/ithaca.planner.v1.PlannerService/MaxSequence", planning},
      {"/ithaca.planner.v1.PlannerService/Explain", planning},
      {"/ithaca.planner.v1.PlannerService/Replan", planning},

      {"/ithaca.topology.v1.TopologyService/GetTopology", any},

      {"/ithaca.tuning.v1.TuningService/PushRevision", no_tuning},
      {"/ithaca.tuning.v1.TuningService/GetRevision", no_tuning},
      {"/ithaca.tuning.v1.TuningService/ListRevisions", no_tuning},
      {"/ithaca.tuning.v1.TuningService/SetLabel", no_tuning},
      {"/ithaca.tuning.v1.TuningService/ExplainRule", no_tuning},
  };
  for (auto& [method, rule] : table) {
    rule.through_daemons =
        absl::StartsWith(method, kGroups) || method == kGetCluster;
  }
  return table;
}

}  // namespace

const MethodTable& AllMethods() {
  static const MethodTable* const table = new MethodTable(Make());
  return *table;
}

}  // namespace ithaca::server
