// The implementations of sequence parallelism that frameworks run, and what
// each can and cannot do: the limits as data.
//
// Used to say whether a framework can run a strategy, and by the adapters to
// find what it would do with a configuration that it cannot run. Source of
// every entry: the implementation itself, in the version that the README
// names. Constants and pure functions; safe from any thread.
#ifndef ITHACA_DAEMON_PLANNER_FRAMEWORKS_ENGINE_H_
#define ITHACA_DAEMON_PLANNER_FRAMEWORKS_ENGINE_H_

#include <cstdint>

#include "daemon/planner/cost/job.h"

namespace ithaca::planner {

// U is the Ulysses degree, R the ring degree, T the tensor-parallel degree.
enum class Engine {
  kDeepSpeedLayer,     // deepspeed.sequence.layer.DistributedAttention
  kFpdt,               // deepspeed.sequence.fpdt_layer
  kAlst,               // deepspeed.runtime.sequence_parallel.ulysses_sp
  kTransformerEngine,  // context parallelism of TransformerEngine
  kTorchRing,          // torch.distributed.tensor.experimental context_parallel
  kTorchUlysses,       // TorchTitan's Ulysses
  kVerl,               // verl.utils.ulysses
  kSwift,              // swift.sequence_parallel
  kYunchang,           // yunchang.LongContextAttention
  kUspServer,          // xDiT and SGLang-diffusion, which do not train
  kVllm,               // ArcticInference on vLLM, which does not train
  kMaxtext,            // context parallelism of MaxText
  kVeomni,             // VeOmni's Ulysses and context parallelism
  kInternevo,          // 2D attention of InternEvo
};
inline constexpr int kEngines = 14;

// What happens where T * U does not divide the query heads.
enum class HeadRule {
  kNone,      // heads are never split
  kRefuses,   // an error at the first step, or before
  kFloors,    // H / U rounded down, without a word
  kUnevenMha  // uneven shares where H = Hkv and H > U, an error elsewhere
};

// What happens where T * U does not divide the key/value heads.
enum class KvRule {
  kNone,
  kRefuses,     // an error
  kFloors,      // Hkv / U rounded down, without a word
  kReplicates,  // copies where U is a multiple of Hkv, an error elsewhere
  kUnevenMha,   // as HeadRule
};

// What happens where the length is not a multiple of what it must be.
enum class LengthRule {
  kUnchecked,  // shares of different lengths meet in one all-to-all
  kRefuses,    // an error
  kPads,       // padding, which is computed and sent
};

// Ulysses and ring at once.
enum class Hybrid { kNone, kUlyssesInside, kRingInside, kEither };

// What a ring takes besides causal and full attention of one document.
struct RingMasks {
  bool window;
  bool documents;
};

struct EngineLimits {
  Engine engine;
  const char* name;
  bool ulysses;   // U > 1
  bool ring;      // R > 1
  Hybrid hybrid;  // U > 1 and R > 1
  bool tensor;    // T > 1 beside U * R > 1
  bool pipeline;  // stages beside U * R > 1
  HeadRule heads;
  KvRule kv_heads;
  LengthRule length;
  TokenOrder ring_order;         // of R > 1
  bool any_order;                // it takes any, ring_order by itself
  RingGradients ring_gradients;  // of R > 1
  RingMasks ring_masks;          // of R > 1
  bool sparse;                   // block-sparse attention
  bool trains;                   // has a backward pass
};

const EngineLimits& LimitsOf(Engine engine);

// What the length of a sequence must be a multiple of: U * R, or 2 * U * R
// where the engine cuts it into twice as many pieces. 1 without sequence
// parallelism.
uint64_t LengthMultiple(Engine engine, const Strategy& strategy);

// The same strategy with every field that has no effect at its default: the
// order of a hybrid that is none, what concerns a ring of one, offloads of
// what is not kept.
Strategy Canonical(Strategy strategy);

// Whether all fields are alike.
bool SameStrategy(const Strategy& a, const Strategy& b);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_FRAMEWORKS_ENGINE_H_
