#include "daemon/cluster/liveness.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace ithaca::cluster {
namespace {

std::string Silence(const Liveness::Node& node, Millis silent_ms) {
  return absl::StrCat(node.incarnation == 0
                          ? "it has not reported to this coordinator for "
                          : "no heartbeat came for ",
                      silent_ms, " ms");
}

}  // namespace

const char* Name(NodeHealth health) {
  switch (health) {
    case NodeHealth::kAlive:
      return "alive";
    case NodeHealth::kSuspect:
      return "suspect";
    case NodeHealth::kDead:
      return "dead";
  }
  return "dead";
}

void Liveness::Expect(const std::string& node, Millis heard_at) {
  Node fresh;
  fresh.heard_at = heard_at;
  nodes_.emplace(node, std::move(fresh));
}

bool Liveness::Heard(const std::string& name, uint64_t incarnation,
                     Millis now) {
  Node& node = nodes_[name];
  if (incarnation < node.incarnation) return false;
  if (incarnation == node.incarnation && node.health == NodeHealth::kDead)
    return false;
  if (incarnation > node.incarnation) {
    node.incarnation = incarnation;
    node.changed = true;
    if (node.health == NodeHealth::kDead) node.health = NodeHealth::kSuspect;
  }
  node.heard_at = std::max(node.heard_at, now);
  return true;
}

void Liveness::ForgiveOwnPause(Millis now) {
  const Millis gap = last_tick_.has_value() ? now - *last_tick_ : 0;
  last_tick_ = now;
  if (gap <= options_.pause_ms) return;
  for (auto& [name, node] : nodes_)
    node.heard_at = std::min(now, node.heard_at + gap);
}

std::optional<Verdict> Liveness::Judge(const std::string& name, Node* node,
                                       Millis now) const {
  const Millis silent_ms = now - node->heard_at;
  NodeHealth health = NodeHealth::kAlive;
  if (silent_ms >= options_.suspect_ms) health = NodeHealth::kSuspect;
  if (silent_ms >= options_.dead_ms) health = NodeHealth::kDead;
  if (node->health == NodeHealth::kDead) health = NodeHealth::kDead;
  if (health == node->health && !node->changed) return std::nullopt;
  node->health = health;
  node->changed = false;
  node->why =
      health == NodeHealth::kAlive ? "it reports" : Silence(*node, silent_ms);
  return Verdict{name, health, node->why};
}

std::vector<Verdict> Liveness::Tick(Millis now) {
  ForgiveOwnPause(now);
  std::vector<Verdict> verdicts;
  for (auto& [name, node] : nodes_) {
    if (auto verdict = Judge(name, &node, now))
      verdicts.push_back(std::move(*verdict));
  }
  return verdicts;
}

void Liveness::Forget(const std::string& node) {
  const auto found = nodes_.find(node);
  if (found != nodes_.end() && found->second.health == NodeHealth::kDead)
    nodes_.erase(found);
}

}  // namespace ithaca::cluster
