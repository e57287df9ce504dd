#include "daemon/planner/search/meshes.h"

#include <algorithm>

#include "daemon/planner/search/legal.h"

namespace ithaca::planner {
namespace {

// The values of one axis that divide what is left of the ranks.
std::vector<uint32_t> ValuesOf(bool given, uint32_t value, uint32_t left,
                               uint32_t most) {
  if (given) {
    return left % value == 0 ? std::vector<uint32_t>{value}
                             : std::vector<uint32_t>{};
  }
  std::vector<uint32_t> values = DivisorsOf(left);
  while (values.back() > most) values.pop_back();
  return values;
}

class Enumeration {
 public:
  Enumeration(const Request& request, const MeshBounds& bounds)
      : request_(request), c_(request.constraints), bounds_(bounds) {}

  std::vector<Strategy> Run() {
    const uint32_t heads = request_.model.query_heads();
    for (uint32_t tensor :
         ValuesOf(c_.has_tensor_degree(), c_.tensor_degree(), c_.ranks(),
                  std::min(bounds_.most_tensor, heads))) {
      if (heads % tensor != 0) continue;
      mesh_.tensor = tensor;
      Pipelines(c_.ranks() / tensor);
    }
    return std::move(meshes_);
  }

 private:
  void Pipelines(uint32_t left) {
    const uint32_t most = std::max(1u, request_.model.layers());
    for (uint32_t pipeline :
         ValuesOf(c_.has_pipeline_degree(), c_.pipeline_degree(), left, most)) {
      mesh_.pipeline = pipeline;
      Groups(left / pipeline);
    }
  }

  void Groups(uint32_t left) {
    const uint32_t heads = request_.model.query_heads() / mesh_.tensor;
    for (uint32_t ulysses :
         ValuesOf(c_.has_ulysses_degree(), c_.ulysses_degree(), left, heads)) {
      mesh_.ulysses = ulysses;
      Rings(left / ulysses);
    }
  }

  void Rings(uint32_t left) {
    const uint64_t tokens = request_.workload.sequence_length();
    const auto most =
        static_cast<uint32_t>(std::min<uint64_t>(tokens, UINT32_MAX));
    for (uint32_t ring :
         ValuesOf(c_.has_ring_degree(), c_.ring_degree(), left, most)) {
      if (c_.has_data_parallel_degree() &&
          left / ring != c_.data_parallel_degree()) {
        continue;
      }
      mesh_.ring = ring;
      mesh_.data_parallel = left / ring;
      if (CheckMesh(request_, mesh_) == kNoFault) meshes_.push_back(mesh_);
    }
  }

  const Request& request_;
  const v1::Constraints& c_;
  const MeshBounds bounds_;
  Strategy mesh_;
  std::vector<Strategy> meshes_;
};

}  // namespace

std::vector<uint32_t> DivisorsOf(uint32_t number) {
  std::vector<uint32_t> small;
  std::vector<uint32_t> large;
  for (uint32_t d = 1; uint64_t{d} * d <= number; ++d) {
    if (number % d != 0) continue;
    small.push_back(d);
    if (d != number / d) large.push_back(number / d);
  }
  small.insert(small.end(), large.rbegin(), large.rend());
  return small;
}

Strategy GivenMesh(const v1::Constraints& c) {
  Strategy s;
  if (c.has_data_parallel_degree()) s.data_parallel = c.data_parallel_degree();
  if (c.has_pipeline_degree()) s.pipeline = c.pipeline_degree();
  if (c.has_ring_degree()) s.ring = c.ring_degree();
  if (c.has_tensor_degree()) s.tensor = c.tensor_degree();
  uint64_t left = c.ranks();
  for (uint32_t other : {s.data_parallel, s.pipeline, s.ring, s.tensor}) {
    left /= other;
  }
  s.ulysses = c.has_ulysses_degree()
                  ? c.ulysses_degree()
                  : static_cast<uint32_t>(std::max<uint64_t>(1, left));
  return s;
}

MeshBounds BoundsOf(const Request& request) {
  const Hardware& hardware = request.hardware.figures;
  MeshBounds bounds;
  const uint32_t near = std::max(hardware.accelerators_per_node,
                                 hardware.accelerators_per_nvlink_domain);
  if (near > 1) bounds.most_tensor = near;
  return bounds;
}

std::vector<Strategy> LegalMeshes(const Request& request,
                                  const MeshBounds& bounds) {
  return Enumeration(request, bounds).Run();
}

}  // namespace ithaca::planner
