// Bounds on what the planner takes. They are far above any model or cluster
// that exists, and low enough that no request costs more than milliseconds.
//
// Used by every file of the planner. Constants only.
#ifndef ITHACA_DAEMON_PLANNER_LIMITS_H_
#define ITHACA_DAEMON_PLANNER_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace ithaca::planner {

inline constexpr uint32_t kMaxQueryHeads = 1024;
inline constexpr uint32_t kMaxHeadSize = 65536;
inline constexpr uint32_t kMaxHiddenSize = 1u << 24;
inline constexpr uint32_t kMaxLayers = 1u << 16;
inline constexpr uint32_t kMaxIntermediateSize = 1u << 28;
inline constexpr uint32_t kMaxVocabularySize = 1u << 28;
inline constexpr uint64_t kMaxSequenceLength = uint64_t{1} << 40;
inline constexpr uint32_t kMaxBatch = 1u << 20;
inline constexpr uint64_t kMaxGlobalBatch = uint64_t{1} << 40;
inline constexpr uint64_t kMaxDocuments = 65536;
inline constexpr uint32_t kMaxExperts = 65536;
inline constexpr uint32_t kMaxRanks = 65536;

// Ranks up to which a plan has full detail unless told otherwise.
inline constexpr uint32_t kFullDetailRanks = 1024;

// Token ranges of all ring parts of a packed sequence together.
inline constexpr uint64_t kMaxTokenRuns = uint64_t{1} << 18;

// Entries of one exchange list over all ranks of a plan with full detail.
inline constexpr uint64_t kMaxExchangeEntries = uint64_t{1} << 20;

// Bytes of a Hugging Face config.json, and how deep it may nest.
inline constexpr size_t kMaxConfigBytes = size_t{1} << 20;
inline constexpr int kMaxConfigDepth = 64;

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_LIMITS_H_
