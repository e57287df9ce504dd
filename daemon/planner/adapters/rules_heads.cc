// Rules about heads.
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/rule_checks.h"
#include "daemon/planner/frameworks/refusals.h"

namespace ithaca::planner {
namespace {

// The numbers that all of these look at; U == 1 where heads are not split or
// the model is not known.
struct Heads {
  explicit Heads(const Subject& subject)
      : limits(LimitsOf(subject.config.engine)),
        tensor(subject.config.strategy.tensor) {
    if (subject.model == nullptr || limits.heads == HeadRule::kNone) return;
    query = subject.model->query_heads;
    kv = subject.model->kv_heads;
    ulysses = subject.config.strategy.ulysses;
    ranks = uint64_t{ulysses} * tensor;
  }
  bool Split() const { return ulysses > 1; }
  bool QueryDivides() const { return query % ranks == 0; }
  bool KvDivides() const { return kv % ranks == 0; }

  const EngineLimits& limits;
  uint32_t tensor;
  uint32_t query = 1;
  uint32_t kv = 1;
  uint32_t ulysses = 1;
  uint64_t ranks = 1;  // over which heads are split: U * T
};

// "8" or "8 x 2 (tensor)".
std::string Ranks(const Heads& h) {
  return h.tensor == 1 ? absl::StrCat(h.ulysses)
                       : absl::StrCat(h.ulysses, " x ", h.tensor, " (tensor)");
}

std::string Lower(const Subject& subject, const Heads& h) {
  const uint32_t largest = LargestUlysses(subject.config.engine, *subject.model,
                                          h.ulysses, h.tensor);
  return absl::StrCat("use ", largest, largest == 1 ? " (none)" : "",
                      ", the largest degree that it can split; Ithaca's own "
                      "exchange splits these heads over any degree up to ",
                      h.query / h.tensor);
}

}  // namespace

MaybeHit MoreRanksThanHeads(const Subject& subject) {
  const Heads h(subject);
  if (!h.Split() || h.ranks <= h.query) return std::nullopt;
  return Hit{DegreeField(subject.config),
             absl::StrCat("splits ", h.query, " query heads over ", Ranks(h),
                          " ranks: some would have none"),
             absl::StrCat(Lower(subject, h),
                          "; beyond that, a ring across Ulysses groups")};
}

MaybeHit HeadsDoNotDivide(const Subject& subject) {
  const Heads h(subject);
  if (!h.Split() || h.ranks > h.query || h.QueryDivides() ||
      h.limits.heads != HeadRule::kRefuses)
    return std::nullopt;
  return Hit{DegreeField(subject.config),
             absl::StrCat(h.limits.name, " needs ", Ranks(h), " to divide the ",
                          h.query, " query heads"),
             Lower(subject, h)};
}

MaybeHit HeadsAreFloored(const Subject& subject) {
  const Heads h(subject);
  if (!h.Split() || h.ranks > h.query || h.query % h.ulysses == 0 ||
      h.limits.heads != HeadRule::kFloors)
    return std::nullopt;
  return Hit{
      DegreeField(subject.config),
      absl::StrCat(h.limits.name, " rounds ", h.query, " heads / ", h.ulysses,
                   " down to ", h.query / h.ulysses, ": ", h.query % h.ulysses,
                   " heads are lost or mixed, without an error"),
      Lower(subject, h)};
}

MaybeHit UnevenHeadsWithGqa(const Subject& subject) {
  const Heads h(subject);
  if (!h.Split() || h.limits.heads != HeadRule::kUnevenMha ||
      h.ranks > h.query || h.query == h.kv)
    return std::nullopt;
  if (h.query % h.ulysses == 0 && h.kv % h.ulysses == 0) return std::nullopt;
  return Hit{DegreeField(subject.config),
             absl::StrCat(h.limits.name, " splits ", h.query, " query and ",
                          h.kv, " key/value heads unevenly over ", h.ulysses,
                          " ranks, which it does only where both are as many"),
             Lower(subject, h)};
}

MaybeHit UnevenHeadsShareOneCount(const Subject& subject) {
  const Heads h(subject);
  if (!h.Split() || h.limits.heads != HeadRule::kUnevenMha || h.tensor == 1 ||
      h.query % h.ulysses == 0)
    return std::nullopt;
  return Hit{
      "tensor_parallel.autotp_size",
      absl::StrCat("the uneven split of ", h.query, " heads over ", h.ulysses,
                   " ranks reads one count per process, "
                   "which automatic tensor parallelism overwrites"),
      "set autotp_size to 0, or take a DeepSpeed with pull request "
      "8316"};
}

MaybeHit UnevenHeadsWaitForAll(const Subject& subject) {
  const Heads h(subject);
  if (!h.Split() || h.limits.heads != HeadRule::kUnevenMha || h.query != h.kv ||
      h.query % h.ulysses == 0 || h.ranks > h.query)
    return std::nullopt;
  const uint32_t most = (h.query + h.ulysses - 1) / h.ulysses;
  return Hit{
      DegreeField(subject.config),
      absl::StrCat("uneven heads: the busiest rank has ", most, " of ", h.query,
                   ", and the exchange is not "
                   "overlapped"),
      absl::StrCat("use ",
                   LargestUlysses(Engine::kAlst, *subject.model, h.ulysses, 1),
                   " for equal shares")};
}

MaybeHit KvHeadsDoNotDivide(const Subject& subject) {
  const Heads h(subject);
  if (!h.Split() || h.limits.kv_heads != KvRule::kRefuses ||
      !h.QueryDivides() || h.KvDivides())
    return std::nullopt;
  return Hit{
      DegreeField(subject.config),
      absl::StrCat(h.limits.name, " needs ", Ranks(h), " to divide the ", h.kv,
                   " key/value heads, and "
                   "makes no copies of them"),
      Lower(subject, h)};
}

MaybeHit KvHeadsNeitherWay(const Subject& subject) {
  const Heads h(subject);
  if (!h.Split() || h.limits.kv_heads != KvRule::kReplicates ||
      !h.QueryDivides() || h.KvDivides() || h.ranks % h.kv == 0)
    return std::nullopt;
  return Hit{DegreeField(subject.config),
             absl::StrCat(h.limits.name, " needs ", Ranks(h),
                          " to divide, or be a multiple of, the ", h.kv,
                          " key/value heads"),
             Lower(subject, h)};
}

MaybeHit KvHeadsAreFloored(const Subject& subject) {
  const Heads h(subject);
  if (!h.Split() || h.limits.kv_heads != KvRule::kFloors ||
      h.kv % h.ulysses == 0 || h.query == h.kv)
    return std::nullopt;
  return Hit{DegreeField(subject.config),
             absl::StrCat(h.limits.name, " rounds ", h.kv,
                          " key/value heads / ", h.ulysses, " down to ",
                          h.kv / h.ulysses, ", without an error"),
             absl::StrCat(Lower(subject, h),
                          "; or repeat the key/value heads before attention")};
}

MaybeHit KvHeadsAreCopied(const Subject& subject) {
  const Heads h(subject);
  if (!h.Split() || h.limits.kv_heads != KvRule::kReplicates ||
      !h.QueryDivides() || h.ranks <= h.kv || h.ranks % h.kv != 0)
    return std::nullopt;
  return Hit{DegreeField(subject.config),
             absl::StrCat("each of the ", h.kv, " key/value heads is copied ",
                          h.ranks / h.kv,
                          " times before the exchange: keys "
                          "and values send ",
                          h.ranks / h.kv, " times the bytes"),
             absl::StrCat("it is right, and cheaper at ", h.kv,
                          " with a ring or more replicas across")};
}

MaybeHit DegreeIsCappedByFramework(const Subject& subject) {
  const Heads h(subject);
  const JobConfig& config = subject.config;
  if (!h.Split() || 2 * h.ranks > h.query ||
      !CanSplitHeads(config.engine, *subject.model, h.ulysses, h.tensor) ||
      CanSplitHeads(config.engine, *subject.model, 2 * h.ulysses, h.tensor))
    return std::nullopt;
  return Hit{DegreeField(config),
             absl::StrCat(h.limits.name, " cannot go beyond ", h.ulysses,
                          " by doubling: it would not split ", h.query,
                          " query and ", h.kv, " key/value heads"),
             absl::StrCat("for longer sequences use a ring across, or "
                          "Ithaca's own exchange, which splits these heads "
                          "over any degree up to ",
                          h.query / h.tensor)};
}

MaybeHit HeadsOfTwoSizes(const Subject& subject) {
  if (!subject.latent_attention || SequenceRanks(subject.config) == 1)
    return std::nullopt;
  return Hit{DegreeField(subject.config),
             "multi-head latent attention has query and value heads of two "
             "sizes, which crash or are not split",
             "use tensor and pipeline parallelism for this model"};
}

MaybeHit SwiftSplitsByItself(const Subject& subject) {
  const Strategy& s = subject.config.strategy;
  if (subject.config.engine != Engine::kSwift || s.ring == 1)
    return std::nullopt;
  return Hit{DegreeField(subject.config),
             absl::StrCat("ms-swift makes of this Ulysses ", s.ulysses,
                          " x ring ", s.ring,
                          ": the greatest common divisor with the query "
                          "heads, the rest in a ring"),
             s.ulysses == 1
                 ? "take a degree that divides the heads, or it is all ring"
                 : "nothing, if that is wanted"};
}

}  // namespace ithaca::planner
