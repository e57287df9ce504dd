#include "daemon/planner/search/answers.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/planner/cost/crossover.h"
#include "daemon/planner/search/describe.h"
#include "daemon/planner/search/framework_rules.h"
#include "daemon/planner/search/nearest.h"
#include "daemon/planner/strategy_message.h"

namespace ithaca::planner {
namespace {

constexpr v1::Family kFamilies[] = {
    v1::FAMILY_ULYSSES_EVEN, v1::FAMILY_ULYSSES_REPLICATED_KV,
    v1::FAMILY_ULYSSES_UNEVEN, v1::FAMILY_RING, v1::FAMILY_ULYSSES_RING};

constexpr double kGib = 1024.0 * 1024 * 1024;

const char* NameOfFamily(v1::Family family) {
  switch (family) {
    case v1::FAMILY_ULYSSES_EVEN:
      return "Ulysses with even heads";
    case v1::FAMILY_ULYSSES_REPLICATED_KV:
      return "Ulysses with copied key/value heads";
    case v1::FAMILY_ULYSSES_UNEVEN:
      return "Ulysses with uneven heads";
    case v1::FAMILY_RING:
      return "Ring attention";
    default:
      return "Ulysses x ring";
  }
}

std::string MemoryReason(const MemoryCost& memory) {
  const bool host = memory.binding == Binding::kHost;
  const double need = host ? memory.host : memory.device;
  const double short_of =
      -(host ? memory.host_margin : memory.device_margin).value_or(0);
  return absl::StrFormat(
      "It needs %.1f GiB of %s, %.1f GiB more than there is.", need / kGib,
      host ? "main memory on one node"
           : "accelerator memory on the fullest rank",
      short_of / kGib);
}

void Add(v1::Family family, const Obstacle& obstacle,
         const std::optional<v1::Constraints>& nearest, const char* lead,
         v1::PlanResponse& response) {
  v1::Rejection* rejection = response.add_rejected();
  rejection->set_family(family);
  rejection->set_code(obstacle.code);
  rejection->set_reason(obstacle.reason);
  if (!nearest) {
    absl::StrAppend(rejection->mutable_reason(), " Nothing near it fits.");
    return;
  }
  *rejection->mutable_nearest_legal() = *nearest;
  const Strategy s = StrategyOf(*nearest);
  absl::StrAppend(rejection->mutable_reason(), " ", lead, " ", nearest->ranks(),
                  nearest->ranks() == 1 ? " rank" : " ranks", " as ",
                  Describe(s), ".");
}

constexpr char kNearest[] = "The nearest that works is";
constexpr char kInstead[] = "What works instead is";

// Why `family`, one of the Ulysses ones, is not what the heads make of the
// mesh.
Obstacle WhyNotUlysses(const Request& request, const Strategy& mesh,
                       v1::Family family) {
  const v1::Family natural =
      HeadFamilyOf(request.model, mesh.tensor, mesh.ulysses);
  const uint32_t heads = request.model.query_heads() / mesh.tensor;
  const uint32_t kv_heads =
      std::max(1u, request.model.kv_heads() / mesh.tensor);
  const uint32_t degree = mesh.ulysses;
  if (natural < family) {
    return {v1::REJECTION_CODE_NOT_NEEDED,
            absl::StrCat("The heads divide over ", degree,
                         " ranks without it, with nothing lost.")};
  }
  if (natural == family) {
    return {v1::REJECTION_CODE_EXCLUDED_BY_CONSTRAINTS,
            absl::StrCat("It works on ", degree,
                         " ranks, but constraints.families leaves it out.")};
  }
  if (heads % degree != 0) {
    return {v1::REJECTION_CODE_HEADS_DO_NOT_DIVIDE,
            absl::StrCat(heads, " query heads do not divide over ", degree,
                         " ranks.")};
  }
  return {v1::REJECTION_CODE_KV_HEADS_DO_NOT_DIVIDE,
          absl::StrCat(kv_heads, " key/value heads ",
                       family == v1::FAMILY_ULYSSES_EVEN
                           ? "do not divide over"
                           : "cannot be copied evenly to",
                       " ", degree, " ranks.")};
}

// Why the degrees that are asked for are not of `family`.
Obstacle WhyNotAtMesh(const Request& request, const Strategy& mesh,
                      v1::Family family) {
  const bool wants_ring = family >= v1::FAMILY_RING;
  const bool wants_ulysses = family != v1::FAMILY_RING;
  if (wants_ring == (mesh.ring > 1)) {
    if (!wants_ring) return WhyNotUlysses(request, mesh, family);
    if (wants_ulysses == (mesh.ulysses > 1)) {
      return {v1::REJECTION_CODE_EXCLUDED_BY_CONSTRAINTS,
              "It works, but constraints.families leaves it out."};
    }
  }
  const char* need = wants_ring && mesh.ring == 1
                         ? " needs a ring degree above 1, which is "
                     : wants_ring ? " needs another Ulysses degree than "
                                  : " has no ring, whose degree is ";
  return {v1::REJECTION_CODE_DEGREE_EXCLUDES_FAMILY,
          absl::StrCat(NameOfFamily(family), need,
                       wants_ring && mesh.ring > 1 ? mesh.ulysses : mesh.ring,
                       " here.")};
}

std::string Compare(const Figures& taken, const Figures& other) {
  if (!other.fits && other.device_bytes) {
    return absl::StrFormat("Its best needs %.1f GiB and does not fit.",
                           *other.device_bytes / kGib);
  }
  if (taken.seconds && other.seconds) {
    return absl::StrFormat(
        "Its best takes %.4g s per sequence instead of %.4g s.", *other.seconds,
        *taken.seconds);
  }
  return absl::StrFormat(
      "Its best sends %.4g GiB per rank and sequence instead of %.4g GiB.",
      other.step_bytes / kGib, taken.step_bytes / kGib);
}

const Candidate* BestOf(v1::Family family,
                        const std::vector<Candidate>& ranked) {
  const auto found =
      std::find_if(ranked.begin(), ranked.end(),
                   [&](const Candidate& c) { return c.family == family; });
  return found == ranked.end() ? nullptr : &*found;
}

bool IsListed(const v1::Constraints& constraints, int family) {
  return std::count(constraints.families().begin(),
                    constraints.families().end(), family) != 0;
}

// The requests' figures when one strategy is asked for by its constraints.
void AddSearched(const Request& request, v1::Family family,
                 const Candidate& best, const Candidate& taken,
                 v1::PlanResponse& response) {
  Obstacle obstacle;
  obstacle.code = best.figures.fits ? v1::REJECTION_CODE_SLOWER
                                    : v1::REJECTION_CODE_DOES_NOT_FIT;
  obstacle.reason = absl::StrCat(Compare(taken.figures, best.figures), " (",
                                 Describe(best.choice.strategy), ")");
  std::optional<v1::Constraints> nearest;
  if (best.figures.fits) {
    nearest = ConstraintsOf(request, best.choice);
  } else {
    nearest = NearestLegal(request, family);
  }
  Add(family, obstacle, nearest, kNearest, response);
}

// The best of `family` where frameworks do not count, which one of them cannot
// run. `best` is the best that all can run, or null.
void AddBlocked(const Request& request, const Candidate& blocked,
                const Candidate* best, const Candidate& taken,
                v1::PlanResponse& response) {
  const v1::Framework framework = FirstThatCannot(request, blocked.choice);
  Obstacle obstacle;
  obstacle.code = v1::REJECTION_CODE_FRAMEWORK_CANNOT_RUN;
  obstacle.reason =
      absl::StrCat(WhyFrameworkCannot(framework, request, blocked.choice), " ",
                   Compare(taken.figures, blocked.figures), " (",
                   Describe(blocked.choice.strategy), ")");
  Add(blocked.family, obstacle,
      best != nullptr && best->figures.fits
          ? ConstraintsOf(request, best->choice)
          : NearestLegal(request, blocked.family),
      kNearest, response);
}

// Whether what frameworks keep from being taken is to be told.
bool IsBlocked(const Request& request, const Candidate* any,
               const Candidate* best, const Candidate& taken) {
  return any != nullptr && (best == nullptr || RanksBefore(*any, taken)) &&
         FirstThatCannot(request, any->choice) != v1::FRAMEWORK_UNSPECIFIED;
}

}  // namespace

Obstacle ObstacleOf(const Request& request, const Choice& choice,
                    Evaluator& evaluator) {
  const Strategy& s = choice.strategy;
  if (const Fault fault = CheckMesh(request, s); fault != kNoFault) {
    return {fault, MeshReason(request, s, fault)};
  }
  if (CheckSettings(request, choice) != kNoFault) {
    return {v1::REJECTION_CODE_SETTINGS_CONFLICT,
            SettingsReason(request, choice)};
  }
  if (const v1::Framework framework = FirstThatCannot(request, choice);
      framework != v1::FRAMEWORK_UNSPECIFIED) {
    return {v1::REJECTION_CODE_FRAMEWORK_CANNOT_RUN,
            WhyFrameworkCannot(framework, request, choice)};
  }
  if (!evaluator.Fits(choice)) {
    return {v1::REJECTION_CODE_DOES_NOT_FIT,
            MemoryReason(*evaluator.Memory(choice))};
  }
  return {};
}

void RejectAll(const Request& request, const Obstacle& obstacle,
               v1::PlanResponse& response) {
  Add(v1::FAMILY_UNSPECIFIED, obstacle,
      NearestLegal(request, v1::FAMILY_UNSPECIFIED), kNearest, response);
}

void RejectOthers(const Request& request, const Strategy& mesh,
                  const Candidate* taken, const std::vector<Candidate>& others,
                  const std::vector<Candidate>& any,
                  v1::PlanResponse& response) {
  for (v1::Family family : kFamilies) {
    const Candidate* best = BestOf(family, others);
    if (const Candidate* blocked = BestOf(family, any);
        taken != nullptr && IsBlocked(request, blocked, best, *taken)) {
      AddBlocked(request, *blocked, best, *taken, response);
      continue;
    }
    if (taken != nullptr && family == taken->family) continue;
    if (taken != nullptr && best != nullptr) {
      AddSearched(request, family, *best, *taken, response);
      continue;
    }
    const Obstacle obstacle = WhyNotAtMesh(
        request, taken == nullptr ? mesh : taken->choice.strategy, family);
    // What the job can run already is the nearest to a family that it does not
    // need; to any other it is the nearest within that family.
    const bool needed = obstacle.code != v1::REJECTION_CODE_NOT_NEEDED;
    std::optional<v1::Constraints> nearest;
    if (needed || taken == nullptr) {
      nearest = NearestLegal(request, needed ? family : v1::FAMILY_UNSPECIFIED);
    } else {
      nearest = ConstraintsOf(request, taken->choice);
    }
    Add(family, obstacle, nearest, needed ? kNearest : kInstead, response);
  }
  if (taken != nullptr) return;
  std::stable_partition(
      response.mutable_rejected()->begin(), response.mutable_rejected()->end(),
      [&](const v1::Rejection& rejection) {
        return IsListed(request.constraints, rejection.family());
      });
}

void AddAlternatives(const Request& request,
                     const std::vector<Candidate>& ranked,
                     v1::PlanResponse& response) {
  for (size_t i = 1; i < ranked.size() && i <= request.max_alternatives; ++i) {
    const Candidate& c = ranked[i];
    v1::Alternative& a = *response.add_alternatives();
    a.set_family(c.family);
    *a.mutable_mesh() = MeshMessage(c.choice.strategy);
    *a.mutable_strategy() = StrategyMessage(c.choice.strategy);
    a.set_sequence_layout(c.choice.layout);
    if (c.figures.seconds) a.set_seconds_per_sequence(*c.figures.seconds);
    if (c.figures.device_bytes) {
      a.set_device_bytes(static_cast<uint64_t>(*c.figures.device_bytes));
    }
    a.set_bytes_per_layer(c.figures.layer_bytes);
    a.set_fits(c.figures.fits);
    a.set_why_not(Compare(ranked[0].figures, c.figures));
    *a.mutable_constraints() = ConstraintsOf(request, c.choice);
  }
}

void AddCrossovers(const Request& request, Evaluator& evaluator,
                   v1::PlanResponse& response) {
  const bool training = request.workload.mode() == v1::MODE_TRAINING;
  const uint32_t heads = request.model.query_heads();
  for (RingGradients gradients :
       {RingGradients::kFp32, RingGradients::kElement}) {
    if (!training && gradients == RingGradients::kElement) break;
    const Crossover found =
        RingAgainstUlysses(evaluator.dims(), evaluator.WorkFor(1), gradients,
                           std::min(heads, 64u));
    v1::Crossover& crossover = *response.add_crossovers();
    crossover.set_better_above(v1::FAMILY_ULYSSES_EVEN);
    crossover.set_better_below(v1::FAMILY_RING);
    const uint32_t border = found.ring_up_to + 1;
    const bool always = heads > 1 && found.ring_up_to >= std::min(heads, 64u);
    crossover.set_degree(always ? 0 : found.ring_up_to == 1 ? 1 : border);
    const char* what =
        !training ? "forward"
        : gradients == RingGradients::kFp32
            ? "forward and backward with gradients in fp32"
            : "forward and backward with gradients in the type of the elements";
    crossover.set_text(
        always ? absl::StrCat("A ring sends fewer bytes than Ulysses (", what,
                              ") at every degree up to ", found.ring_up_to, ".")
        : found.ring_up_to == 1
            ? absl::StrCat("Ulysses never sends more bytes than a ring (", what,
                           ").")
            : absl::StrCat("A ring sends fewer bytes than Ulysses (", what,
                           ") below P = ", border,
                           found.equal_next ? ", and as many there." : "."));
  }
}

}  // namespace ithaca::planner
