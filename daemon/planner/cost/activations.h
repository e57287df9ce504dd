// Bytes of one rank's activations, tensor by tensor.
//
// Used by memory. Pure, O(1); any thread. Bytes are doubles.
//
// With S' = b*S/(R*U) tokens of a rank, e bytes per element, of the rank with
// the most heads:
//   hidden          S'/T * h*e           the residual stream, between layers
//   norm            hidden (its output); eager: + S'/T*h*(4 + e)
//   q, o            b*(S/R) * |Q_r|*d*e  inside attention
//   kv              2*b*(S/R) * |K_r|*d*e
//   o_local         S' * H/T*d*e         after the all-to-all; none when U = 1
//   mlp             S' * f/T*e times the tensors kept: 2 without a gate, 4 with
//                   (gate, up, activated, product), 3 when fused
//   softmax         5 bytes per score, when attention is not fused
// A layer that keeps everything keeps hidden twice (its input and the one
// between its halves), two norms, q, kv, o, o_local, mlp: with h = H*d, f = 4h
// and no gate 16 S' h elements (MEMO, arXiv 2407.12117), with dropout's masks
// 34 S' h bytes (arXiv 2205.05198).
#ifndef ITHACA_DAEMON_PLANNER_COST_ACTIVATIONS_H_
#define ITHACA_DAEMON_PLANNER_COST_ACTIVATIONS_H_

#include "daemon/planner/cost/memory.h"

namespace ithaca::planner {

struct Activations {
  double hidden = 0;
  double norm = 0;       // kept by one norm, its input aside
  double norm_work = 0;  // of its backward pass
  double q = 0;
  double kv = 0;
  double o = 0;
  double o_local = 0;
  double softmax = 0;
  double dropout = 0;
  double mlp_kept = 0;  // mean over layers with and without experts
  double mlp_open = 0;  // of the layer at work: the larger of the two kinds
  double mlp_work = 0;  // what its backward pass needs beyond
  double attention_work = 0;  // of attention's backward pass
  double ring = 0;            // received keys and values, their gradients
  double all_to_all = 0;      // q, k, v: input, packed, received
  double logits = 0;          // on the last stage
  double chunk_host = 0;      // FPDT: what lies on the host

  // Kept by one layer: all, and all but `softmax`.
  double Layer() const { return LayerWithoutScores() + softmax; }
  double LayerWithoutScores() const {
    return 2 * hidden + 2 * norm + q + kv + o + o_local + dropout + mlp_kept;
  }
};

Activations CountActivations(const ModelDims& model, const Work& work,
                             const Strategy& strategy, const HeadFigures& heads,
                             const MemoryAssumptions& assumptions);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_ACTIVATIONS_H_
