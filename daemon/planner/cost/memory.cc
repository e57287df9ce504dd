#include "daemon/planner/cost/memory.h"

#include <algorithm>
#include <numeric>

#include "daemon/planner/cost/activations.h"
#include "daemon/planner/cost/parameters.h"

namespace ithaca::planner {
namespace {

using Parts = std::array<double, kDeviceParts>;

double& At(Parts& parts, DevicePart part) {
  return parts[static_cast<size_t>(part)];
}

// The memory of a rank of one pipeline stage.
class Counting {
 public:
  Counting(const ModelDims& model, const Work& work, const Strategy& strategy,
           const HeadFigures& heads, const Hardware& hardware,
           const MemoryAssumptions& assume, uint32_t stage)
      : work_(work),
        strategy_(strategy),
        hardware_(hardware),
        assume_(assume),
        stage_(stage),
        data_(static_cast<double>(strategy.data_parallel) * strategy.ring *
              strategy.ulysses),
        layers_(LayersOfStage(model, strategy, stage)),
        in_flight_(static_cast<double>(
            std::min<uint64_t>(strategy.pipeline - stage, work.micro_batches))),
        full_(strategy.recompute == Recompute::kFull),
        parameters_(
            ParametersOfRank(CountParameters(model), model, strategy, stage)),
        a_(CountActivations(model, work, strategy, heads, assume)) {}

  MemoryCost Run() {
    cost_.stage = stage_;
    cost_.all_to_all = a_.all_to_all;
    Static();
    Communication();
    Kept();
    Host();
    if (work_.training) {
      TrainingMoments();
    } else {
      ForwardMoments();
    }
    return cost_;
  }

 private:
  // `elements` of the ranks that share parameters, spread over them.
  double Spread(bool spread) const {
    if (!spread) return parameters_.shared + parameters_.experts;
    return parameters_.shared / data_ +
           parameters_.experts * strategy_.expert_parallel / data_;
  }

  double& Host(HostPart part) {
    return cost_.host_parts[static_cast<size_t>(part)];
  }

  void Static() {
    const Precision& bytes = assume_.precision;
    const uint32_t zero = strategy_.zero_stage;
    const double weights = Spread(zero >= 3) * bytes.parameter_bytes;
    if (zero >= 3) {
      At(static_, DevicePart::kGathered) =
          (assume_.gathered_layers * parameters_.layer +
           parameters_.largest_table) *
          bytes.parameter_bytes;
    }
    if (strategy_.offload_parameters) {
      Host(HostPart::kParameters) = weights;
    } else {
      At(static_, DevicePart::kParameters) = weights;
    }
    if (!work_.training) return;
    const double gradients = Spread(zero >= 2) * bytes.gradient_bytes;
    const double optimizer = Spread(zero >= 1) * bytes.optimizer_bytes;
    if (strategy_.offload_optimizer) {
      Host(HostPart::kOptimizer) = optimizer;
      Host(HostPart::kGradients) = Spread(zero >= 1) * bytes.gradient_bytes;
    } else {
      At(static_, DevicePart::kOptimizer) = optimizer;
    }
    // What accumulates whole gradients keeps them on the accelerator.
    if (!strategy_.offload_optimizer || zero < 2) {
      At(static_, DevicePart::kGradients) = gradients;
    }
    if (zero >= 1) {
      const double bucket = std::min(
          assume_.buckets * static_cast<double>(assume_.bucket_elements),
          parameters_.shared + parameters_.experts);
      At(static_, DevicePart::kBuckets) =
          (bucket + (zero >= 2 ? parameters_.largest_table : 0)) *
          bytes.gradient_wire_bytes;
    }
  }

