#include "daemon/planner/adapters/mesh_words.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ithaca::planner {
namespace {

// Ulysses and ring, whichever is outside first.
std::vector<MeshDimension> BothOf(const Strategy& s, const char* ulysses,
                                  const char* ring) {
  if (s.hybrid_order == HybridOrder::kUlyssesInside)
    return {{ring, s.ring}, {ulysses, s.ulysses}};
  return {{ulysses, s.ulysses}, {ring, s.ring}};
}

std::vector<MeshDimension> Joined(std::vector<MeshDimension> outer,
                                  const std::vector<MeshDimension>& inner) {
  outer.insert(outer.end(), inner.begin(), inner.end());
  return outer;
}

}  // namespace

std::vector<MeshDimension> MeshOf(Framework framework, const Strategy& s) {
  switch (framework) {
    case Framework::kDeepSpeed:
    case Framework::kAlst:
      return {{"data_parallel", s.data_parallel},
              {"sequence_parallel", s.ulysses},
              {"tensor_parallel", s.tensor}};
    case Framework::kMegatron:
      // The string "tp-cp-ep-dp-pp" has the innermost first.
      return {{"pp", s.pipeline},
              {"dp", s.data_parallel},
              {"cp_p2p", s.ring},
              {"cp_a2a", s.ulysses},
              {"tp", s.tensor}};
    case Framework::kAccelerate:
      return {{"dp_shard", s.data_parallel},
              {"cp", s.ring},
              {"sp", s.ulysses},
              {"tp", s.tensor}};
    case Framework::kTorchtitan:
      return {{"pp", s.pipeline},
              {"dp_shard", s.data_parallel},
              {"cp", s.ring * s.ulysses},
              {"tp", s.tensor}};
    case Framework::kVerl:
      return {{"dp", s.data_parallel}, {"sp", s.ulysses}};
    case Framework::kSwift:
      return {
          {"data", s.data_parallel}, {"ring", s.ring}, {"sequence", s.ulysses}};
    case Framework::kYunchang:
      return Joined({{"pp", s.pipeline}, {"dp", s.data_parallel}},
                    Joined(BothOf(s, "ulysses", "ring"), {{"tp", s.tensor}}));
    case Framework::kXdit:
    case Framework::kVllm:
      return {{"dp", s.data_parallel},
              {"pp", s.pipeline},
              {"ring", s.ring},
              {"ulysses", s.ulysses},
              {"tp", s.tensor}};
    case Framework::kMaxtext:
      return {{"stage", s.pipeline},
              {"fsdp", s.data_parallel},
              {"context", s.ring * s.ulysses},
              {"tensor", s.tensor}};
    case Framework::kVeomni:
      return {{"pp", s.pipeline},
              {"dp_shard", s.data_parallel},
              {"ulysses", s.ulysses},
              {"cp", s.ring},
              {"tp", s.tensor}};
    case Framework::kInternevo:
      return Joined({{"pp", s.pipeline}, {"dp", s.data_parallel}},
                    BothOf(s, "head", "context"));
  }
  return {};
}

std::string DeviceMeshCall(const std::vector<MeshDimension>& mesh) {
  std::vector<std::string> sizes;
  std::vector<std::string> names;
  for (const MeshDimension& dimension : mesh) {
    const bool last = &dimension == &mesh.back();
    if (dimension.size == 1 && !(last && sizes.empty())) continue;
    sizes.push_back(absl::StrCat(dimension.size));
    names.push_back(absl::StrCat("\"", dimension.name, "\""));
  }
  const char* comma = sizes.size() == 1 ? "," : "";  // Python's tuple of one
  return absl::StrCat("init_device_mesh(\"cuda\", (",
                      absl::StrJoin(sizes, ", "), comma, "), mesh_dim_names=(",
                      absl::StrJoin(names, ", "), comma, "))");
}

}  // namespace ithaca::planner
