#include "daemon/server/cluster_member.h"

#include <future>
#include <utility>

namespace ithaca::server {
namespace {

groups::GroupsService::NodeNews NewsOf(cluster::NodeHealth health) {
  using News = groups::GroupsService::NodeNews;
  switch (health) {
    case cluster::NodeHealth::kAlive:
      return News::kBack;
    case cluster::NodeHealth::kSuspect:
      return News::kSuspect;
    case cluster::NodeHealth::kDead:
      return News::kLost;
  }
  return News::kLost;
}

}  // namespace

std::unique_ptr<ClusterMember> ClusterMember::Start(Options options) {
  std::unique_ptr<ClusterMember> member(new ClusterMember(std::move(options)));
  const Options& given = member->options_;
  cluster::Coordinator::Options coordinator;
  coordinator.node = given.side->node();
  coordinator.address = given.side->address();
  coordinator.store = given.store;
  coordinator.groups = member.get();
  coordinator.lease_ttl = given.lease_ttl;
  coordinator.connect = [side = given.side](const std::string& address) {
    return side->ChannelTo(address);
  };
  coordinator.on_place = [side = given.side](const cluster::Place& place) {
    // Here it is led by Begin, once there is something to lead to.
    if (place.kind != cluster::Place::Kind::kHere) side->SetPlace(place);
  };
  coordinator.clock = given.clock;
  coordinator.wall_clock = given.wall_clock;
  coordinator.log = [log = given.log](const std::string& text) {
    log->Info("cluster: " + text);
  };
  member->coordinator_ = cluster::Coordinator::Start(std::move(coordinator));
  return member;
}

absl::Status ClusterMember::Begin(Term term, const cluster::Place& here) {
  groups::GroupsService::Options groups = options_.groups();
  groups.claim_while = std::move(term.claim_while);
  groups.on_claim_lost = std::move(term.on_claim_lost);
  groups.may_answer = std::move(term.may_answer);
  return options_.side->Coordinate(std::move(groups), here);
}

void ClusterMember::End(const cluster::Place& next) {
  options_.side->StandDown(next);
}

std::set<std::string> ClusterMember::NodesWithMembers() {
  const auto host = options_.side->host();
  if (host == nullptr) return {};
  const auto nodes = std::make_shared<std::promise<std::set<std::string>>>();
  std::future<std::set<std::string>> answer = nodes->get_future();
  host->service()->Count([nodes](const groups::GroupsService::Census& census) {
    nodes->set_value(census.nodes);
  });
  try {
    return answer.get();
  } catch (const std::future_error&) {
    // The promise was dropped: the engine has lost its claim already.
    return {};
  }
}

void ClusterMember::Tell(const cluster::Verdict& verdict) {
  const auto host = options_.side->host();
  if (host == nullptr) return;
  host->service()->TellNode(NewsOf(verdict.health), verdict.node, verdict.why);
}

}  // namespace ithaca::server
