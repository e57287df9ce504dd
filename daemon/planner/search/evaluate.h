// What a choice costs: memory, time and bytes, as far as they are known.
//
// Used by the search. An Evaluator is made for one request and confined to one
// thread; it keeps what depends on few degrees alone.
#ifndef ITHACA_DAEMON_PLANNER_SEARCH_EVALUATE_H_
#define ITHACA_DAEMON_PLANNER_SEARCH_EVALUATE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "daemon/planner/cost/flops.h"
#include "daemon/planner/cost/heads.h"
#include "daemon/planner/cost/memory.h"
#include "daemon/planner/cost/spread.h"
#include "daemon/planner/cost/time.h"
#include "daemon/planner/cost/traffic.h"
#include "daemon/planner/request.h"
#include "daemon/planner/search/legal.h"

namespace ithaca::planner {

// What choices are compared by.
struct Figures {
  bool fits = true;                    // true where no limit is known
  std::optional<double> device_bytes;  // of the fullest rank
  std::optional<double> seconds;       // of a step, over its sequences
  double step_bytes = 0;    // sent by a rank in a step, over its sequences
  double layer_bytes = 0;   // sent by the busiest rank for attention, per layer
  uint32_t complexity = 0;  // what has to be set up besides plain replicas
};

class Evaluator {
 public:
  // `request` must outlive the evaluator.
  explicit Evaluator(const Request& request);

  // Whether memory, or what is known of it, is enough. REQUIRES of every call:
  // the choice is legal.
  bool Fits(const Choice& choice);

  Figures Evaluate(const Choice& choice);

  // The parts behind the figures. Memory and time: absent unless the model is
  // known.
  std::optional<MemoryCost> Memory(const Choice& choice);
  std::optional<TimeCost> Time(const Choice& choice,
                               const Placement& placement);
  TrafficCost Traffic(const Choice& choice);
  FlopCost Flops(const Choice& choice);

  // How far apart the members of each group are when ranks take their places
  // in order, in domains of equal size.
  Placement InOrder(const Strategy& strategy) const;

  // The model for the cost functions; sizes that are unknown are guessed (4 h
  // and the like), which no figure that is told depends on.
  const ModelDims& dims() const { return dims_; }
  // The work of one replica among `replicas`.
  const Work& WorkFor(uint32_t replicas);
  const HeadFigures& Heads(const Strategy& strategy);

 private:
  const AttentionFigures& Attention(const Choice& choice);

  const Request& request_;
  const bool known_;
  const ModelDims dims_;
  Work work_;
  std::map<std::pair<uint32_t, uint32_t>, HeadFigures> heads_;
  std::map<std::pair<uint32_t, int>, AttentionFigures> attention_;
};

// The layout as the cost functions know it.
TokenOrder TokenOrderOf(v1::SequenceLayout layout);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEARCH_EVALUATE_H_
