#include "daemon/cluster/roll.h"

#include <algorithm>
#include <utility>

namespace ithaca::cluster {
namespace {

v1::NodeState ToMessage(NodeHealth health) {
  switch (health) {
    case NodeHealth::kAlive:
      return v1::NODE_STATE_ALIVE;
    case NodeHealth::kSuspect:
      return v1::NODE_STATE_SUSPECT;
    case NodeHealth::kDead:
      return v1::NODE_STATE_DEAD;
  }
  return v1::NODE_STATE_UNSPECIFIED;
}

}  // namespace

void Roll::Put(const Holder& node, Millis now) {
  std::lock_guard<std::mutex> lock(mutex_);
  records_[node.node] = node;
  if (liveness_.has_value() && node.node != self_)
    liveness_->Expect(node.node, now);
}

void Roll::Erase(const std::string& name) {
  std::lock_guard<std::mutex> lock(mutex_);
  records_.erase(name);
  // A node that is gone for good needs no line for ever.
  if (liveness_.has_value()) liveness_->Forget(name);
}

void Roll::Clear() {
  std::lock_guard<std::mutex> lock(mutex_);
  records_.clear();
}

void Roll::BeginToListen(const std::set<std::string>& with_members,
                         const std::string& before,
                         std::optional<Millis> alive_at, Millis now) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::set<std::string> expected = with_members;
  for (const auto& [name, record] : records_) expected.insert(name);
  liveness_.emplace(options_);
  for (const std::string& name : expected) {
    if (name == self_ || name.empty()) continue;
    liveness_->Expect(name, name == before ? alive_at.value_or(now) : now);
  }
}

void Roll::CeaseToListen() {
  std::lock_guard<std::mutex> lock(mutex_);
  liveness_.reset();
}

Roll::Hearing Roll::Hear(const std::string& node, uint64_t incarnation,
                         Millis now) {
  std::lock_guard<std::mutex> lock(mutex_);
  Hearing hearing;
  if (!liveness_.has_value()) return hearing;
  hearing.listens = true;
  hearing.dead = !liveness_->Heard(node, incarnation, now);
  hearing.latest = liveness_->nodes().at(node).incarnation;
  return hearing;
}

std::optional<Roll::Judgement> Roll::Judge(Millis now) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!liveness_.has_value()) return std::nullopt;
  Judgement judgement;
  judgement.verdicts = liveness_->Tick(now);
  for (const auto& [name, record] : records_) {
    if (name == self_) continue;
    ++judgement.live;
    const auto node = liveness_->nodes().find(name);
    if (node != liveness_->nodes().end() &&
        node->second.health == NodeHealth::kAlive)
      ++judgement.reporting;
  }
  return judgement;
}

void Roll::Describe(Millis now, v1::GetClusterResponse* response) const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::map<std::string, v1::Node> nodes;
  for (const auto& [name, record] : records_) {
    v1::Node& node = nodes[name];
    node.set_name(name);
    node.set_address(record.address);
    node.set_incarnation(record.incarnation);
    if (liveness_.has_value() && name == self_)
      node.set_state(v1::NODE_STATE_ALIVE);
  }
  if (liveness_.has_value()) {
    for (const auto& [name, heard] : liveness_->nodes()) {
      v1::Node& node = nodes[name];
      node.set_name(name);
      if (heard.incarnation != 0) {
        node.set_incarnation(heard.incarnation);
        node.set_heard_ms_ago(std::max<Millis>(0, now - heard.heard_at));
      }
      node.set_state(ToMessage(heard.health));
      node.set_reason(heard.why);
    }
  }
  for (auto& [name, node] : nodes) *response->add_nodes() = std::move(node);
  response->set_complete(liveness_.has_value());
}

}  // namespace ithaca::cluster
