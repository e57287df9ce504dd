#include "daemon/planner/cost/max_sequence.h"

namespace ithaca::planner {
namespace {

class Search {
 public:
  Search(const ModelDims& model, const Work& work, const Strategy& strategy,
         const HeadFigures& heads, const Hardware& hardware,
         const MemoryAssumptions& assumptions)
      : model_(model),
        work_(work),
        strategy_(strategy),
        heads_(heads),
        hardware_(hardware),
        assumptions_(assumptions) {
    work_.documents.clear();
  }

  // kNone: it fits.
  Binding Try(uint64_t sequence) {
    work_.sequence = sequence;
    memory_ =
        CostMemory(model_, work_, strategy_, heads_, hardware_, assumptions_);
    if (memory_.binding != Binding::kNone) return memory_.binding;
    const double elements =
        static_cast<double>(work_.batch) * static_cast<double>(sequence) *
        static_cast<double>(model_.hidden) / strategy_.ring / strategy_.ulysses;
    const bool over = assumptions_.index_32_bits && elements > 2147483648.0;
    return over ? Binding::kIndex : Binding::kNone;
  }

  const MemoryCost& memory() const { return memory_; }

 private:
  const ModelDims& model_;
  Work work_;
  const Strategy& strategy_;
  const HeadFigures& heads_;
  const Hardware& hardware_;
  const MemoryAssumptions& assumptions_;
  MemoryCost memory_;
};

}  // namespace

uint64_t GranularityOf(const Strategy& strategy) {
  const uint64_t ranks =
      uint64_t{strategy.ring} * strategy.ulysses * strategy.tensor;
  return strategy.ring > 1 && strategy.token_order == TokenOrder::kZigzag
             ? 2 * ranks
             : ranks;
}

MaxSequenceResult LongestSequence(const ModelDims& model, const Work& work,
                                  const Strategy& strategy,
                                  const HeadFigures& heads,
                                  const Hardware& hardware,
                                  const MemoryAssumptions& assumptions,
                                  uint64_t granularity, uint64_t most) {
  Search search(model, work, strategy, heads, hardware, assumptions);
  MaxSequenceResult result;
  uint64_t fits = 0;  // in units of granularity
  uint64_t fails = most / granularity + 1;
  while (fails - fits > 1) {
    const uint64_t middle = fits + (fails - fits) / 2;
    const Binding binding = search.Try(middle * granularity);
    if (binding == Binding::kNone) {
      fits = middle;
    } else {
      fails = middle;
      result.binding = binding;
    }
  }
  result.sequence = fits * granularity;
  search.Try(fits == 0 ? granularity : result.sequence);
  result.memory = search.memory();
  return result;
}

}  // namespace ithaca::planner
