#include "daemon/planner/search/evaluate.h"

#include <algorithm>

#include "daemon/planner/model_shape.h"
#include "daemon/planner/plan_parts.h"
#include "daemon/planner/ring_balance.h"
#include "daemon/planner/workload_shape.h"

namespace ithaca::planner {
namespace {

ModelDims CompleteDims(const v1::Model& model) {
  ModelDims dims = DimsOf(model);
  if (dims.hidden == 0) {
    dims.hidden = uint64_t{dims.query_heads} * dims.head_size;
  }
  if (dims.layers == 0) dims.layers = 1;
  if (dims.intermediate == 0) dims.intermediate = 4 * dims.hidden;
  if (dims.vocabulary == 0) dims.vocabulary = 1;
  return dims;
}

// Ring parts of packed documents are cut here as the plan will cut them.
double PackedImbalance(const Request& request, uint32_t ring) {
  SplitSpec spec;
  spec.length = request.workload.sequence_length();
  spec.ring = ring;
  spec.layout = RingLayout::kPacked;
  spec.borders.assign(request.workload.cu_seqlens().begin(),
                      request.workload.cu_seqlens().end());
  return ImbalanceOf(SplitSequence(spec), MaskOf(request.workload.mask()),
                     request.workload.window());
}

// Members of a group that are within a domain of `size` ranks, the member
// itself included: neighbours are `stride` ranks apart.
uint32_t Within(uint64_t size, uint32_t stride, uint32_t degree) {
  return static_cast<uint32_t>(std::clamp<uint64_t>(size / stride, 1, degree));
}

Spread SpreadOf(const KnownHardware& hardware, uint32_t stride,
                uint32_t degree) {
  const Hardware& h = hardware.figures;
  const uint64_t sizes[kLinkClasses] = {
      h.accelerators_per_nvlink_domain,
      std::max(h.accelerators_per_node, h.accelerators_per_nvlink_domain),
      hardware.accelerators_per_pod == 0 ? UINT64_MAX
                                         : hardware.accelerators_per_pod,
      UINT64_MAX};
  Spread spread;
  uint32_t nearer = 1;
  for (size_t c = 0; c < kLinkClasses; ++c) {
    const uint32_t within = std::max(nearer, Within(sizes[c], stride, degree));
    spread.peers[c] = within - nearer;
    nearer = within;
  }
  return spread;
}

uint32_t Complexity(const Choice& choice) {
  const Strategy& s = choice.strategy;
  uint32_t complexity = 0;
  for (uint32_t degree : {s.pipeline, s.ring, s.tensor}) {
    complexity += degree > 1 ? 4 : 0;
  }
  complexity += s.ulysses > 1 ? 2 : 0;
  complexity += s.expert_parallel > 1 ? 2 : 0;
  complexity += s.zero_stage;
  complexity += static_cast<uint32_t>(s.recompute);
  for (bool set :
       {s.offload_optimizer, s.offload_parameters, s.offload_checkpoints,
        s.tiled_mlp, s.tiled_loss, s.hybrid_order == HybridOrder::kRingInside,
        s.attention_chunk > 0}) {
    complexity += set ? 1 : 0;
  }
  return complexity;
}

// Of the busiest rank, forward and backward, for attention alone.
double AttentionBytes(const TrafficCost& traffic) {
  double bytes = 0;
  for (TrafficPart part : {TrafficPart::kUlyssesQ, TrafficPart::kUlyssesK,
                           TrafficPart::kUlyssesV, TrafficPart::kUlyssesO,
                           TrafficPart::kRingKv, TrafficPart::kRingGradients}) {
    const PartTraffic& of = traffic.Of(part);
    bytes += (of.once.forward + of.once.backward) * of.worst;
  }
  return bytes;
}

}  // namespace

TokenOrder TokenOrderOf(v1::SequenceLayout layout) {
  switch (layout) {
    case v1::SEQUENCE_LAYOUT_ZIGZAG:
    case v1::SEQUENCE_LAYOUT_PACKED:
      return TokenOrder::kZigzag;
    case v1::SEQUENCE_LAYOUT_STRIPED:
      return TokenOrder::kStriped;
    default:
      return TokenOrder::kContiguous;
  }
}

Evaluator::Evaluator(const Request& request)
    : request_(request),
      known_(IsKnown(request.model)),
      dims_(CompleteDims(request.model)),
      work_(WorkOf(request.workload, 1)) {}

const Work& Evaluator::WorkFor(uint32_t replicas) {
  work_.micro_batches = MicroBatches(request_.workload, replicas).value_or(1);
  return work_;
}

const HeadFigures& Evaluator::Heads(const Strategy& s) {
  const auto [at, added] = heads_.try_emplace({s.tensor, s.ulysses});
  if (added) at->second = FiguresOfHeads(dims_, s.tensor, s.ulysses);
  return at->second;
}

const AttentionFigures& Evaluator::Attention(const Choice& choice) {
  const uint32_t ring = choice.strategy.ring;
  const auto [at, added] = attention_.try_emplace({ring, choice.layout});
  if (!added) return at->second;
  at->second = FiguresOfAttention(work_, ring, TokenOrderOf(choice.layout));
  if (ring > 1 && choice.layout == v1::SEQUENCE_LAYOUT_PACKED) {
    at->second.ring_imbalance = PackedImbalance(request_, ring);
  }
  return at->second;
}

Placement Evaluator::InOrder(const Strategy& s) const {
  const bool ring_inside = s.hybrid_order == HybridOrder::kRingInside;
  const KnownHardware& hardware = request_.hardware;
  const uint32_t data = s.data_parallel * s.ring * s.ulysses;
  Placement placement;
  placement.Of(Group::kTensor) = SpreadOf(hardware, 1, s.tensor);
  placement.Of(Group::kUlysses) =
      SpreadOf(hardware, s.tensor * (ring_inside ? s.ring : 1), s.ulysses);
  placement.Of(Group::kRing) =
      SpreadOf(hardware, s.tensor * (ring_inside ? 1 : s.ulysses), s.ring);
  placement.Of(Group::kData) = SpreadOf(hardware, s.tensor, data);
  placement.Of(Group::kExpert) =
      SpreadOf(hardware, s.tensor, s.expert_parallel);
  placement.Of(Group::kPipeline) =
      SpreadOf(hardware, s.tensor * data, s.pipeline);
  return placement;
}

std::optional<MemoryCost> Evaluator::Memory(const Choice& choice) {
  if (!known_) return std::nullopt;
  return CostMemory(dims_, WorkFor(choice.strategy.data_parallel),
                    choice.strategy, Heads(choice.strategy),
                    request_.hardware.figures);
}

TrafficCost Evaluator::Traffic(const Choice& choice) {
  return CostTraffic(dims_, WorkFor(choice.strategy.data_parallel),
                     choice.strategy, Heads(choice.strategy));
}

FlopCost Evaluator::Flops(const Choice& choice) {
  const AttentionFigures& attention = Attention(choice);
  return CostFlops(dims_, WorkFor(choice.strategy.data_parallel),
                   choice.strategy, Heads(choice.strategy), attention);
}

std::optional<TimeCost> Evaluator::Time(const Choice& choice,
                                        const Placement& placement) {
  if (!known_) return std::nullopt;
  return CostTime(dims_, WorkFor(choice.strategy.data_parallel),
                  choice.strategy, Heads(choice.strategy), Flops(choice),
                  Traffic(choice), placement, request_.hardware.figures);
}

bool Evaluator::Fits(const Choice& choice) {
  const std::optional<MemoryCost> memory = Memory(choice);
  return !memory || memory->binding == Binding::kNone;
}

Figures Evaluator::Evaluate(const Choice& choice) {
  const Strategy& s = choice.strategy;
  Figures figures;
  if (const std::optional<MemoryCost> memory = Memory(choice)) {
    figures.fits = memory->binding == Binding::kNone;
    figures.device_bytes = memory->device;
  }
  const TrafficCost traffic = Traffic(choice);
  figures.layer_bytes = AttentionBytes(traffic);
  const double sequences = static_cast<double>(s.data_parallel) *
                           static_cast<double>(work_.batch) *
                           static_cast<double>(work_.micro_batches);
  figures.step_bytes = traffic.PerStep() / sequences;
  if (request_.hardware.figures.peak_flops) {
    const std::optional<TimeCost> time = Time(choice, InOrder(s));
    if (time && time->step) figures.seconds = *time->step / sequences;
  }
  figures.complexity = Complexity(choice);
  return figures;
}

}  // namespace ithaca::planner
