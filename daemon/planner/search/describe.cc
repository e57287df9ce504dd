#include "daemon/planner/search/describe.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ithaca::planner {

std::string Describe(const Strategy& s) {
  std::vector<std::string> parts;
  const struct {
    const char* name;
    uint32_t degree;
  } degrees[] = {{"data parallel", s.data_parallel},
                 {"pipeline", s.pipeline},
                 {"tensor", s.tensor},
                 {"expert parallel", s.expert_parallel}};
  if (s.ulysses > 1 && s.ring > 1) {
    parts.push_back(
        s.hybrid_order == HybridOrder::kRingInside
            ? absl::StrCat("ring ", s.ring, " x Ulysses ", s.ulysses,
                           " (ring inside)")
            : absl::StrCat("Ulysses ", s.ulysses, " x ring ", s.ring));
  } else if (s.ring > 1) {
    parts.push_back(absl::StrCat("ring ", s.ring));
  } else {
    parts.push_back(absl::StrCat("Ulysses ", s.ulysses));
  }
  for (const auto& d : degrees) {
    if (d.degree > 1) parts.push_back(absl::StrCat(d.name, " ", d.degree));
  }
  if (s.zero_stage > 0) parts.push_back(absl::StrCat("ZeRO ", s.zero_stage));
  if (s.recompute == Recompute::kFull) parts.push_back("full recompute");
  if (s.recompute == Recompute::kSelective) {
    parts.push_back("selective recompute");
  }
  const struct {
    const char* name;
    bool set;
  } settings[] = {{"tiled loss", s.tiled_loss},
                  {"tiled MLP", s.tiled_mlp},
                  {"checkpoints on the host", s.offload_checkpoints},
                  {"optimizer on the host", s.offload_optimizer},
                  {"parameters on the host", s.offload_parameters},
                  {"attention in chunks", s.attention_chunk > 0}};
  for (const auto& setting : settings) {
    if (setting.set) parts.push_back(setting.name);
  }
  return absl::StrJoin(parts, ", ");
}

}  // namespace ithaca::planner
