// The job whose bytes, operations, memory and time are computed: the shape of
// the model, what it is run on, and how it is spread.
//
// Plain values, used by the cost functions beside it, by the search over
// strategies and by the readers of frameworks' configurations. No protobuf, so
// that sixteen thousand candidates cost nothing. Whoever fills one in checks
// it: the functions that take one require what the comments here say.
#ifndef ITHACA_DAEMON_PLANNER_COST_JOB_H_
#define ITHACA_DAEMON_PLANNER_COST_JOB_H_

#include <cstdint>
#include <vector>

namespace ithaca::planner {

// The shape of a transformer. Sizes are in elements.
struct ModelDims {
  uint64_t hidden = 0;           // h, width of the residual stream; >= 1
  uint32_t query_heads = 0;      // H; >= 1
  uint32_t kv_heads = 0;         // Hkv; divides query_heads
  uint32_t head_size = 0;        // d; >= 1. H * d need not be h
  uint32_t layers = 0;           // L; >= 1
  uint64_t intermediate = 0;     // f, width of the feed-forward block; >= 1
  uint64_t vocabulary = 0;       // V; >= 1
  uint32_t mlp_matrices = 3;     // 3 with a gate (SwiGLU), 2 without
  bool tied_embeddings = false;  // input and output embedding are one matrix

  // Mixture of experts. experts == 0: a dense model.
  uint32_t experts = 0;              // in each such layer
  uint32_t experts_per_token = 0;    // of them, that one token visits
  uint64_t expert_intermediate = 0;  // width of one expert
  uint32_t shared_experts = 0;       // visited by every token
  uint32_t dense_layers = 0;         // layers without experts, of `layers`
};

// Which key each query may see.
enum class AttentionMask {
  kFull,
  kCausal,
  kSlidingWindow,  // causal, the last `window` tokens, itself included
  kBlockSparse,    // a share `density` of the pairs that kFull has
};

// What is run. Tokens, unless it says otherwise.
struct Work {
  uint64_t sequence = 0;       // S, of one (packed) sequence; >= 1
  uint64_t batch = 1;          // sequences of one micro-batch; >= 1
  uint64_t micro_batches = 1;  // per step and data-parallel replica; >= 1
  uint32_t element_bytes = 2;  // of activations and of the wire: 1, 2 or 4
  AttentionMask mask = AttentionMask::kCausal;
  uint64_t window = 0;   // kSlidingWindow: >= 1
  double density = 1.0;  // kBlockSparse: in (0, 1]
  // Lengths of the packed documents; they sum to `sequence`. Empty: one.
  std::vector<uint64_t> documents;
  bool training = true;  // false: forward only
};

// What is kept for the backward pass.
enum class Recompute {
  kNone,       // every activation
  kSelective,  // all but the inside of attention
  kFull,       // the input of each layer
};

// Which of the two is inside, on neighbouring ranks.
enum class HybridOrder { kUlyssesInside, kRingInside };

// How tokens are spread over the ring.
enum class TokenOrder { kContiguous, kZigzag, kStriped };

// In what type ring attention sends the gradients of keys and values around.
enum class RingGradients { kFp32, kElement };

// How a job is spread. Every degree is at least 1, and their product,
// expert_parallel aside, is the number of ranks.
struct Strategy {
  uint32_t data_parallel = 1;
  uint32_t pipeline = 1;
  uint32_t ring = 1;     // R
  uint32_t ulysses = 1;  // U
  uint32_t tensor = 1;   // T, with Megatron's sequence parallelism
  // Ranks, out of data_parallel * ring * ulysses, that share one set of
  // experts; divides that product and ModelDims::experts.
  uint32_t expert_parallel = 1;

  HybridOrder hybrid_order = HybridOrder::kUlyssesInside;
  TokenOrder token_order = TokenOrder::kContiguous;
  RingGradients ring_gradients = RingGradients::kFp32;

  // ZeRO: 0 none, 1 optimizer states, 2 and gradients, 3 and parameters, over
  // data_parallel * ring * ulysses ranks.
  uint32_t zero_stage = 0;
  Recompute recompute = Recompute::kNone;
  bool offload_optimizer = false;    // states and update on the host
  bool offload_parameters = false;   // ZeRO 3: parameters on the host
  bool offload_checkpoints = false;  // kFull: the kept inputs on the host
  bool tiled_mlp = false;   // the feed-forward block in tiles of tokens
  bool tiled_loss = false;  // logits and loss in tiles of tokens
  // Tokens of one chunk (over all ranks) of attention in chunks with keys and
  // values on the host (FPDT). 0: not chunked.
  uint64_t attention_chunk = 0;
};

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_COST_JOB_H_
