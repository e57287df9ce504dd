#include "daemon/planner/search/framework_rules.h"

#include "daemon/planner/mesh.h"

namespace ithaca::planner {
namespace {

// What the rules ask, worked out once.
struct Facts {
  uint32_t ulysses, ring, tensor, pipeline;
  bool even_query;    // every rank has as many query heads
  bool even_kv;       // and as many key/value heads, each on one rank
  bool copied_kv;     // or one, each on as many ranks
  bool whole_kv;      // the tensor degree divides the key/value heads
  bool equal_tokens;  // every rank has as many tokens
  bool equal_pairs;   // and the sequence divides into pairs of pieces
  bool packed_ring, striped_ring, contiguous_ring, window, sparse, chunked;
  bool ring_inside;
};

Facts FactsOf(const Request& request, const Choice& choice) {
  const Strategy& s = choice.strategy;
  const v1::Workload& w = request.workload;
  const v1::Family heads = HeadFamilyOf(request.model, s.tensor, s.ulysses);
  const uint64_t ranks = uint64_t{s.ring} * s.ulysses;
  const bool pad =
      request.constraints.remainder_policy() == v1::REMAINDER_POLICY_PAD;
  Facts f{};
  f.ulysses = s.ulysses;
  f.ring = s.ring;
  f.tensor = s.tensor;
  f.pipeline = s.pipeline;
  f.even_query = heads != v1::FAMILY_ULYSSES_UNEVEN;
  f.even_kv = heads == v1::FAMILY_ULYSSES_EVEN;
  f.copied_kv = heads == v1::FAMILY_ULYSSES_REPLICATED_KV;
  f.whole_kv = request.model.kv_heads() % s.tensor == 0;
  f.equal_tokens = pad || w.sequence_length() % ranks == 0;
  f.equal_pairs = pad || w.sequence_length() % (2 * ranks) == 0;
  f.packed_ring = choice.layout == v1::SEQUENCE_LAYOUT_PACKED;
  f.striped_ring = choice.layout == v1::SEQUENCE_LAYOUT_STRIPED;
  f.contiguous_ring =
      s.ring > 1 && choice.layout == v1::SEQUENCE_LAYOUT_CONTIGUOUS;
  f.window = w.mask() == v1::ATTENTION_MASK_SLIDING_WINDOW;
  f.sparse = w.mask() == v1::ATTENTION_MASK_BLOCK_SPARSE;
  f.chunked = s.attention_chunk > 0;
  f.ring_inside = s.hybrid_order == HybridOrder::kRingInside;
  return f;
}

const char* WhyNotMegatron(const Facts& f) {
  if (!f.even_kv)
    return "Its all-to-all needs query and key/value heads that divide.";
  if (!f.whole_kv) return "Its tensor degree must divide the key/value heads.";
  if (f.ring_inside) return "Its a2a+p2p has Ulysses inside.";
  if (f.striped_ring || f.contiguous_ring)
    return "Its ring is zigzag (DualChunkSwap).";
  if (f.window && f.ring > 1) return "Its ring takes no sliding window.";
  if (f.sparse) return "It has no block-sparse attention.";
  if (f.chunked) return "It does not chunk attention.";
  if (f.ring * f.ulysses > 1 && !f.equal_pairs) {
    return "It needs a multiple of twice the context-parallel degree; pad.";
  }
  return nullptr;
}

const char* WhyNotDeepSpeed(const Facts& f) {
  if (f.ring > 1) return "It has no ring.";
  if (f.tensor > 1 && f.ulysses > 1) {
    return "Its sequence parallelism excludes tensor parallelism.";
  }
  if (f.pipeline > 1 && f.ulysses > 1) {
    return "Its sequence parallelism excludes pipelines.";
  }
  if (!f.even_kv && !f.copied_kv) {
    return "It needs equal query heads, and key/value heads that divide or are "
           "copied evenly.";
  }
  if (!f.equal_tokens) return "It needs equal shares of the sequence; pad.";
  return nullptr;
}

const char* WhyNotYunchang(const Facts& f) {
  if (!f.even_kv) return "It needs query and key/value heads that divide.";
  if (f.packed_ring) return "Its long-context layer takes no packed documents.";
  if (f.chunked) return "It does not chunk attention.";
  if (!f.equal_tokens || (f.ring > 1 && !f.equal_pairs)) {
    return "It needs equal shares of the sequence; pad.";
  }
  return nullptr;
}

const char* WhyNotSwift(const Facts& f) {
  if (f.tensor > 1 || f.pipeline > 1) {
    return "Its sequence parallelism excludes tensor parallelism and "
           "pipelines.";
  }
  if (!f.even_kv) return "It needs query and key/value heads that divide.";
  if (f.ring_inside) return "Its ring goes across Ulysses.";
  if (f.striped_ring || f.contiguous_ring) return "Its ring is zigzag.";
  if (f.chunked) return "It does not chunk attention.";
  if (!f.equal_tokens || (f.ring > 1 && !f.equal_pairs)) {
    return "It needs equal shares of the sequence; pad.";
  }
  return nullptr;
}

const char* WhyNotVeOmni(const Facts& f) {
  if (!f.even_kv && !f.copied_kv) {
    return "It needs equal query heads, and key/value heads that divide or are "
           "copied evenly.";
  }
  if (f.ring > 1 && f.ulysses > 1 && !f.ring_inside) {
    return "Its context-parallel axis is inside Ulysses.";
  }
  if (f.chunked) return "It does not chunk attention.";
  if (!f.equal_tokens) return "It needs equal shares of the sequence; pad.";
  return nullptr;
}

const char* WhyNotAccelerate(const Facts& f) {
  if (f.ring > 1 && f.ulysses > 1) return "It has either sp or cp, not both.";
  if (f.pipeline > 1) return "Its ParallelismConfig has no pipeline.";
  if (f.ring > 1 && !f.equal_pairs) {
    return "It needs equal shares of the sequence; pad.";
  }
  Facts without_ring = f;
  without_ring.ring = 1;
  return WhyNotDeepSpeed(without_ring);
}

const char* WhyNotTorchTitan(const Facts& f) {
  if (f.ulysses > 1) return "It has no Ulysses.";
  if (!f.whole_kv) return "Its tensor degree must divide the key/value heads.";
  if (f.striped_ring || f.packed_ring || f.contiguous_ring) {
    return "Its ring is head-tail (zigzag).";
  }
  if (f.chunked) return "It does not chunk attention.";
  if (f.ring > 1 && !f.equal_pairs) {
    return "It needs equal shares of the sequence; pad.";
  }
  return nullptr;
}

const char* WhyNotInternEvo(const Facts& f) {
  if (!f.even_kv && !f.copied_kv) {
    return "It needs equal query heads, and key/value heads that divide or are "
           "copied evenly.";
  }
  if (f.tensor > 1) return "Its 2D attention excludes tensor parallelism.";
  if (f.striped_ring || f.contiguous_ring) return "Its ring is zigzag.";
  if (f.chunked) return "It does not chunk attention.";
  if (!f.equal_tokens || (f.ring > 1 && !f.equal_pairs)) {
    return "It needs equal shares of the sequence; pad.";
  }
  return nullptr;
}

constexpr v1::MeshAxis kData = v1::MESH_AXIS_DATA_PARALLEL;
constexpr v1::MeshAxis kPipeline = v1::MESH_AXIS_PIPELINE;
constexpr v1::MeshAxis kRing = v1::MESH_AXIS_RING;
constexpr v1::MeshAxis kUlysses = v1::MESH_AXIS_ULYSSES;
constexpr v1::MeshAxis kTensor = v1::MESH_AXIS_TENSOR;

struct Numbering {
  const char* name;
  std::vector<v1::MeshAxis> order;  // outermost first
};

Numbering NumberingOf(v1::Framework framework, bool ring_inside) {
  const std::vector<v1::MeshAxis> plain = {kPipeline, kData, kRing, kUlysses,
                                           kTensor};
  const std::vector<v1::MeshAxis> swapped = {kPipeline, kData, kUlysses, kRing,
                                             kTensor};
  switch (framework) {
    case v1::FRAMEWORK_MEGATRON:
      return {"pp-dp-cp(p2p,a2a)-tp", plain};
    case v1::FRAMEWORK_DEEPSPEED:
      return {"dp-sp", plain};
    case v1::FRAMEWORK_YUNCHANG:
      return ring_inside ? Numbering{"dp-ulysses-ring", swapped}
                         : Numbering{"dp-ring-ulysses", plain};
    case v1::FRAMEWORK_MS_SWIFT:
      return {"data-ring-sequence", plain};
    case v1::FRAMEWORK_VEOMNI:
      return {"pp-dp_replicate-dp_shard-ulysses-cp-tp", swapped};
    case v1::FRAMEWORK_ACCELERATE:
      return {"dp_replicate-dp_shard-cp-sp-tp", plain};
    case v1::FRAMEWORK_TORCHTITAN:
      return {"pp-dp_replicate-dp_shard-cp-tp", plain};
    case v1::FRAMEWORK_INTERNEVO:
      return ring_inside ? Numbering{"pp-dp-head-context", swapped}
                         : Numbering{"pp-dp-context-head (head_first)", plain};
    default:
      return {"", {}};
  }
}

// Whether two orders number the ranks of a mesh alike: axes of degree 1 do not
// count.
bool SameNumbers(const v1::Mesh& mesh, const std::vector<v1::MeshAxis>& a,
                 const google::protobuf::RepeatedField<int>& b) {
  std::vector<int> left;
  std::vector<int> right;
  for (v1::MeshAxis axis : a) {
    if (DegreeOf(mesh, axis) > 1) left.push_back(axis);
  }
  for (int axis : b) {
    if (DegreeOf(mesh, static_cast<v1::MeshAxis>(axis)) > 1) {
      right.push_back(axis);
    }
  }
  return left == right;
}

}  // namespace

const char* FrameworkName(v1::Framework framework) {
  switch (framework) {
    case v1::FRAMEWORK_MEGATRON:
      return "Megatron-LM";
    case v1::FRAMEWORK_DEEPSPEED:
      return "DeepSpeed";
    case v1::FRAMEWORK_YUNCHANG:
      return "yunchang";
    case v1::FRAMEWORK_MS_SWIFT:
      return "ms-swift";
    case v1::FRAMEWORK_VEOMNI:
      return "VeOmni";
    case v1::FRAMEWORK_ACCELERATE:
      return "accelerate";
    case v1::FRAMEWORK_TORCHTITAN:
      return "TorchTitan";
    case v1::FRAMEWORK_INTERNEVO:
      return "InternEvo";
    default:
      return "unknown";
  }
}

const char* WhyFrameworkCannot(v1::Framework framework, const Request& request,
                               const Choice& choice) {
  const Facts facts = FactsOf(request, choice);
  switch (framework) {
    case v1::FRAMEWORK_MEGATRON:
      return WhyNotMegatron(facts);
    case v1::FRAMEWORK_DEEPSPEED:
      return WhyNotDeepSpeed(facts);
    case v1::FRAMEWORK_YUNCHANG:
      return WhyNotYunchang(facts);
    case v1::FRAMEWORK_MS_SWIFT:
      return WhyNotSwift(facts);
    case v1::FRAMEWORK_VEOMNI:
      return WhyNotVeOmni(facts);
    case v1::FRAMEWORK_ACCELERATE:
      return WhyNotAccelerate(facts);
    case v1::FRAMEWORK_TORCHTITAN:
      return WhyNotTorchTitan(facts);
    case v1::FRAMEWORK_INTERNEVO:
      return WhyNotInternEvo(facts);
    default:
      return "It is not known.";
  }
}

v1::Framework FirstThatCannot(const Request& request, const Choice& choice) {
  for (int framework : request.constraints.frameworks()) {
    const auto which = static_cast<v1::Framework>(framework);
    if (WhyFrameworkCannot(which, request, choice) != nullptr) return which;
  }
  return v1::FRAMEWORK_UNSPECIFIED;
}

std::vector<v1::FrameworkLayout> FrameworkLayouts(const Request& request,
                                                  const Choice& choice,
                                                  const v1::Plan& plan) {
  std::vector<v1::FrameworkLayout> layouts;
  for (int i = v1::FRAMEWORK_MEGATRON; i <= v1::FRAMEWORK_INTERNEVO; ++i) {
    const auto framework = static_cast<v1::Framework>(i);
    const Numbering numbering = NumberingOf(
        framework, choice.strategy.hybrid_order == HybridOrder::kRingInside);
    v1::FrameworkLayout& layout = layouts.emplace_back();
    layout.set_framework(framework);
    layout.set_order_name(numbering.name);
    for (v1::MeshAxis axis : numbering.order) layout.add_rank_order(axis);
    layout.set_same_numbers(
        SameNumbers(plan.mesh(), numbering.order, plan.rank_order()));
    const char* reason = WhyFrameworkCannot(framework, request, choice);
    layout.set_can_run(reason == nullptr);
    if (reason != nullptr) layout.set_reason(reason);
  }
  return layouts;
}

}  // namespace ithaca::planner