  void Communication() {
    const double group_buffers =
        static_cast<double>(assume_.nccl_channels) * assume_.nccl_connections *
        static_cast<double>(assume_.nccl_buffer_bytes +
                            assume_.nccl_other_buffer_bytes);
    const double peer_buffers = 2.0 * assume_.nccl_channels_per_peer *
                                static_cast<double>(assume_.nccl_buffer_bytes);
    double bytes = static_cast<double>(assume_.plugin_device_bytes +
                                       assume_.other_device_bytes);
    if (data_ > 1) bytes += group_buffers;
    if (strategy_.tensor > 1) bytes += group_buffers;
    if (data_ * strategy_.tensor * strategy_.pipeline > 1) {
      bytes += group_buffers;
    }
    const double peers =
        (strategy_.ulysses - 1.0) + (strategy_.expert_parallel - 1.0) +
        std::min(strategy_.ring - 1, 2u) + std::min(strategy_.pipeline - 1, 2u);
    bytes += peers * peer_buffers;
    At(static_, DevicePart::kCommunication) = bytes;
    Host(HostPart::kPlugin) =
        peers * assume_.nccl_channels_per_peer *
        static_cast<double>(assume_.plugin_host_bytes_per_connection);
    At(static_, DevicePart::kContext) =
        static_cast<double>(assume_.context_bytes);
  }

  void Kept() {
    if (!work_.training) return;
    const double copies = layers_ * in_flight_;
    if (!full_) {
      const bool scores = strategy_.recompute == Recompute::kNone;
      kept_ = copies * (scores ? a_.Layer() : a_.LayerWithoutScores());
    } else if (strategy_.offload_checkpoints) {
      // The one at work and the one on its way.
      kept_ = std::min(copies, 2.0) * a_.hidden;
      Host(HostPart::kKept) = copies * a_.hidden;
    } else {
      kept_ = copies * a_.hidden;
    }
    Host(HostPart::kChunks) = a_.chunk_host * (full_ ? 1 : copies);
  }

  void Host() {
    for (double& part : cost_.host_parts) {
      part *= hardware_.accelerators_per_node;
    }
    cost_.host =
        std::accumulate(cost_.host_parts.begin(), cost_.host_parts.end(), 0.0);
  }

  // What a moment holds; `freed` of what was kept is gone by then.
  struct Held {
    double freed = 0;
    double layer = 0;
    double mlp = 0;
    double attention = 0;
    double all_to_all = 0;
    double ring = 0;
    double logits = 0;
  };

  void Take(Moment moment, const Held& held) {
    Parts parts = static_;
    At(parts, DevicePart::kKept) = std::max(kept_ - held.freed, 0.0);
    At(parts, DevicePart::kLayer) = held.layer;
    At(parts, DevicePart::kMlp) = held.mlp;
    At(parts, DevicePart::kAttention) = held.attention;
    At(parts, DevicePart::kAllToAll) = held.all_to_all;
    At(parts, DevicePart::kRing) = held.ring;
    At(parts, DevicePart::kLogits) = held.logits;
    const double activations = At(parts, DevicePart::kKept) + held.layer +
                               held.mlp + held.attention + held.all_to_all +
                               held.ring + held.logits;
    At(parts, DevicePart::kFragmentation) = activations * assume_.fragmentation;
    const double sum = std::accumulate(parts.begin(), parts.end(), 0.0);
    cost_.moments[static_cast<size_t>(moment)] = sum;
    if (sum > cost_.device) {
      cost_.device = sum;
      cost_.device_parts = parts;
      cost_.moment = moment;
    }
  }

