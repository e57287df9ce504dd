#include "daemon/planner/search/framework_rules.h"

#include "absl/strings/str_cat.h"
#include "daemon/planner/frameworks/framework_message.h"
#include "daemon/planner/frameworks/refusals.h"
#include "daemon/planner/mesh.h"
#include "daemon/planner/model_shape.h"
#include "daemon/planner/workload_shape.h"

namespace ithaca::planner {
namespace {

// The length with the padding that the plan will have.
uint64_t PaddedLength(const Request& request, const Choice& choice) {
  const uint64_t length = request.workload.sequence_length();
  if (request.constraints.remainder_policy() != v1::REMAINDER_POLICY_PAD) {
    return length;
  }
  const Strategy& s = choice.strategy;
  const bool pairs = choice.layout == v1::SEQUENCE_LAYOUT_ZIGZAG ||
                     choice.layout == v1::SEQUENCE_LAYOUT_PACKED;
  const uint64_t unit = uint64_t{s.ring} * s.ulysses * (pairs ? 2 : 1);
  return (length + unit - 1) / unit * unit;
}

Demand DemandFor(const Request& request, const Choice& choice,
                 const ModelDims& model) {
  const v1::Workload& w = request.workload;
  Demand demand;
  demand.sequence = request.any_length ? 0 : PaddedLength(request, choice);
  demand.training = w.mode() == v1::MODE_TRAINING;
  demand.mask = MaskOf(w.mask());
  demand.documents = w.cu_seqlens_size() > 2;
  demand.model = &model;
  return demand;
}

int CountFor(v1::Framework message, const Request& request,
             const Choice& choice, const ModelDims& model) {
  const std::optional<Framework> framework = FrameworkOf(message);
  if (!framework) return 1;
  return CountRefusals(*framework, Canonical(choice.strategy),
                       DemandFor(request, choice, model));
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
    case v1::FRAMEWORK_ARCTIC_TRAINING:
    case v1::FRAMEWORK_VERL:
      return {"dp-sp", plain};
    case v1::FRAMEWORK_XDIT:
    case v1::FRAMEWORK_ARCTIC_INFERENCE:
      return {"dp-pp-ring-ulysses-tp",
              {kData, kPipeline, kRing, kUlysses, kTensor}};
    case v1::FRAMEWORK_MAXTEXT:
      return {"stage-fsdp-context-tensor", plain};
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
  const std::optional<Framework> known = FrameworkOf(framework);
  return known ? LimitsOf(*known).title : "unknown";
}

std::string WhyFrameworkCannot(v1::Framework framework, const Request& request,
                               const Choice& choice) {
  const std::optional<Framework> known = FrameworkOf(framework);
  if (!known) return "It is not known.";
  const ModelDims model = DimsOf(request.model);
  const Strategy s = Canonical(choice.strategy);
  const std::vector<Refusal> refusals = FindRefusals(
      *known, EngineOf(*known, s), s, DemandFor(request, choice, model));
  if (refusals.empty()) return "";
  return absl::StrCat(refusals[0].reason, "; ", refusals[0].remedy, ".");
}

int CountRefusals(const Request& request, const Choice& choice) {
  if (request.constraints.frameworks().empty()) return 0;
  const ModelDims model = DimsOf(request.model);
  int count = 0;
  for (int framework : request.constraints.frameworks()) {
    count +=
        CountFor(static_cast<v1::Framework>(framework), request, choice, model);
  }
  return count;
}

v1::Framework FirstThatCannot(const Request& request, const Choice& choice) {
  if (request.constraints.frameworks().empty()) {
    return v1::FRAMEWORK_UNSPECIFIED;
  }
  const ModelDims model = DimsOf(request.model);
  for (int framework : request.constraints.frameworks()) {
    const auto which = static_cast<v1::Framework>(framework);
    if (CountFor(which, request, choice, model) > 0) return which;
  }
  return v1::FRAMEWORK_UNSPECIFIED;
}

std::vector<v1::FrameworkLayout> FrameworkLayouts(const Request& request,
                                                  const Choice& choice,
                                                  const v1::Plan& plan) {
  std::vector<v1::FrameworkLayout> layouts;
  for (int i = v1::FRAMEWORK_UNSPECIFIED + 1; i <= v1::Framework_MAX; ++i) {
    const auto framework = static_cast<v1::Framework>(i);
    const std::optional<Framework> known = FrameworkOf(framework);
    if (!known) continue;
    const Numbering numbering = NumberingOf(
        framework, choice.strategy.hybrid_order == HybridOrder::kRingInside);
    v1::FrameworkLayout& layout = layouts.emplace_back();
    layout.set_framework(framework);
    layout.set_order_name(numbering.name);
    for (v1::MeshAxis axis : numbering.order) layout.add_rank_order(axis);
    layout.set_same_numbers(
        SameNumbers(plan.mesh(), numbering.order, plan.rank_order()));
    // Who holds what is the same in any type of a ring's gradients.
    Choice its_own = choice;
    its_own.strategy.ring_gradients =
        LimitsOf(EngineOf(*known, choice.strategy)).ring_gradients;
    const std::string reason = WhyFrameworkCannot(framework, request, its_own);
    layout.set_can_run(reason.empty());
    layout.set_reason(reason);
  }
  return layouts;
}

}  // namespace ithaca::planner
