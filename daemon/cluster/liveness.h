// Which nodes are alive: a failure detector over the times of their heartbeats.
//
// Pure: heartbeats and time come in, verdicts and reasons go out; no clock, no
// I/O, no locks. A node that has been silent for `suspect_ms` is suspect, and
// alive again when it speaks; one that has been silent for `dead_ms` is dead,
// and that life of its daemon stays dead. Silence that the detector slept
// through itself (its process was stopped, or the machine was) is nobody's:
// when two ticks are further apart than `pause_ms`, everybody's silence is
// shortened by that gap.
//
// Used by Coordinator. Threads: confined to the caller's. Life: from the moment
// at which a daemon begins to coordinate to the one at which it ceases to.
#ifndef ITHACA_DAEMON_CLUSTER_LIVENESS_H_
#define ITHACA_DAEMON_CLUSTER_LIVENESS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ithaca::cluster {

// Milliseconds of a clock that never goes back.
using Millis = int64_t;

enum class NodeHealth { kAlive, kSuspect, kDead };

// A change of a node's health.
struct Verdict {
  std::string node;
  NodeHealth health = NodeHealth::kAlive;
  // A sentence.
  std::string why;
};

class Liveness {
 public:
  struct Options {
    Millis suspect_ms = 1200;
    Millis dead_ms = 2500;
    Millis pause_ms = 300;
  };
  struct Node {
    // 0: it never spoke to this coordinator.
    uint64_t incarnation = 0;
    // The last sign of life, moved by the detector's own pauses.
    Millis heard_at = 0;
    NodeHealth health = NodeHealth::kAlive;
    std::string why;
    // Its health is to be told once more: it speaks as a new life.
    bool changed = false;
  };

  explicit Liveness(const Options& options) : options_(options) {}

  // This node ought to report, and gave its last sign of life at `heard_at`.
  // Nothing for a node that is known.
  void Expect(const std::string& node, Millis heard_at);

  // A heartbeat. False: this life is dead, or older than one that was heard.
  bool Heard(const std::string& node, uint64_t incarnation, Millis now);

  // What has changed. To be called at least every `pause_ms`.
  std::vector<Verdict> Tick(Millis now);

  // Forgets a dead node.
  void Forget(const std::string& node);

  const std::map<std::string, Node>& nodes() const { return nodes_; }

 private:
  void ForgiveOwnPause(Millis now);
  std::optional<Verdict> Judge(const std::string& name, Node* node,
                               Millis now) const;

  const Options options_;
  std::map<std::string, Node> nodes_;
  std::optional<Millis> last_tick_;
};

const char* Name(NodeHealth health);

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_LIVENESS_H_
