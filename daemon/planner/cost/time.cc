#include "daemon/planner/cost/time.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "daemon/planner/cost/parameters.h"

namespace ithaca::planner {
namespace {

using Seconds = std::optional<double>;

Seconds Plus(Seconds a, Seconds b) {
  if (!a || !b) return std::nullopt;
  return *a + *b;
}

// What of `seconds` is left when it runs beside `cover`.
Seconds Uncovered(Seconds seconds, Seconds cover) {
  if (!seconds) return seconds;
  if (*seconds == 0) return 0.0;
  if (!cover) return std::nullopt;
  return std::max(0.0, *seconds - *cover);
}

class Timing {
 public:
  Timing(const ModelDims& model, const Work& work, const Strategy& strategy,
         const HeadFigures& heads, const FlopCost& flops,
         const TrafficCost& traffic, const Placement& where,
         const Hardware& hardware, const TimeAssumptions& assume)
      : model_(model),
        work_(work),
        strategy_(strategy),
        heads_(heads),
        flops_(flops),
        traffic_(traffic),
        where_(where),
        hardware_(hardware),
        assume_(assume) {}

  TimeCost Run() {
    Compute();
    free_ = Plus(cost_.attention, cost_.linear);
    for (size_t p = 0; p < kTrafficParts; ++p) {
      Traffic(static_cast<TrafficPart>(p));
    }
    Copies();
    Offload();
    cost_.bubble =
        (strategy_.pipeline - 1.0) / static_cast<double>(work_.micro_batches);
    Sum();
    return cost_;
  }

 private:
  Seconds OfFlops(double flops, double efficiency) const {
    if (!hardware_.peak_flops) return std::nullopt;
    return flops / (*hardware_.peak_flops * efficiency);
  }

  // Attention of the critical rank over its mean, as if at full speed.
  double AttentionWork() const {
    return flops_.attention_imbalance /
           (strategy_.ring > 1 ? assume_.ring_attention_speed : 1.0);
  }

  // The fullest stage; or the last, which has the head.
  void Compute() {
    const double stages = strategy_.pipeline;
    const double last =
        LayersOfStage(model_, strategy_, strategy_.pipeline - 1) * stages /
        model_.layers;
    const double full = flops_.stage_imbalance;
    const Efficiency& reached = cost_.efficiency = EfficiencyOf(
        model_, work_, strategy_, heads_, flops_.keys_per_query, hardware_);
    auto attention = [&](const PassFlops& f, double share) {
      return OfFlops(f.Sum() * AttentionWork() * share, reached.attention);
    };
    auto linear = [&](double f) { return OfFlops(f, reached.linear); };
    const Seconds full_attention = attention(flops_.attention, full);
    const Seconds full_linear = linear(flops_.linear.Sum() * full);
    const Seconds last_attention = attention(flops_.attention, last);
    const Seconds last_linear =
        Plus(linear(flops_.linear.Sum() * last),
             OfFlops(flops_.head.Sum() * stages, reached.head));
    if (!full_attention) return;
    const bool last_more =
        *last_attention + *last_linear > *full_attention + *full_linear;
    cost_.attention = last_more ? last_attention : full_attention;
    cost_.linear = last_more ? last_linear : full_linear;
  }

  Seconds Alone(TrafficPart part) const {
    const PartTraffic& t = traffic_.Of(part);
    const Spread& spread = where_.Of(GroupOf(part));
    double sum = 0;
    for (double bytes : {t.once.forward, t.once.backward, t.once.recompute}) {
      if (bytes == 0) continue;
      const Seconds once = Once(part, bytes * t.worst, spread);
      if (!once) return once;
      sum += *once;
    }
    return sum * t.times;
  }

  Seconds Once(TrafficPart part, double bytes, const Spread& spread) const {
    if (IsAllToAll(part)) {
      return AllToAllSeconds(bytes, spread, hardware_.links,
                             assume_.nic_sharing);
    }
    switch (part) {
      case TrafficPart::kRingKv:
        return Hops(bytes, strategy_.ring - 1.0, spread);
      case TrafficPart::kRingGradients:
        return Hops(bytes, strategy_.ring, spread);
      case TrafficPart::kPipeline:
        return HopSeconds(bytes, spread, hardware_.links);
      default:
        return RingCollectiveSeconds(bytes, spread, hardware_.links);
    }
  }

  Seconds Hops(double bytes, double hops, const Spread& spread) const {
    const Seconds hop = HopSeconds(bytes / hops, spread, hardware_.links);
    if (!hop) return hop;
    return *hop * hops;
  }

