#include "daemon/planner/cost/traffic.h"

#include <algorithm>

#include "daemon/planner/cost/parameters.h"

namespace ithaca::planner {
namespace {

struct PartRow {
  const char* name;
  Group group;
  bool all_to_all;
};

constexpr PartRow kRows[kTrafficParts] = {
    {"ulysses_q", Group::kUlysses, true},
    {"ulysses_k", Group::kUlysses, true},
    {"ulysses_v", Group::kUlysses, true},
    {"ulysses_o", Group::kUlysses, true},
    {"ring_kv", Group::kRing, false},
    {"ring_gradients", Group::kRing, false},
    {"tensor", Group::kTensor, false},
    {"expert_dispatch", Group::kExpert, true},
    {"expert_combine", Group::kExpert, true},
    {"pipeline", Group::kPipeline, false},
    {"parameters", Group::kData, false},
    {"gradients", Group::kData, false},
};

const PartRow& RowOf(TrafficPart part) {
  return kRows[static_cast<size_t>(part)];
}

// (n - 1) / n of `bytes`: what of it goes to others.
double ToOthers(double bytes, double n) { return bytes * (n - 1) / n; }

class Costing {
 public:
  Costing(const ModelDims& model, const Work& work, const Strategy& strategy,
          const HeadFigures& heads, const Precision& precision)
      : model_(model),
        work_(work),
        strategy_(strategy),
        heads_(heads),
        precision_(precision),
        layers_(LayersOfStage(model, strategy, 0)),
        micro_batches_(static_cast<double>(work.micro_batches)),
        // Elements of one column of the rank's local tensors, in bytes.
        column_(static_cast<double>(work.batch) *
                static_cast<double>(work.sequence) * work.element_bytes /
                strategy.ring / strategy.ulysses) {}

  TrafficCost Run() {
    Ulysses();
    Ring();
    Tensor();
    Experts();
    Pipeline();
    DataParallel();
    return cost_;
  }

 private:
  PassBytes AllPasses(double forward, double backward) const {
    PassBytes bytes;
    bytes.forward = forward;
    if (!work_.training) return bytes;
    bytes.backward = backward;
    if (strategy_.recompute == Recompute::kFull) bytes.recompute = forward;
    return bytes;
  }

  void Set(TrafficPart part, const PassBytes& once, double times,
           double worst = 1) {
    cost_.Of(part) = {once, times, worst};
  }

  void SetPerLayer(TrafficPart part, const PassBytes& once, double worst = 1) {
    Set(part, once, layers_ * micro_batches_, worst);
  }

  void UlyssesTensor(TrafficPart part, double heads, double most) {
    const double sent =
        ToOthers(column_ * model_.head_size * heads, heads_.ranks);
    const double mean = ToOthers(heads, heads_.ranks);
    SetPerLayer(part, AllPasses(sent, sent), mean > 0 ? most / mean : 1);
  }

  void Ulysses() {
    const double query = heads_.query_heads;
    const double kv = heads_.kv_copies;
    UlyssesTensor(TrafficPart::kUlyssesQ, query, heads_.most_query_exchange);
    UlyssesTensor(TrafficPart::kUlyssesK, kv, heads_.most_kv_exchange);
    UlyssesTensor(TrafficPart::kUlyssesV, kv, heads_.most_kv_exchange);
    UlyssesTensor(TrafficPart::kUlyssesO, query, heads_.most_query_exchange);
  }

  // column_ * U / U: a rank has 1 / U of the heads of S / R tokens.
  void Ring() {
    const double ranks = strategy_.ring;
    if (ranks == 1) return;
    const double kv = 2 * column_ * heads_.kv_copies * model_.head_size;
    const double worst = static_cast<double>(heads_.most_kv_heads) *
                         heads_.ranks / heads_.kv_copies;
    SetPerLayer(TrafficPart::kRingKv,
                AllPasses(kv * (ranks - 1), kv * (ranks - 1)), worst);
    const double widen = strategy_.ring_gradients == RingGradients::kFp32
                             ? 4.0 / work_.element_bytes
                             : 1.0;
    PassBytes gradients;
    if (work_.training) gradients.backward = kv * widen * ranks;
    SetPerLayer(TrafficPart::kRingGradients, gradients, worst);
  }

  void Tensor() {
    const double tensor = strategy_.tensor;
    const double one =
        ToOthers(column_ * static_cast<double>(model_.hidden), tensor);
    SetPerLayer(TrafficPart::kTensor, AllPasses(4 * one, 6 * one));
  }

  void Experts() {
    if (model_.experts == 0) return;
    const double sent =
        ToOthers(column_ / strategy_.tensor * model_.experts_per_token *
                     static_cast<double>(model_.hidden),
                 strategy_.expert_parallel);
    const double share = CountParameters(model_).expert_layers / model_.layers;
    const PassBytes once = AllPasses(sent, sent);
    const double times = layers_ * share * micro_batches_;
    Set(TrafficPart::kExpertDispatch, once, times);
    Set(TrafficPart::kExpertCombine, once, times);
  }

