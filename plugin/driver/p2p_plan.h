// NCCL's rules for point-to-point traffic over the network: in which order
// peers are served, how a transfer is cut into channels and messages.
//
// Pure functions of their arguments, written from what NCCL 2.28 to 2.30 do
// with one rank per host. Thread-safe.
#ifndef ITHACA_PLUGIN_DRIVER_P2P_PLAN_H_
#define ITHACA_PLUGIN_DRIVER_P2P_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ithaca::driver {

inline constexpr int kSteps = 8;          // NCCL_STEPS
inline constexpr int kSharedSteps = 16;   // slots of one channel's staging
inline constexpr int kMaxGroup = 8;       // receives under one request
inline constexpr int kPeersPerBatch = 8;  // rounds that proceed at once
inline constexpr size_t kLlStepDataBytes = 16 << 10;    // payload of an LL step
inline constexpr size_t kMaxNetSize = size_t{1} << 30;  // one message, at most

struct P2pRound {
  int send_to;
  int recv_from;
};

// Round 0 is the rank itself. In each round the ranks form one permutation: r
// sends to r + d and receives from r - d; d runs through the triangular
// numbers modulo the next power of two, those >= ranks left out.
std::vector<P2pRound> P2pSchedule(int rank, int ranks);

enum class Protocol { kSimple, kLl };

struct P2pTuning {
  size_t chunk_bytes = 128 << 10;  // NCCL_P2P_NET_CHUNKSIZE
  int channels = 2;                // NCCL_NCHANNELS_PER_NET_PEER
  // Transfers up to this many bytes per channel go as LL; 0: none ever.
  size_t ll_threshold_bytes = 16 << 10;  // NCCL_P2P_LL_THRESHOLD
};

// How one transfer between two ranks is cut. Both sides compute the same.
struct TransferShape {
  Protocol protocol;
  int channels;        // in use, 1 to P2pTuning::channels
  size_t chunk_bytes;  // payload of one message, except the last
};
TransferShape ShapeTransfer(size_t bytes, const P2pTuning& tuning);

// The part of a transfer that channel `part` of `parts` carries.
struct PartBounds {
  size_t begin;
  size_t end;
};
PartBounds P2pPart(size_t bytes, int part, int parts);

// Messages that carry `bytes`: one for zero bytes.
uint64_t StepsFor(size_t bytes, size_t chunk_bytes);

// Messages of one connection in flight while `subs` connections share a
// channel's staging: `wanted` of them, or NCCL's rule when `wanted` is 0.
int PipelineDepth(int wanted, int subs);

}  // namespace ithaca::driver

#endif  // ITHACA_PLUGIN_DRIVER_P2P_PLAN_H_