  // What of a part compute covers. The first hop's attention covers the second
  // hop's keys, and so on: R - 1 of the R blocks of attention.
  Seconds Cover(TrafficPart part) const {
    const Seconds compute = Plus(cost_.attention, cost_.linear);
    auto if_hidden = [](bool hidden, Seconds cover) {
      return hidden ? cover : Seconds(0.0);
    };
    switch (part) {
      case TrafficPart::kUlyssesQ:
      case TrafficPart::kUlyssesK:
      case TrafficPart::kUlyssesV:
      case TrafficPart::kUlyssesO:
        return if_hidden(assume_.hide_ulysses, compute);
      case TrafficPart::kRingKv:
      case TrafficPart::kRingGradients:
        return if_hidden(assume_.hide_ring, RingCover(part));
      case TrafficPart::kTensor:
        return if_hidden(assume_.hide_tensor, compute);
      case TrafficPart::kExpertDispatch:
      case TrafficPart::kExpertCombine:
        return if_hidden(assume_.hide_experts, compute);
      case TrafficPart::kPipeline:
        return if_hidden(assume_.hide_pipeline, compute);
      case TrafficPart::kParameters:
        return if_hidden(assume_.hide_parameters, compute);
      case TrafficPart::kGradients:
        return if_hidden(assume_.hide_gradients, compute);
    }
    return 0.0;
  }

  // Keys and values share the attention of all passes with the gradients, which
  // travel in the backward pass: split in proportion to the bytes.
  Seconds RingCover(TrafficPart part) const {
    if (!cost_.attention) return std::nullopt;
    const double all = traffic_.RingPerLayer().Sum();
    if (all == 0) return 0.0;
    const double blocks = (strategy_.ring - 1.0) / strategy_.ring;
    return *cost_.attention * blocks * traffic_.Of(part).once.Sum() / all;
  }

  void Traffic(TrafficPart part) {
    const size_t p = static_cast<size_t>(part);
    cost_.traffic[p] = Alone(part);
    Seconds cover = Cover(part);
    if (cover && free_) cover = std::min(*cover, *free_);
    cost_.exposed[p] = Uncovered(cost_.traffic[p], cover);
    if (cost_.exposed[p] && free_) {
      *free_ -= *cost_.traffic[p] - *cost_.exposed[p];
    }
  }

  // q, k, v and o as the busiest rank sends and receives them: read, written.
  void Copies() {
    if (strategy_.ulysses == 1 || assume_.copies_per_tensor == 0) {
      cost_.copies = 0.0;
      return;
    }
    if (!hardware_.memory_bytes_per_second) return;
    const double heads =
        2.0 * heads_.most_query_heads + 2.0 * heads_.most_kv_heads;
    const double bytes = static_cast<double>(work_.batch) *
                         static_cast<double>(work_.sequence) / strategy_.ring *
                         heads * model_.head_size * work_.element_bytes;
    const double times = traffic_.Of(TrafficPart::kUlyssesQ).times;
    cost_.copies = Passes() * times * assume_.copies_per_tensor * 2 * bytes /
                   *hardware_.memory_bytes_per_second;
  }

  double Passes() const {
    if (!work_.training) return 1;
    return strategy_.recompute == Recompute::kFull ? 3 : 2;
  }

  // Inputs of layers to the host and back; gradients to the host and parameters
  // back; ZeRO 3 parameters from the host for each pass; chunks of keys and
  // values, each read once per later chunk.
  void Offload() {
    const double bytes = OffloadedBytes();
    if (bytes == 0) {
      cost_.offload = 0.0;
      return;
    }
    if (!hardware_.host_link_bytes_per_second) return;
    const Seconds cover = assume_.hide_offload
                              ? Plus(cost_.attention, cost_.linear)
                              : Seconds(0.0);
    cost_.offload =
        Uncovered(bytes / *hardware_.host_link_bytes_per_second, cover);
  }

