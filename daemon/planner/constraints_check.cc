#include "daemon/planner/constraints_check.h"

#include "absl/strings/str_cat.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/frameworks/framework_message.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {
namespace {

absl::Status UnknownEnum(const std::string& field, int value) {
  return FieldError(field, absl::StrCat("has the unknown value ", value));
}

absl::Status CheckNumbers(const std::string& path, const v1::Constraints& c) {
  const uint64_t any = ~uint64_t{0};
  const struct {
    const char* field;
    bool present;
    uint64_t value, low, high;
  } numbers[] = {
      {"ranks", true, c.ranks(), 1, kMaxRanks},
      {"ulysses_degree", c.has_ulysses_degree(), c.ulysses_degree(), 1,
       kMaxRanks},
      {"data_parallel_degree", c.has_data_parallel_degree(),
       c.data_parallel_degree(), 1, kMaxRanks},
      {"pipeline_degree", c.has_pipeline_degree(), c.pipeline_degree(), 1,
       kMaxRanks},
      {"ring_degree", c.has_ring_degree(), c.ring_degree(), 1, kMaxRanks},
      {"tensor_degree", c.has_tensor_degree(), c.tensor_degree(), 1, kMaxRanks},
      {"zero_stage", c.has_zero_stage(), c.zero_stage(), 0, 3},
      {"attention_chunk", c.has_attention_chunk(), c.attention_chunk(), 0,
       kMaxSequenceLength},
      {"expert_parallel_degree", c.has_expert_parallel_degree(),
       c.expert_parallel_degree(), 1, kMaxRanks},
      {"memory_bytes", c.has_memory_bytes(), c.memory_bytes(), 1, any >> 1},
      {"host_memory_bytes", c.has_host_memory_bytes(), c.host_memory_bytes(), 0,
       any >> 1},
  };
  for (const auto& number : numbers) {
    if (!number.present) continue;
    absl::Status s = CheckRange(absl::StrCat(path, ".", number.field),
                                number.value, number.low, number.high);
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckEnums(const std::string& path, const v1::Constraints& c) {
  const struct {
    const char* field;
    bool known;
    int value;
  } enums[] = {
      {"remainder_policy", v1::RemainderPolicy_IsValid(c.remainder_policy()),
       c.remainder_policy()},
      {"search", v1::Search_IsValid(c.search()), c.search()},
      {"recompute", v1::Recompute_IsValid(c.recompute()), c.recompute()},
      {"hybrid_order", v1::HybridOrder_IsValid(c.hybrid_order()),
       c.hybrid_order()},
      {"sequence_layout", v1::SequenceLayout_IsValid(c.sequence_layout()),
       c.sequence_layout()},
      {"ring_gradients", v1::RingGradients_IsValid(c.ring_gradients()),
       c.ring_gradients()},
  };
  for (const auto& e : enums) {
    if (!e.known) return UnknownEnum(absl::StrCat(path, ".", e.field), e.value);
  }
  for (int i = 0; i < c.families_size(); ++i) {
    const int family = c.families(i);
    if (family == v1::FAMILY_UNSPECIFIED || !v1::Family_IsValid(family)) {
      return UnknownEnum(absl::StrCat(path, ".families[", i, "]"), family);
    }
  }
  for (int i = 0; i < c.frameworks_size(); ++i) {
    const int framework = c.frameworks(i);
    if (framework == v1::FRAMEWORK_UNSPECIFIED ||
        !v1::Framework_IsValid(framework)) {
      return UnknownEnum(absl::StrCat(path, ".frameworks[", i, "]"), framework);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CompleteConstraints(const std::string& path, v1::Constraints& c) {
  if (absl::Status s = CheckNumbers(path, c); !s.ok()) return s;
  if (absl::Status s = CheckEnums(path, c); !s.ok()) return s;
  if (c.search() == v1::SEARCH_UNSPECIFIED) c.set_search(v1::SEARCH_GIVEN);
  if (c.remainder_policy() == v1::REMAINDER_POLICY_UNSPECIFIED) {
    c.set_remainder_policy(v1::REMAINDER_POLICY_UNEVEN);
  }
  if (c.ring_gradients() == v1::RING_GRADIENTS_UNSPECIFIED) {
    const EngineLimits* engine = RingEngine(c);
    const bool element =
        engine != nullptr && engine->ring_gradients == RingGradients::kElement;
    c.set_ring_gradients(element ? v1::RING_GRADIENTS_ELEMENT
                                 : v1::RING_GRADIENTS_FP32);
  }
  return absl::OkStatus();
}

}  // namespace ithaca::planner