  void Pipeline() {
    if (strategy_.pipeline == 1) return;
    PassBytes once;
    once.forward =
        column_ / strategy_.tensor * static_cast<double>(model_.hidden);
    if (work_.training) once.backward = once.forward;
    Set(TrafficPart::kPipeline, once, micro_batches_);
  }

  // What of the rank's parameters goes to others in one reduce-scatter or
  // all-gather over the ranks that hold the same ones: elements per layer, the
  // tables spread over the layers.
  double ParametersToOthers() const {
    const double data = static_cast<double>(strategy_.data_parallel) *
                        strategy_.ring * strategy_.ulysses;
    const RankParameters rank =
        ParametersOfRank(CountParameters(model_), model_, strategy_, 0);
    return (ToOthers(rank.shared, data) +
            ToOthers(rank.experts, data / strategy_.expert_parallel)) /
           layers_;
  }

  void DataParallel() {
    const double elements = ParametersToOthers();
    const uint32_t stage = strategy_.zero_stage;
    const double gather = elements * precision_.parameter_bytes;
    const double reduce = elements * precision_.gradient_wire_bytes;
    PassBytes parameters;
    PassBytes gradients;
    if (stage == 3) parameters.forward = gather;
    if (stage == 3 && work_.training) parameters.backward = gather;
    // Stages 1 and 2 gather once per step, after the update.
    if (stage > 0 && stage < 3 && work_.training) parameters.backward = gather;
    if (work_.training) gradients.backward = stage == 0 ? 2 * reduce : reduce;
    Set(TrafficPart::kParameters, parameters,
        layers_ * (stage == 3 ? micro_batches_ : 1));
    Set(TrafficPart::kGradients, gradients,
        layers_ * (stage >= 2 ? micro_batches_ : 1));
  }

  const ModelDims& model_;
  const Work& work_;
  const Strategy& strategy_;
  const HeadFigures& heads_;
  const Precision& precision_;
  const double layers_;
  const double micro_batches_;
  const double column_;
  TrafficCost cost_;
};

void Add(const PassBytes& part, PassBytes& sum) {
  sum.forward += part.forward;
  sum.backward += part.backward;
  sum.recompute += part.recompute;
}

}  // namespace

const char* NameOf(TrafficPart part) { return RowOf(part).name; }

Group GroupOf(TrafficPart part) { return RowOf(part).group; }

bool IsAllToAll(TrafficPart part) { return RowOf(part).all_to_all; }

PassBytes TrafficCost::UlyssesPerLayer() const {
  PassBytes sum;
  for (TrafficPart part : {TrafficPart::kUlyssesQ, TrafficPart::kUlyssesK,
                           TrafficPart::kUlyssesV, TrafficPart::kUlyssesO}) {
    Add(Of(part).once, sum);
  }
  return sum;
}

PassBytes TrafficCost::RingPerLayer() const {
  PassBytes sum = Of(TrafficPart::kRingKv).once;
  Add(Of(TrafficPart::kRingGradients).once, sum);
  return sum;
}

double TrafficCost::PerStep() const {
  double sum = 0;
  for (const PartTraffic& part : parts) sum += part.PerStep();
  return sum;
}

std::array<double, kLinkClasses> TrafficCost::PerStepByLink(
    const Placement& where) const {
  std::array<double, kLinkClasses> sum{};
  for (size_t p = 0; p < kTrafficParts; ++p) {
    const TrafficPart part = static_cast<TrafficPart>(p);
    const Spread& spread = where.Of(GroupOf(part));
    const LinkShares shares =
        IsAllToAll(part) ? SharesOfAllToAll(spread) : SharesOfRing(spread);
    const double bytes = Of(part).PerStep();
    for (size_t c = 0; c < kLinkClasses; ++c) sum[c] += bytes * shares[c];
  }
  return sum;
}

TrafficCost CostTraffic(const ModelDims& model, const Work& work,
                        const Strategy& strategy, const HeadFigures& heads,
                        const Precision& precision) {
  return Costing(model, work, strategy, heads, precision).Run();
}

PassBytes AllGatherAttention(const ModelDims& model, const Work& work,
                             uint32_t ranks, RingGradients gradients,
                             Recompute recompute) {
  const double elements = 2.0 * static_cast<double>(work.batch) *
                          static_cast<double>(work.sequence) * model.kv_heads *
                          model.head_size / ranks * (ranks - 1);
  PassBytes bytes;
  bytes.forward = elements * work.element_bytes;
  if (!work.training) return bytes;
  // Keys and values again, and the gradients.
  bytes.backward =
      elements *
      (work.element_bytes +
       (gradients == RingGradients::kFp32 ? 4u : work.element_bytes));
  if (recompute == Recompute::kFull) bytes.recompute = bytes.forward;
  return bytes;
}

}  // namespace ithaca::planner
