#include "daemon/planner/request.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/planner/constraints_check.h"
#include "daemon/planner/cost/topology_hardware.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/hf_config.h"
#include "daemon/planner/limits.h"
#include "daemon/planner/model_shape.h"
#include "daemon/planner/workload_shape.h"
#include "daemon/topology/check.h"
#include "daemon/topology/slots.h"

namespace ithaca::planner {
namespace {

constexpr uint32_t kMaxAlternatives = 256;

absl::StatusOr<HfConfig> ResolveModel(const v1::PlanRequest& request,
                                      const std::string& path) {
  switch (request.model_source_case()) {
    case v1::PlanRequest::kHuggingFaceConfig:
      return ParseHfConfig(request.hugging_face_config());
    case v1::PlanRequest::kModel: {
      HfConfig config;
      config.model = request.model();
      absl::Status s =
          CompleteModel(MessageNames(path + "model"), config.model);
      if (!s.ok()) return s;
      return config;
    }
    default:
      return FieldError(path + "model",
                        "missing; give the model or the text of its Hugging "
                        "Face config.json");
  }
}

// The fewest accelerators that share a leaf: of the pods that are known. 0 when
// a node's is not.
uint32_t AcceleratorsPerPod(const ithaca::topology::v1::Topology& topology) {
  std::map<std::string, uint64_t> pods;
  for (const auto& node : topology.nodes()) {
    if (node.pods().empty() || node.pods(0).empty()) return 0;
    pods[node.pods(0)] +=
        node.slots() != 0 ? node.slots() : node.accelerators_size();
  }
  uint64_t least = UINT32_MAX;
  for (const auto& [name, count] : pods) least = std::min(least, count);
  return pods.empty() ? 0 : static_cast<uint32_t>(least);
}

absl::Status ResolveTopology(const v1::PlanRequest& request,
                             const std::string& path, Request& resolved) {
  if (!request.has_topology()) return absl::OkStatus();
  const std::string here = path + "topology";
  if (absl::Status s =
          ithaca::topology::CheckTopology(request.topology(), here);
      !s.ok()) {
    return s;
  }
  auto slots = ithaca::topology::ListSlots(request.topology(), here);
  if (!slots.ok()) return slots.status();
  if (slots->empty()) {
    return FieldError(here + ".nodes", "is empty; leave it out");
  }
  resolved.topology = request.topology();
  resolved.slots = slots->size();
  resolved.hardware.figures = HardwareOf(request.topology());
  resolved.hardware.accelerators_per_pod =
      AcceleratorsPerPod(request.topology());
  return absl::OkStatus();
}

// What the constraints allow is a limit like what the hardware has.
void ApplyLimits(const v1::Constraints& c, Hardware& hardware) {
  if (c.has_memory_bytes()) {
    hardware.memory_bytes = std::min<uint64_t>(
        c.memory_bytes(), hardware.memory_bytes.value_or(c.memory_bytes()));
  }
  if (c.has_host_memory_bytes()) {
    hardware.host_memory_bytes = std::min<uint64_t>(
        c.host_memory_bytes(),
        hardware.host_memory_bytes.value_or(c.host_memory_bytes()));
  }
}

absl::Status ResolveDetail(const v1::PlanRequest& request,
                           const std::string& path, Request& resolved) {
  if (!v1::Detail_IsValid(request.detail())) {
    return FieldError(path + "detail",
                      absl::StrCat("has the unknown value ", request.detail()));
  }
  resolved.detail = request.detail();
  if (request.has_rank_window()) resolved.window = request.rank_window();
  if (resolved.detail == v1::DETAIL_UNSPECIFIED) {
    const bool full = resolved.window.has_value() ||
                      resolved.constraints.ranks() <= kFullDetailRanks;
    resolved.detail = full ? v1::DETAIL_FULL : v1::DETAIL_SUMMARY;
  }
  if (request.has_max_alternatives()) {
    resolved.max_alternatives =
        std::min(request.max_alternatives(), kMaxAlternatives);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Request> ResolveRequest(const v1::PlanRequest& request,
                                       const std::string& path) {
  absl::StatusOr<HfConfig> config = ResolveModel(request, path);
  if (!config.ok()) return config.status();
  Request resolved;
  resolved.model = std::move(config->model);
  resolved.workload = request.workload();
  absl::Status s =
      CompleteWorkload(path + "workload", config->data_type, resolved.workload);
  if (!s.ok()) return s;
  resolved.constraints = request.constraints();
  s = CompleteConstraints(path + "constraints", resolved.constraints);
  if (!s.ok()) return s;
  if (s = ResolveTopology(request, path, resolved); !s.ok()) return s;
  if (s = CheckHardware(path + "hardware", request.hardware()); !s.ok()) {
    return s;
  }
  ApplyHardware(request.hardware(), resolved.hardware);
  ApplyLimits(resolved.constraints, resolved.hardware.figures);
  if (s = ResolveDetail(request, path, resolved); !s.ok()) return s;
  return resolved;
}

}  // namespace ithaca::planner
