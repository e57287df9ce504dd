#include "daemon/planner/search/search.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <tuple>

#include "daemon/planner/search/framework_rules.h"
#include "daemon/planner/search/meshes.h"
#include "daemon/planner/search/settings.h"

namespace ithaca::planner {
namespace {

// Positive numbers that share their exponent and the first 7 bits behind it:
// at most 0.8 % apart.
uint64_t Bucket(double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits >> (52 - 7);
}

double SecondsOf(const Candidate& c) {
  return c.figures.seconds.value_or(std::numeric_limits<double>::max());
}

auto Degrees(const Candidate& c) {
  const Strategy& s = c.choice.strategy;
  return std::make_tuple(s.tensor, s.pipeline, s.ring, s.ulysses,
                         s.data_parallel, s.expert_parallel,
                         static_cast<int>(s.hybrid_order));
}

auto Settings(const Candidate& c) {
  const Strategy& s = c.choice.strategy;
  return std::make_tuple(s.zero_stage, static_cast<int>(s.recompute),
                         s.offload_optimizer, s.offload_parameters,
                         s.offload_checkpoints, s.tiled_mlp, s.tiled_loss,
                         s.attention_chunk, static_cast<int>(c.choice.layout));
}

class Search {
 public:
  Search(const Request& request, Evaluator& evaluator)
      : request_(request), evaluator_(evaluator) {}

  SearchResult Run() {
    const std::vector<Strategy> meshes =
        LegalMeshes(request_, BoundsOf(request_));
    result_.fault = v1::REJECTION_CODE_MESH_DOES_NOT_COVER_RANKS;
    for (const Strategy& mesh : meshes) LookAtMesh(mesh);
    std::sort(result_.ranked.begin(), result_.ranked.end(), RanksBefore);
    return std::move(result_);
  }

 private:
  // Remembers the rule that came furthest, in the order of the calls.
  void StoppedBy(Fault fault, int depth) {
    if (depth < depth_) return;
    depth_ = depth;
    result_.fault = fault;
  }

  void LookAtMesh(const Strategy& mesh) {
    if (!BytesFit(request_, mesh)) return;
    if (!CanRunFamily(request_.constraints, request_.model, mesh)) {
      StoppedBy(v1::REJECTION_CODE_EXCLUDED_BY_CONSTRAINTS, 1);
      return;
    }
    for (const Choice& shape : OpenShapes(request_, mesh)) {
      if (CheckMesh(request_, shape.strategy) != kNoFault) {
        StoppedBy(v1::REJECTION_CODE_EXPERTS_DO_NOT_DIVIDE, 2);
      } else {
        LookAtShape(shape);
      }
    }
  }

  void LookAtShape(const Choice& shape) {
    for (const std::vector<Choice>& ladder : Ladders(request_, shape)) {
      const Choice* choice = FirstThatFits(ladder, evaluator_);
      if (choice == nullptr) {
        if (CountRefusals(request_, shape) > 0) {
          StoppedBy(v1::REJECTION_CODE_FRAMEWORK_CANNOT_RUN, 3);
        } else {
          StoppedBy(v1::REJECTION_CODE_SETTINGS_CONFLICT, 4);
        }
        continue;
      }
      Candidate candidate;
      candidate.choice = *choice;
      candidate.family = FamilyOf(request_.model, choice->strategy);
      candidate.figures = evaluator_.Evaluate(*choice);
      result_.considered += ladder.size();
      result_.ranked.push_back(candidate);
      // More recompute only costs time where nothing went to the host.
      const Strategy& s = choice->strategy;
      if (candidate.figures.fits && !s.offload_optimizer &&
          !s.offload_parameters) {
        break;
      }
    }
  }

  const Request& request_;
  Evaluator& evaluator_;
  SearchResult result_;
  int depth_ = 0;
};

}  // namespace

bool RanksBefore(const Candidate& a, const Candidate& b) {
  const Figures& x = a.figures;
  const Figures& y = b.figures;
  if (x.fits != y.fits) return x.fits;
  if (!x.fits && x.device_bytes != y.device_bytes) {
    return *x.device_bytes < *y.device_bytes;
  }
  const auto coarse = [](const Candidate& c) {
    return std::make_tuple(Bucket(SecondsOf(c)), Bucket(c.figures.step_bytes),
                           c.figures.complexity);
  };
  if (coarse(a) != coarse(b)) return coarse(a) < coarse(b);
  const auto fine = [](const Candidate& c) {
    return std::make_tuple(SecondsOf(c), c.figures.step_bytes);
  };
  if (fine(a) != fine(b)) return fine(a) < fine(b);
  if (Degrees(a) != Degrees(b)) return Degrees(a) < Degrees(b);
  return Settings(a) < Settings(b);
}

const Choice* FirstThatFits(const std::vector<Choice>& ladder,
                            Evaluator& evaluator) {
  if (ladder.empty()) return nullptr;
  if (evaluator.Fits(ladder.front())) return &ladder.front();
  if (!evaluator.Fits(ladder.back())) return &ladder.back();
  size_t too_low = 0;
  size_t fits = ladder.size() - 1;
  while (fits - too_low > 1) {
    const size_t middle = (too_low + fits) / 2;
    (evaluator.Fits(ladder[middle]) ? fits : too_low) = middle;
  }
  return &ladder[fits];
}

SearchResult SearchAll(const Request& request, Evaluator& evaluator) {
  return Search(request, evaluator).Run();
}

}  // namespace ithaca::planner
