// What the ranks of one mesh hold and send, by their indices in it.
//
// Used by the plan builder. A value made once for a plan; const calls from any
// thread. Ranks that differ in their data-parallel or pipeline index alone are
// alike, so there is one part for each ring, Ulysses and tensor index.
#ifndef ITHACA_DAEMON_PLANNER_PLAN_PARTS_H_
#define ITHACA_DAEMON_PLANNER_PLAN_PARTS_H_

#include <cstdint>
#include <vector>

#include "daemon/planner/head_map.h"
#include "daemon/planner/sequence_split.h"
#include "daemon/planner/traffic.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// The layout as the split of the sequence takes it. REQUIRES: specified.
RingLayout LayoutOf(v1::SequenceLayout layout);

// The split that `plan`'s header (workload, mesh, layout, policy) calls for.
SplitSpec SplitSpecOf(const v1::Plan& plan);

// The heads of Ulysses index u of one tensor-parallel part, by u; those of
// tensor index 0. REQUIRES: the tensor degree divides the query heads, and
// divides or is a multiple of the key/value heads.
std::vector<HeadShare> LocalHeads(const v1::Model& model, const v1::Mesh& mesh);

// Bytes that one rank sends around its ring in one layer. `tokens` are those of
// each ring part, `self` its ring index, `kv_heads` what it holds.
struct RingBytes {
  uint64_t forward = 0;
  uint64_t backward = 0;
};
RingBytes BytesAroundRing(const v1::Plan& plan,
                          const std::vector<uint64_t>& tokens, uint32_t self,
                          uint32_t kv_heads);

class PlanParts {
 public:
  // `plan` has everything but its ranks. REQUIRES: it is legal and its bytes
  // fit 63 bits.
  explicit PlanParts(const v1::Plan& plan);

  const SequenceSplit& split() const { return split_; }
  const std::vector<HeadShare>& local_heads() const { return heads_; }

  // Everything of a rank with these indices but its numbers and place; the
  // exchange counts only with `counts`.
  v1::Rank Part(uint32_t ring, uint32_t ulysses, uint32_t tensor,
                bool counts) const;

 private:
  const v1::Plan& plan_;
  const SequenceSplit split_;
  const std::vector<HeadShare> heads_;
  std::vector<Exchange> exchanges_;  // by ring index
};

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_PLAN_PARTS_H_
