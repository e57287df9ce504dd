#include "daemon/planner/cost/activations.h"

#include <algorithm>

namespace ithaca::planner {
namespace {

class Counting {
 public:
  Counting(const ModelDims& model, const Work& work, const Strategy& strategy,
           const HeadFigures& heads, const MemoryAssumptions& assume)
      : model_(model),
        work_(work),
        strategy_(strategy),
        heads_(heads),
        assume_(assume),
        e_(work.element_bytes),
        h_(static_cast<double>(model.hidden)),
        ring_tokens_(static_cast<double>(work.batch) *
                     static_cast<double>(work.sequence) / strategy.ring),
        tokens_(ring_tokens_ / strategy.ulysses) {}

  Activations Run() {
    Stream();
    Attention();
    Exchange();
    Mlp();
    Logits();
    Chunks();
    return a_;
  }

 private:
  void Stream() {
    const double elements = tokens_ / strategy_.tensor * h_;
    a_.hidden = elements * e_;
    a_.norm = a_.hidden;
    if (!assume_.fused_norm) {
      a_.norm += elements * (4 + e_);
      a_.norm_work = 2 * elements * 4;
    }
    if (assume_.dropout) a_.dropout = 2 * elements;
  }

  void Attention() {
    const double d = model_.head_size;
    a_.q = ring_tokens_ * heads_.most_query_heads * d * e_;
    a_.o = a_.q;
    const double one_kv = ring_tokens_ * heads_.most_kv_heads * d * e_;
    const bool grouped = heads_.query_heads != heads_.kv_heads;
    a_.kv = 2 * (assume_.expanded_kv && grouped ? a_.q : one_kv);
    if (strategy_.ulysses > 1) {
      a_.o_local = tokens_ * heads_.query_heads * d * e_;
    }
    if (!assume_.fused_attention) {
      a_.softmax = 5.0 * ring_tokens_ * static_cast<double>(work_.sequence) *
                   heads_.most_query_heads;
    }
    // dq is summed in fp32.
    a_.attention_work = a_.q * 4 / e_;
    if (assume_.expanded_kv && grouped) {
      a_.attention_work += 2 * a_.q;
    } else if (grouped) {
      a_.attention_work += GroupedWork(one_kv);
    }
    if (strategy_.ring > 1) {
      const double wire =
          strategy_.ring_gradients == RingGradients::kFp32 ? 4.0 : e_;
      // The next keys and values; sums of gradients, own and arriving.
      a_.ring = 2 * one_kv * (work_.training ? 1 + 2 * wire / e_ : 1);
    }
  }

  double GroupedWork(double one_kv) const {
    switch (assume_.grouped_gradients) {
      case GroupedGradients::kInPlace:
        return 0;
      case GroupedGradients::kPerQueryHead:
        return 2 * a_.q;
      case GroupedGradients::kFp32:
        return 2 * one_kv * 4 / e_;
    }
    return 0;
  }

  // arXiv 2309.14509 leaves it out: at most 3 * (1 + 2 kvh/H) * m.
  void Exchange() {
    if (strategy_.ulysses == 1) return;
    const double d = model_.head_size;
    const double packed =
        tokens_ * (heads_.query_heads + 2.0 * heads_.kv_copies) * d * e_;
    if (!assume_.fused_pack) {
      a_.all_to_all = 3 * packed;
      return;
    }
    const double local =
        tokens_ * (heads_.query_heads + 2.0 * heads_.kv_heads) * d * e_;
    const double received =
        ring_tokens_ * (heads_.most_query_heads + 2.0 * heads_.most_kv_heads) *
        d * e_;
    a_.all_to_all = local + packed + received;
  }

  struct Tensors {
    double kept;  // of the inner width, for the backward pass
    double work;  // more of them while it runs
  };

  Tensors InnerTensors() const {
    if (model_.mlp_matrices < 3) return {2, 1};
    return assume_.fused_activation ? Tensors{3, 1} : Tensors{4, 2};
  }

  void Mlp() {
    const Tensors inner = InnerTensors();
    const double column = tokens_ / strategy_.tensor * e_;
    const double dense = column * static_cast<double>(model_.intermediate);
    // Of T ranks each routes its own tokens; each expert's width is cut in T.
    const double routed = column * model_.experts_per_token;
    const double width = static_cast<double>(model_.expert_intermediate);
    const double expert = (routed + column * model_.shared_experts) * width;
    const double dispatched = 2 * routed * h_;

    const bool any_experts =
        model_.experts > 0 && model_.dense_layers < model_.layers;
    const bool any_dense = model_.experts == 0 || model_.dense_layers > 0;
    double dense_kept = any_dense ? inner.kept * dense : 0;
    double dense_work = any_dense ? inner.work * dense : 0;
    if (strategy_.tiled_mlp && any_dense) {
      // Shards of as many tokens as the hidden size (ALST, section 3.1.1).
      const double tile = std::min(1.0, h_ / tokens_);
      dense_work = (dense_kept + dense_work) * tile;
      dense_kept = 0;
    }
    const double expert_kept =
        any_experts ? inner.kept * expert + dispatched : 0;
    const double expert_work = any_experts ? inner.work * expert : 0;
    const double share =
        any_experts
            ? 1 - static_cast<double>(model_.dense_layers) / model_.layers
            : 0;
    a_.mlp_kept = share * expert_kept + (1 - share) * dense_kept;
    const bool experts_more =
        expert_kept + expert_work > dense_kept + dense_work;
    a_.mlp_open = experts_more ? expert_kept : dense_kept;
    a_.mlp_work = experts_more ? expert_work : dense_work;
    // The gathered input and its gradient.
    if (strategy_.tensor > 1) a_.mlp_work += 2 * a_.hidden * strategy_.tensor;
  }

  // As computed, in fp32, its log-softmax, and two gradients of that, of which
  // one takes the place of the fp32 logits. In tiles twice the fp32 logits.
  void Logits() {
    if (!work_.training) return;
    const double rows =
        tokens_ * static_cast<double>(model_.vocabulary) / strategy_.tensor;
    a_.logits = strategy_.tiled_loss
                    ? 2 * std::min(rows * 4,
                                   static_cast<double>(assume_.loss_tile_bytes))
                    : rows * (e_ + 12);
    a_.logits += 2 * a_.hidden;
  }

  // Two chunks are on the accelerator, all of them on the host.
  void Chunks() {
    if (strategy_.attention_chunk == 0) return;
    const double here =
        std::min(1.0, 2.0 * static_cast<double>(strategy_.attention_chunk) /
                          static_cast<double>(work_.sequence));
    a_.chunk_host = here < 1 ? a_.q + a_.kv + a_.o : 0;
    for (double* part :
         {&a_.q, &a_.kv, &a_.o, &a_.attention_work, &a_.all_to_all}) {
      *part *= here;
    }
  }

  const ModelDims& model_;
  const Work& work_;
  const Strategy& strategy_;
  const HeadFigures& heads_;
  const MemoryAssumptions& assume_;
  const double e_;
  const double h_;
  const double ring_tokens_;
  const double tokens_;
  Activations a_;
};

}  // namespace

Activations CountActivations(const ModelDims& model, const Work& work,
                             const Strategy& strategy, const HeadFigures& heads,
                             const MemoryAssumptions& assumptions) {
  return Counting(model, work, strategy, heads, assumptions).Run();
}

}  // namespace ithaca::planner