  // The backward pass of the last layer, part by part from its end. Under full
  // recompute it holds the layer's tensors itself, else they are among what is
  // kept. What has been passed is gone.
  void TrainingMoments() {
    const double scores =
        strategy_.recompute == Recompute::kNone ? 0 : a_.softmax;
    const double inside = a_.q + a_.kv + a_.o;
    const double to_attention = a_.hidden + a_.norm + a_.o_local;
    const double open =
        full_ ? a_.norm + inside + to_attention + a_.dropout : 0;

    Held mlp;
    mlp.layer = open + a_.hidden;
    mlp.mlp = (full_ ? a_.mlp_open : 0) + a_.mlp_work;
    mlp.attention = full_ ? scores : 0;
    Take(Moment::kMlp, mlp);

    Held norm;
    norm.layer = open + 2 * a_.hidden + a_.norm_work;
    norm.attention = full_ ? scores : 0;
    norm.freed = full_ ? 0 : a_.mlp_kept;
    Take(Moment::kNorm, norm);

    Held attention;
    attention.layer = (full_ ? open - to_attention : 0) + a_.hidden + inside;
    attention.attention = a_.attention_work + scores;
    attention.ring = a_.ring;
    attention.freed = full_ ? 0 : a_.mlp_kept + to_attention;
    Take(Moment::kAttention, attention);

    Held exchange;
    exchange.layer = (full_ ? a_.norm : 0) + a_.hidden;
    exchange.all_to_all = a_.all_to_all;
    exchange.freed = full_ ? 0 : a_.LayerWithoutScores() - a_.hidden - a_.norm;
    if (strategy_.ulysses > 1) Take(Moment::kExchange, exchange);

    Held loss;
    loss.logits = a_.logits;
    if (stage_ + 1 == strategy_.pipeline) Take(Moment::kLoss, loss);
  }

  void ForwardMoments() {
    Held mlp;
    mlp.layer = 3 * a_.hidden;
    mlp.mlp = a_.mlp_open + (strategy_.tiled_mlp ? a_.mlp_work : 0);
    Take(Moment::kMlp, mlp);
    Held attention;
    attention.layer = a_.hidden + a_.q + a_.kv + a_.o;
    attention.attention = a_.softmax;
    attention.ring = a_.ring;
    Take(Moment::kAttention, attention);
    Held exchange;
    exchange.layer = 2 * a_.hidden;
    exchange.all_to_all = a_.all_to_all;
    if (strategy_.ulysses > 1) Take(Moment::kExchange, exchange);
  }

  const Work& work_;
  const Strategy& strategy_;
  const Hardware& hardware_;
  const MemoryAssumptions& assume_;
  const uint32_t stage_;
  const double data_;
  const double layers_;
  const double in_flight_;
  const bool full_;
  const RankParameters parameters_;
  const Activations a_;
  Parts static_{};
  double kept_ = 0;
  MemoryCost cost_;
};

void SetMargins(const Hardware& hardware, MemoryCost& cost) {
  double least = 0;  // margin as a share of the limit
  auto consider = [&](Binding which, double limit, double margin) {
    const double share = margin / limit;
    if (cost.tightest != Binding::kNone && share >= least) return;
    cost.tightest = which;
    least = share;
    if (share < 0) cost.binding = which;
  };
  if (hardware.memory_bytes) {
    const double has = static_cast<double>(*hardware.memory_bytes);
    cost.device_margin = has - cost.device;
    consider(Binding::kDevice, has, *cost.device_margin);
  }
  if (hardware.host_memory_bytes) {
    const double has = static_cast<double>(*hardware.host_memory_bytes);
    cost.host_margin = has - cost.host;
    consider(Binding::kHost, has, *cost.host_margin);
  }
}

}  // namespace

MemoryCost CostMemory(const ModelDims& model, const Work& work,
                      const Strategy& strategy, const HeadFigures& heads,
                      const Hardware& hardware,
                      const MemoryAssumptions& assumptions) {
  // The first stage has the most micro-batches in flight, the last the logits.
  MemoryCost cost =
      Counting(model, work, strategy, heads, hardware, assumptions, 0).Run();
  if (strategy.pipeline > 1) {
    const MemoryCost last = Counting(model, work, strategy, heads, hardware,
                                     assumptions, strategy.pipeline - 1)
                                .Run();
    const double host = std::max(cost.host, last.host);
    if (last.device > cost.device) {
      const MemoryCost first = cost;
      cost = last;
      if (first.host > last.host) cost.host_parts = first.host_parts;
    } else if (last.host > cost.host) {
      cost.host_parts = last.host_parts;
    }
    cost.host = host;
  }
  SetMargins(hardware, cost);
  return cost;
}

}  // namespace ithaca::planner
