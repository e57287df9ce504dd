// What a strategy needs of the accelerator's and the host's memory, by part.
//
// Used by the search, by MaxSequence and by explanations. Pure, O(1), allocates
// nothing; any thread. Bytes are doubles.
//
// The peak is the largest of a step's moments. At each of them a rank holds
// what is static, what is kept for the backward pass of all layers, and what
// the layer at work needs: activations.h has the formulas.
#ifndef ITHACA_DAEMON_PLANNER_COST_MEMORY_H_
#define ITHACA_DAEMON_PLANNER_COST_MEMORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/planner/cost/hardware.h"
#include "daemon/planner/cost/heads.h"
#include "daemon/planner/cost/job.h"
#include "daemon/planner/cost/policy.h"

namespace ithaca::planner {

// How the backward pass of attention writes dk and dv where query heads share
// them.
enum class GroupedGradients {
  kInPlace,
  kPerQueryHead,  // for each query head, then summed: FlashAttention 2, SDPA
  kFp32,          // summed in fp32: FlashAttention 3
};

// What is assumed of the framework. The defaults are Hugging Face's modules
// with FlashAttention 2 under DeepSpeed, and Ithaca's exchange.
struct MemoryAssumptions {
  Precision precision;
  // Attention never writes its scores. If false, kNone keeps 5 bytes per score
  // (arXiv 2205.05198), and kSelective and kFull hold one layer's.
  bool fused_attention = true;
  GroupedGradients grouped_gradients = GroupedGradients::kPerQueryHead;
  // k and v are repeated for every query head before attention (SDPA).
  bool expanded_kv = false;
  // Norms keep their input only. If false they keep an fp32 copy of it and the
  // normalised one too.
  bool fused_norm = false;
  // Activation and gate are one kernel: one tensor less is kept.
  bool fused_activation = false;
  // Masks of the two dropouts of a layer, a byte per element.
  bool dropout = false;
  // q, k and v are packed into one buffer and received into one. If false, each
  // tensor exists as input, packed, received and permuted.
  bool fused_pack = true;
  // Kernels index the elements of a tensor with 32 bits, with a sign: no hidden
  // state of a rank has more than 2^31 (MaxSequence alone asks).
  bool index_32_bits = false;

  // Gradients on their way under ZeRO: one bucket filled, one reduced.
  uint64_t bucket_elements = 500'000'000;
  uint32_t buckets = 2;
  uint32_t gathered_layers = 2;                  // ZeRO 3: at work and ahead
  uint64_t loss_tile_bytes = uint64_t{1} << 30;  // tiled loss: fp32 logits
  uint64_t context_bytes = uint64_t{1} << 30;    // the CUDA context
  // NCCL: in each group with collectives, and in the one of all ranks, every
  // channel has a ring's two connections and a tree's six at most; with each
  // peer of an all-to-all some channels of the Simple protocol alone, both
  // ways.
  uint32_t nccl_channels = 16;
  uint32_t nccl_connections = 8;
  uint32_t nccl_channels_per_peer = 2;
  uint64_t nccl_buffer_bytes = uint64_t{4} << 20;        // Simple
  uint64_t nccl_other_buffer_bytes = uint64_t{5} << 20;  // LL and LL128
  // Ithaca's plugin has nothing on the accelerator. On the host a connection
  // over shared memory takes this much (plugin/shm), one over sockets less.
  uint64_t plugin_device_bytes = 0;
  uint64_t plugin_host_bytes_per_connection = uint64_t{276} << 10;
  uint64_t other_device_bytes = 0;  // what else is known to be taken
  // Of activations, lost between allocations.
  double fragmentation = 0.1;
};

// One sentence per assumption, for whoever reads the figures.
std::vector<std::string> Sentences(const MemoryAssumptions& assumptions);

enum class DevicePart {
  kParameters,
  kGathered,  // ZeRO 3: layers and tables gathered for use
  kGradients,
  kBuckets,  // ZeRO: gradients on their way
  kOptimizer,
  kKept,       // activations or layer inputs that wait for the backward pass
  kLayer,      // of the layer at work
  kMlp,        // its feed-forward block, experts included
  kAttention,  // workspace of attention
  kAllToAll,   // q, k, v on their way: inputs, packed, received
  kRing,       // keys, values and their gradients on their way
  kLogits,     // logits and loss
  kCommunication,  // NCCL and plugin
  kContext,
  kFragmentation,
};
inline constexpr size_t kDeviceParts = 15;

enum class HostPart {
  kParameters,
  kGradients,
  kOptimizer,
  kKept,
  kChunks,
  kPlugin
};
inline constexpr size_t kHostParts = 6;

const char* NameOf(DevicePart part);
const char* NameOf(HostPart part);

// When in a step the peak is.
enum class Moment {
  kMlp,  // backward; forward when there is no training
  kNorm,
  kAttention,
  kExchange,  // the all-to-all of q, k, v, or of their gradients
  kLoss,
};
inline constexpr size_t kMoments = 5;
const char* NameOf(Moment moment);

enum class Binding { kNone, kDevice, kHost, kIndex };
const char* NameOf(Binding binding);

struct MemoryCost {
  // Of the fullest rank, at `moment`; they sum to `device`.
  std::array<double, kDeviceParts> device_parts{};
  double device = 0;
  Moment moment = Moment::kMlp;
  uint32_t stage = 0;                      // the pipeline stage of that rank
  std::array<double, kMoments> moments{};  // the peak of each, fragmentation in
  // What the all-to-all of q, k and v needs for itself, whether or not it is
  // the peak.
  double all_to_all = 0;
  // Of one node with accelerators_per_node ranks; they sum to `host`.
  std::array<double, kHostParts> host_parts{};
  double host = 0;
  // Free, or below 0 missing; absent when the hardware does not say.
  std::optional<double> device_margin;
  std::optional<double> host_margin;
  // What does not fit (the one with less room, as a share), or kNone.
  Binding binding = Binding::kNone;
  // The one of the two with less room, as a share, whether or not it fits;
  // kNone when neither limit is known.
  Binding tightest = Binding::kNone;

  double Of(DevicePart part) const {
    return device_parts[static_cast<size_t>(part)];
  }
  double Of(HostPart part) const {
    return host_parts[static_cast<size_t>(part)];
  }
};

// REQUIRES: the comments of job.h hold, `heads` is FiguresOfHeads of the same
// model and degrees.
MemoryCost CostMemory(const ModelDims& model, const Work& work,
                      const Strategy& strategy, const HeadFigures& heads,
                      const Hardware& hardware,
                      const MemoryAssumptions& assumptions = {});

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_MEMORY_H_
