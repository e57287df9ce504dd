// All ranks of a plan in one process, through the C API: pack on every rank,
// hand the messages over by memcpy, unpack on every rank, with canaries around
// every buffer.
//
// Used by the tests of kernels/. Confined to a thread. Reports failures through
// GoogleTest.
#ifndef ITHACA_KERNELS_REFERENCE_TESTING_LOCAL_GROUP_H_
#define ITHACA_KERNELS_REFERENCE_TESTING_LOCAL_GROUP_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/api/flat_plan.h"
#include "kernels/api/ithaca_ulysses.h"
#include "kernels/reference/testing/guarded_buffer.h"

namespace ithaca::ulysses {

struct DestroyExchange {
  void operator()(ithaca_ulysses_exchange* e) const {
    ithaca_ulysses_destroy(e);
  }
};
using ExchangePtr = std::unique_ptr<ithaca_ulysses_exchange, DestroyExchange>;

// The tensors of one rank, in the order of a step.
using RankTensors = std::vector<GuardedBuffer>;

class LocalGroup {
 public:
  // REQUIRES: the plan is legal; it must outlive the group.
  explicit LocalGroup(const FlatPlan& plan);

  const FlatPlan& plan() const { return plan_; }
  int32_t num_ranks() const { return plan_.num_ranks(); }
  const ithaca_ulysses_exchange* rank(int32_t r) const {
    return exchanges_[r].get();
  }

  // Poisoned tensors of the right sizes.
  RankTensors MakeTensors(int32_t r, int32_t step, int32_t side) const;

  // messages[sender][receiver], packed from tensors[sender].
  std::vector<std::vector<GuardedBuffer>> Pack(
      int32_t step, const std::vector<RankTensors>& tensors) const;
  // The tensors of every rank after unpacking copies of those messages.
  std::vector<RankTensors> Unpack(
      int32_t step,
      const std::vector<std::vector<GuardedBuffer>>& messages) const;
  // Pack and Unpack.
  std::vector<RankTensors> Exchange(
      int32_t step, const std::vector<RankTensors>& tensors) const;

 private:
  const FlatPlan& plan_;
  std::vector<ExchangePtr> exchanges_;
};

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_REFERENCE_TESTING_LOCAL_GROUP_H_