  // In one direction: the link is full duplex, so the larger of the two counts.
  double OffloadedBytes() const {
    const double layers = LayersOfStage(model_, strategy_, 0);
    const double micro = static_cast<double>(work_.micro_batches);
    const double ring_tokens = static_cast<double>(work_.batch) *
                               static_cast<double>(work_.sequence) /
                               strategy_.ring;
    const double data = static_cast<double>(strategy_.data_parallel) *
                        strategy_.ring * strategy_.ulysses;
    const RankParameters rank =
        ParametersOfRank(CountParameters(model_), model_, strategy_, 0);
    const double shard = (rank.shared + rank.experts) / data;
    double bytes = 0;
    if (work_.training && strategy_.offload_checkpoints &&
        strategy_.recompute == Recompute::kFull) {
      bytes += ring_tokens / strategy_.ulysses / strategy_.tensor *
               static_cast<double>(model_.hidden) * work_.element_bytes *
               layers * micro;
    }
    if (work_.training && strategy_.offload_optimizer) bytes += 2 * shard;
    if (strategy_.offload_parameters) bytes += 2 * shard * Passes() * micro;
    if (strategy_.attention_chunk > 0) {
      const double chunks = static_cast<double>(work_.sequence) /
                            static_cast<double>(strategy_.attention_chunk);
      const double kv = 2 * ring_tokens * heads_.most_kv_heads *
                        model_.head_size * work_.element_bytes;
      if (chunks > 2) {
        bytes += kv * (chunks - 1) / 2 * Passes() * layers * micro;
      }
    }
    return bytes;
  }

  void Sum() {
    Seconds sum = Plus(cost_.attention, cost_.linear);
    for (const Seconds& part : cost_.exposed) sum = Plus(sum, part);
    sum = Plus(sum, Plus(cost_.copies, cost_.offload));
    if (sum) cost_.step = *sum * (1 + cost_.bubble);
  }

  const ModelDims& model_;
  const Work& work_;
  const Strategy& strategy_;
  const HeadFigures& heads_;
  const FlopCost& flops_;
  const TrafficCost& traffic_;
  const Placement& where_;
  const Hardware& hardware_;
  const TimeAssumptions& assume_;
  Seconds free_;  // compute behind which nothing hides yet
  TimeCost cost_;
};

}  // namespace

TimeCost CostTime(const ModelDims& model, const Work& work,
                  const Strategy& strategy, const HeadFigures& heads,
                  const FlopCost& flops, const TrafficCost& traffic,
                  const Placement& where, const Hardware& hardware,
                  const TimeAssumptions& assumptions) {
  return Timing(model, work, strategy, heads, flops, traffic, where, hardware,
                assumptions)
      .Run();
}

std::vector<std::string> Sentences(const TimeAssumptions& a, const Work& work,
                                   const Strategy& strategy) {
  std::vector<std::string> lines;
  auto say = [&lines](bool hidden, const std::string& what,
                      const std::string& behind) {
    lines.push_back(
        what + (hidden ? " hides behind " + behind + "." : " is not hidden."));
  };
  const std::string compute = "compute";
  if (strategy.ulysses > 1) {
    say(a.hide_ulysses, "The all-to-all of Ulysses", compute);
    lines.push_back("Each tensor of an all-to-all is copied " +
                    std::to_string(a.copies_per_tensor) +
                    " times at memory bandwidth.");
  }
  if (strategy.ring > 1) {
    say(a.hide_ring, "A hop of the ring", "the attention of the hop before it");
    lines.push_back(absl::StrFormat(
        "Attention around a ring has %.4g of the speed of its calls alone.",
        a.ring_attention_speed));
  }
  if (strategy.tensor > 1) {
    say(a.hide_tensor, "Tensor-parallel traffic", compute);
  }
  if (strategy.expert_parallel > 1) {
    say(a.hide_experts, "Dispatch to experts", compute);
  }
  if (strategy.zero_stage > 0) {
    say(a.hide_parameters, "Gathering parameters", compute);
  }
  if (work.training) say(a.hide_gradients, "Reducing gradients", compute);
  if (strategy.pipeline > 1) {
    say(a.hide_pipeline, "Sending to the next stage", compute);
    lines.push_back("The pipeline runs one forward, one backward.");
  }
  if (strategy.offload_checkpoints || strategy.offload_optimizer ||
      strategy.offload_parameters || strategy.attention_chunk > 0) {
    say(a.hide_offload, "Traffic with the host", compute);
  }
  if (strategy.ulysses > 1 || strategy.expert_parallel > 1) {
    lines.push_back(a.nic_sharing == NicSharing::kByLatency
                        ? "Flows share a NIC in inverse proportion to latency."
                        : "The transport keeps uplinks full.");
  }
  lines.push_back("No two hide behind the same second of compute.");
  if (work.training) {
    lines.push_back("The optimizer's own computation is not counted.");
  }
  return lines;
}

}  // namespace ithaca::planner
