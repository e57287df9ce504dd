#include "daemon/planner/request.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/hf_config.h"
#include "daemon/planner/limits.h"
#include "daemon/planner/model_shape.h"

namespace ithaca::planner {
namespace {

absl::StatusOr<HfConfig> ResolveModel(const v1::PlanRequest& request) {
  switch (request.model_source_case()) {
    case v1::PlanRequest::kHuggingFaceConfig:
      return ParseHfConfig(request.hugging_face_config());
    case v1::PlanRequest::kModel: {
      HfConfig config;
      config.model = request.model();
      absl::Status s = CompleteModel(MessageNames("model"), config.model);
      if (!s.ok()) return s;
      return config;
    }
    default:
      return FieldError(
          "model",
          "missing; give the model or the text of its Hugging Face "
          "config.json");
  }
}

absl::Status UnknownEnum(const std::string& field, int value) {
  return FieldError(field, absl::StrCat("has the unknown value ", value));
}

absl::Status CheckDegrees(const v1::Constraints& c) {
  const struct {
    const char* field;
    bool present;
    uint32_t value;
  } degrees[] = {
      {"constraints.ulysses_degree", c.has_ulysses_degree(),
       c.ulysses_degree()},
      {"constraints.data_parallel_degree", c.has_data_parallel_degree(),
       c.data_parallel_degree()},
      {"constraints.pipeline_degree", c.has_pipeline_degree(),
       c.pipeline_degree()},
      {"constraints.ring_degree", c.has_ring_degree(), c.ring_degree()},
      {"constraints.tensor_degree", c.has_tensor_degree(), c.tensor_degree()},
  };
  for (const auto& degree : degrees) {
    if (!degree.present) continue;
    absl::Status s = CheckRange(degree.field, degree.value, 1, kMaxRanks);
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CompleteConstraints(v1::Constraints& c) {
  if (absl::Status s = CheckRange("constraints.ranks", c.ranks(), 1, kMaxRanks);
      !s.ok()) {
    return s;
  }
  if (absl::Status s = CheckDegrees(c); !s.ok()) return s;
  if (c.remainder_policy() == v1::REMAINDER_POLICY_UNSPECIFIED) {
    c.set_remainder_policy(v1::REMAINDER_POLICY_UNEVEN);
  }
  if (!v1::RemainderPolicy_IsValid(c.remainder_policy())) {
    return UnknownEnum("constraints.remainder_policy", c.remainder_policy());
  }
  for (int i = 0; i < c.families_size(); ++i) {
    const int family = c.families(i);
    if (family == v1::FAMILY_UNSPECIFIED || !v1::Family_IsValid(family)) {
      return UnknownEnum(absl::StrCat("constraints.families[", i, "]"), family);
    }
  }
  return absl::OkStatus();
}

absl::Status ResolveTopology(const v1::PlanRequest& request,
                             Request& resolved) {
  if (!request.has_topology()) return absl::OkStatus();
  auto slots = topology::ListSlots(request.topology(), "topology");
  if (!slots.ok()) return slots.status();
  if (slots->empty()) {
    return FieldError("topology.nodes", "is empty; leave it out");
  }
  resolved.slots = *std::move(slots);
  return absl::OkStatus();
}

}  // namespace

uint32_t BytesOf(v1::DataType type) {
  return type == v1::DATA_TYPE_FP32 ? 4 : 2;
}

absl::Status CompleteWorkload(const std::string& path, v1::DataType config_type,
                              v1::Workload& workload) {
  absl::Status s =
      CheckRange(path + ".sequence_length", workload.sequence_length(), 1,
                 kMaxSequenceLength);
  if (!s.ok()) return s;
  if (!workload.has_batch()) workload.set_batch(1);
  s = CheckRange(path + ".batch", workload.batch(), 1, kMaxBatch);
  if (!s.ok()) return s;
  if (workload.data_type() == v1::DATA_TYPE_UNSPECIFIED) {
    workload.set_data_type(config_type != v1::DATA_TYPE_UNSPECIFIED
                               ? config_type
                               : v1::DATA_TYPE_BF16);
  }
  if (!v1::DataType_IsValid(workload.data_type())) {
    return UnknownEnum(path + ".data_type", workload.data_type());
  }
  if (workload.mode() == v1::MODE_UNSPECIFIED) {
    workload.set_mode(v1::MODE_TRAINING);
  }
  if (!v1::Mode_IsValid(workload.mode())) {
    return UnknownEnum(path + ".mode", workload.mode());
  }
  return absl::OkStatus();
}

absl::Status CheckBytesFit(const std::string& path, const v1::Model& model,
                           const v1::Workload& workload, uint32_t replicas) {
  // At most 2H key/value copies: P ranks and Hkv - 1 group borders inside them.
  const uint64_t factors[] = {workload.sequence_length() + kMaxRanks,  // padded
                              workload.batch(),
                              replicas,
                              uint64_t{6} * model.query_heads(),
                              model.head_size(),
                              uint64_t{2} * BytesOf(workload.data_type())};
  uint64_t bytes = 1;
  for (uint64_t factor : factors) {
    if (__builtin_mul_overflow(bytes, factor, &bytes) ||
        bytes > std::numeric_limits<int64_t>::max()) {
      return FieldError(
          path + ".sequence_length",
          absl::StrCat("is ", workload.sequence_length(),
                       "; the bytes of one layer would not fit 63 bits. "
                       "Use fewer tokens, a smaller batch or fewer replicas"));
    }
  }
  return absl::OkStatus();
}

namespace {

// Replicas of the plan or of any that might be proposed instead of it: a fixed
// Ulysses degree alone leaves the number of replicas open.
uint32_t MostReplicas(const v1::Constraints& c) {
  if (c.has_data_parallel_degree()) return c.data_parallel_degree();
  return c.has_ulysses_degree() ? std::max(1u, c.ranks() / c.ulysses_degree())
                                : 1;
}

}  // namespace

absl::StatusOr<Request> ResolveRequest(const v1::PlanRequest& request) {
  absl::StatusOr<HfConfig> config = ResolveModel(request);
  if (!config.ok()) return config.status();
  Request resolved;
  resolved.model = std::move(config->model);
  resolved.workload = request.workload();
  absl::Status s =
      CompleteWorkload("workload", config->data_type, resolved.workload);
  if (!s.ok()) return s;
  resolved.constraints = request.constraints();
  if (s = CompleteConstraints(resolved.constraints); !s.ok()) return s;
  if (s = CheckBytesFit("workload", resolved.model, resolved.workload,
                        MostReplicas(resolved.constraints));
      !s.ok()) {
    return s;
  }
  if (s = ResolveTopology(request, resolved); !s.ok()) return s;
  if (!v1::Detail_IsValid(request.detail())) {
    return UnknownEnum("detail", request.detail());
  }
  resolved.summary = request.detail() == v1::DETAIL_SUMMARY;
  return resolved;
}

}  // namespace ithaca::planner
