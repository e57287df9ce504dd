#include "daemon/planner/frameworks/framework_message.h"

namespace ithaca::planner {
namespace {

// In the order of Framework.
constexpr v1::Framework kMessages[] = {
    v1::FRAMEWORK_DEEPSPEED,  v1::FRAMEWORK_ARCTIC_TRAINING,
    v1::FRAMEWORK_MEGATRON,   v1::FRAMEWORK_ACCELERATE,
    v1::FRAMEWORK_TORCHTITAN, v1::FRAMEWORK_VERL,
    v1::FRAMEWORK_MS_SWIFT,   v1::FRAMEWORK_YUNCHANG,
    v1::FRAMEWORK_XDIT,       v1::FRAMEWORK_ARCTIC_INFERENCE,
    v1::FRAMEWORK_MAXTEXT,    v1::FRAMEWORK_VEOMNI,
    v1::FRAMEWORK_INTERNEVO,
};
static_assert(sizeof(kMessages) / sizeof(kMessages[0]) == kFrameworks);

}  // namespace

v1::Framework MessageOf(Framework framework) {
  return kMessages[static_cast<int>(framework)];
}

std::optional<Framework> FrameworkOf(v1::Framework message) {
  for (int i = 0; i < kFrameworks; ++i) {
    if (kMessages[i] == message) return static_cast<Framework>(i);
  }
  return std::nullopt;
}

const EngineLimits* RingEngine(const v1::Constraints& constraints) {
  if (constraints.frameworks().empty()) return nullptr;
  const std::optional<Framework> framework =
      FrameworkOf(static_cast<v1::Framework>(constraints.frameworks(0)));
  if (!framework) return nullptr;
  const EngineLimits& limits = LimitsOf(LimitsOf(*framework).plain);
  return limits.ring ? &limits : nullptr;
}

}  // namespace ithaca::planner
