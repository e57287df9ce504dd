#include "daemon/cluster/cluster_service.h"

#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/cluster/caller_header.h"
#include "daemon/cluster/handover.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::cluster {
namespace {

constexpr char kHeartbeatMethod[] =
    "/ithaca.cluster.v1.ClusterService/Heartbeat";
constexpr char kGetClusterMethod[] =
    "/ithaca.cluster.v1.ClusterService/GetCluster";
constexpr std::chrono::milliseconds kAskCoordinatorFor(1000);
constexpr size_t kMaxAddressBytes = 512;

groups::Refusal NotACluster() {
  return {absl::StatusCode::kFailedPrecondition,
          "NOT_A_CLUSTER",
          "this daemon is alone: its store is not shared",
          "start the daemons of a cluster with --store=etcd:HOST:PORT,...",
          {}};
}

groups::Refusal NotCoordinator(const Place& place) {
  return {absl::StatusCode::kUnavailable,
          "NOT_COORDINATOR",
          absl::StrCat("this daemon does not coordinate: ", place.why),
          "ask the store who does",
          {{"coordinator", place.node}}};
}

std::optional<groups::Refusal> CheckHeartbeat(
    const v1::HeartbeatRequest& beat) {
  if (!IsNodeName(beat.node()))
    return groups::InvalidRequest("node: is not a name", "send --node");
  if (beat.address().empty() || beat.address().size() > kMaxAddressBytes)
    return groups::InvalidRequest("address: is not HOST:PORT", "send it");
  if (beat.incarnation() == 0)
    return groups::InvalidRequest("incarnation: is 0", "send one");
  return std::nullopt;
}

class Refuse : public grpc::ServerBidiReactor<v1::HeartbeatRequest,
                                              v1::HeartbeatResponse> {
 public:
  explicit Refuse(const groups::Refusal& why) {
    Finish(groups::ToRpcStatus(why));
  }
  void OnDone() override { delete this; }
};

// Reads one heartbeat, answers it, reads the next. gRPC calls one of its
// reactions at a time, as only one operation is ever asked for.
class Listener : public grpc::ServerBidiReactor<v1::HeartbeatRequest,
                                                v1::HeartbeatResponse> {
 public:
  Listener(ClusterDesk* desk, const std::atomic<bool>* draining)
      : desk_(desk), draining_(draining) {
    HandOver(this);
    StartRead(&beat_);
  }
  void OnReadDone(bool ok) override {
    const Reaction reaction(this);
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    if (const auto no = CheckHeartbeat(beat_)) {
      Finish(groups::ToRpcStatus(*no));
      return;
    }
    const ClusterDesk::Hearing hearing = desk_->Hear(beat_);
    if (hearing.place.kind != Place::Kind::kHere || *draining_) {
      Finish(groups::ToRpcStatus(NotCoordinator(hearing.place)));
      return;
    }
    answer_.set_sequence(beat_.sequence());
    answer_.set_node(hearing.place.node);
    answer_.set_incarnation(hearing.place.incarnation);
    answer_.set_dead(hearing.dead);
    answer_.set_latest_incarnation(hearing.latest);
    StartWrite(&answer_);
  }
  void OnWriteDone(bool ok) override {
    const Reaction reaction(this);
    if (ok) {
      StartRead(&beat_);
    } else {
      Finish(grpc::Status::CANCELLED);
    }
  }
  void OnDone() override {
    TakeBack(this);
    delete this;
  }

 private:
  ClusterDesk* const desk_;
  const std::atomic<bool>* const draining_;
  v1::HeartbeatRequest beat_;
  v1::HeartbeatResponse answer_;
};

// A question to the coordinator on behalf of a caller of this node.
struct Question {
  grpc::ClientContext context;
  v1::GetClusterRequest request;
  v1::GetClusterResponse response;
  std::unique_ptr<v1::ClusterService::Stub> stub;
};

// What the coordinator says, from where this daemon stands.
void Merge(const v1::GetClusterResponse& asked, v1::GetClusterResponse* own) {
  *own->mutable_nodes() = asked.nodes();
  own->set_complete(asked.complete());
}

}  // namespace

ClusterService::ClusterService(groups::Gate* gate) : gate_(gate) {
  HandOver(this);
}

ClusterService::~ClusterService() { TakeBack(this); }

grpc::ServerBidiReactor<v1::HeartbeatRequest, v1::HeartbeatResponse>*
ClusterService::Heartbeat(grpc::CallbackServerContext* context) {
  const Reaction reaction(this);
  const auto caller = gate_->Admit(*context, kHeartbeatMethod);
  if (!caller.ok()) return new Refuse(caller.refusal());
  ClusterDesk* const desk = desk_;
  if (desk == nullptr) return new Refuse(NotACluster());
  return new Listener(desk, &draining_);
}

grpc::ServerUnaryReactor* ClusterService::GetCluster(
    grpc::CallbackServerContext* context, const v1::GetClusterRequest*,
    v1::GetClusterResponse* response) {
  const Reaction reaction(this);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const auto caller = gate_->Admit(*context, kGetClusterMethod);
  ClusterDesk* const desk = desk_;
  if (!caller.ok() || desk == nullptr) {
    reactor->Finish(
        groups::ToRpcStatus(caller.ok() ? NotACluster() : caller.refusal()));
    return reactor;
  }
  *response = desk->Describe();
  const Place place = desk->place();
  // Another daemon asks only whom it takes for the coordinator.
  const bool asks =
      place.kind == Place::Kind::kThere && caller.value().node.empty();
  auto channel = asks ? desk->ChannelTo(place.address) : nullptr;
  if (channel == nullptr) {
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  auto* question = new Question;
  question->stub = v1::ClusterService::NewStub(std::move(channel));
  question->context.set_deadline(std::chrono::system_clock::now() +
                                 kAskCoordinatorFor);
  question->context.AddMetadata(
      kCallerHeader, EncodeCaller({caller.value().uid, caller.value().gid,
                                   caller.value().pid, response->node()}));
  question->stub->async()->GetCluster(
      &question->context, &question->request, &question->response,
      [question, response, reactor](const grpc::Status& status) {
        if (status.ok()) Merge(question->response, response);
        delete question;
        reactor->Finish(grpc::Status::OK);
      });
  return reactor;
}

}  // namespace ithaca::cluster
