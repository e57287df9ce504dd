// The functions of the rules: one for each, named as its code.
//
// Used by the table of rules alone. Pure functions.
#ifndef ITHACA_DAEMON_PLANNER_ADAPTERS_RULE_CHECKS_H_
#define ITHACA_DAEMON_PLANNER_ADAPTERS_RULE_CHECKS_H_

#include <optional>
#include <string>

#include "daemon/planner/adapters/rule.h"

namespace ithaca::planner {

using MaybeHit = std::optional<Hit>;

// The setting that holds the degree of sequence parallelism.
std::string DegreeField(const JobConfig& config);
// U * R.
uint64_t SequenceRanks(const JobConfig& config);

// rules_heads.cc
MaybeHit MoreRanksThanHeads(const Subject& subject);
MaybeHit HeadsDoNotDivide(const Subject& subject);
MaybeHit HeadsAreFloored(const Subject& subject);
MaybeHit UnevenHeadsWithGqa(const Subject& subject);
MaybeHit UnevenHeadsShareOneCount(const Subject& subject);
MaybeHit UnevenHeadsWaitForAll(const Subject& subject);
MaybeHit KvHeadsDoNotDivide(const Subject& subject);
MaybeHit KvHeadsNeitherWay(const Subject& subject);
MaybeHit KvHeadsAreFloored(const Subject& subject);
MaybeHit KvHeadsAreCopied(const Subject& subject);
MaybeHit DegreeIsCappedByFramework(const Subject& subject);
MaybeHit HeadsOfTwoSizes(const Subject& subject);
MaybeHit SwiftSplitsByItself(const Subject& subject);

// rules_length.cc
MaybeHit SequenceSilentlyWrong(const Subject& subject);
MaybeHit SequenceDoesNotDivide(const Subject& subject);
MaybeHit SequenceIsPadded(const Subject& subject);
MaybeHit ChunkDoesNotDivide(const Subject& subject);
MaybeHit MaxNumSeqsDoesNotDivide(const Subject& subject);
MaybeHit FixedLengthMissing(const Subject& subject);
MaybeHit FixedLengthDiffers(const Subject& subject);
MaybeHit TokenBudgetTooSmall(const Subject& subject);
MaybeHit TokenBudgetIsMultiplied(const Subject& subject);
MaybeHit DocumentsDoNotDivide(const Subject& subject);

// rules_context.cc
MaybeHit HierarchicalSizesMissing(const Subject& subject);
MaybeHit HierarchicalSizesMismatch(const Subject& subject);
MaybeHit HierarchicalSizesUnused(const Subject& subject);
MaybeHit ContextSettingUnused(const Subject& subject);
MaybeHit CommTypePerLayerCount(const Subject& subject);
MaybeHit WindowWithRing(const Subject& subject);
MaybeHit SoftmaxSinksWithRing(const Subject& subject);
MaybeHit Fp8CustomRecipe(const Subject& subject);
MaybeHit DynamicContextConflict(const Subject& subject);
MaybeHit SpAndCpTogether(const Subject& subject);
MaybeHit RingMiscomputes(const Subject& subject);
MaybeHit RingGradientError(const Subject& subject);
MaybeHit RingNeedsPaddingFree(const Subject& subject);
MaybeHit UlyssesNeedsNewTorchtitan(const Subject& subject);

// rules_run.cc
MaybeHit BatchSecondLayout(const Subject& subject);
MaybeHit MeshIsNotMade(const Subject& subject);
MaybeHit IgnoredByModel(const Subject& subject);
MaybeHit NeedsRemovePadding(const Subject& subject);
MaybeHit PackedWithoutFlash(const Subject& subject);
MaybeHit AttentionWithoutPositions(const Subject& subject);
MaybeHit MeanOfUnequalShares(const Subject& subject);
MaybeHit DropoutUnsupported(const Subject& subject);
MaybeHit GradientsInFp32(const Subject& subject);
MaybeHit ShardingIsOff(const Subject& subject);

// rules_degrees.cc
MaybeHit TensorWithUlysses(const Subject& subject);
MaybeHit PipelineWithUlysses(const Subject& subject);
MaybeHit DegreesDoNotCoverRanks(const Subject& subject);
MaybeHit ExpertsDoNotDivide(const Subject& subject);
MaybeHit ReplicateWithoutShard(const Subject& subject);
MaybeHit TensorWithoutSequence(const Subject& subject);
MaybeHit UlyssesAcrossNodes(const Subject& subject);
MaybeHit UlyssesOutside(const Subject& subject);
MaybeHit RingSendsLess(const Subject& subject);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_ADAPTERS_RULE_CHECKS_H_
