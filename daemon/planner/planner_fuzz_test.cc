// Requests from anywhere: bytes changed at random, and fields set to the worst
// values there are. Every call answers, or names a field; none crashes, hangs
// or makes a plan that does not hold together.
#include <google/protobuf/message.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "daemon/planner/ask_for_test.h"
#include "daemon/planner/explain.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/max_sequence.h"
#include "daemon/planner/replan.h"
#include "daemon/planner/test_seed.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

v1::PlanRequest Seed() {
  v1::PlanRequest request = Ask(28, 4, 128, 4099, 16);
  v1::Model& model = *request.mutable_model();
  model.set_hidden_size(3584);
  model.set_layers(28);
  model.set_intermediate_size(18944);
  model.set_vocabulary_size(152064);
  request.mutable_workload()->set_causal(true);
  request.mutable_constraints()->set_search(v1::SEARCH_ALL);
  for (const char* name : {"a", "b"}) {
    request.mutable_topology()->add_nodes()->set_name(name);
    request.mutable_topology()->mutable_nodes()->rbegin()->set_slots(8);
  }
  v1::Hardware& hardware = *request.mutable_hardware();
  hardware.set_peak_flops(1e15);
  hardware.set_memory_bytes(uint64_t{80} << 30);
  hardware.set_memory_bytes_per_second(3e12);
  v1::LinkRate& link = *hardware.add_links();
  link.set_link_class(v1::LINK_CLASS_LEAF);
  link.set_bytes_per_second(5e10);
  return request;
}

class Spoiler {
 public:
  explicit Spoiler(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) { return random_() % bound; }

  // One field, here or below, set to something extreme.
  void SpoilField(Message& message) {
    const auto* type = message.GetDescriptor();
    const FieldDescriptor* field =
        type->field(static_cast<int>(Below(type->field_count())));
    const Reflection& r = *message.GetReflection();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Message* inner = field->is_repeated()
                           ? (r.FieldSize(message, field) > 0 && Below(4) != 0
                                  ? r.MutableRepeatedMessage(&message, field, 0)
                                  : r.AddMessage(&message, field))
                           : r.MutableMessage(&message, field);
      return SpoilField(*inner);
    }
    if (Below(6) == 0) return r.ClearField(&message, field);
    SetExtreme(message, field);
  }

  std::string SpoilBytes(std::string text) {
    for (uint64_t i = 0; i <= Below(3) && !text.empty(); ++i) {
      text[Below(text.size())] = static_cast<char>(random_());
    }
    return text;
  }

 private:
  uint64_t Extreme() {
    static constexpr uint64_t kValues[] = {
        0,     1,        2,   3,          7,          61,         1024,
        65536, 1u << 31, ~0u, 1ull << 40, 1ull << 62, 1ull << 63, ~0ull};
    return kValues[Below(std::size(kValues))];
  }

  double ExtremeDouble() {
    static constexpr double kValues[] = {
        0.0,
        -0.0,
        -1.0,
        1e-320,
        1.0,
        1e300,
        std::numeric_limits<double>::infinity(),
        std::numeric_limits<double>::quiet_NaN()};
    return kValues[Below(std::size(kValues))];
  }

  void SetExtreme(Message& message, const FieldDescriptor* field) {
    const Reflection& r = *message.GetReflection();
    const bool add = field->is_repeated();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_UINT32: {
        const auto value = static_cast<uint32_t>(Extreme());
        return add ? r.AddUInt32(&message, field, value)
                   : r.SetUInt32(&message, field, value);
      }
      case FieldDescriptor::CPPTYPE_UINT64:
        return add ? r.AddUInt64(&message, field, Extreme())
                   : r.SetUInt64(&message, field, Extreme());
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return add ? r.AddDouble(&message, field, ExtremeDouble())
                   : r.SetDouble(&message, field, ExtremeDouble());
      case FieldDescriptor::CPPTYPE_BOOL:
        return r.SetBool(&message, field, Below(2) == 0);
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int value = static_cast<int>(Below(12)) - 2;
        return add ? r.AddEnumValue(&message, field, value)
                   : r.SetEnumValue(&message, field, value);
      }
      case FieldDescriptor::CPPTYPE_STRING: {
        const std::string value(Below(300), static_cast<char>(Below(128)));
        return add ? r.AddString(&message, field, value)
                   : r.SetString(&message, field, value);
      }
      default:
        return;
    }
  }

  std::mt19937_64 random_;
};

// OK, or INVALID_ARGUMENT with a field.
void ExpectSane(const absl::Status& status) {
  if (status.ok()) return;
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_FALSE(FieldOf(status).empty()) << status;
}

TEST(PlannerFuzz, AnswersOrNamesTheField) {
  Spoiler spoiler(TestSeed());
  const v1::PlanRequest seed = Seed();
  const v1::Plan plan = MakePlan(seed)->plans(0);
  int planned = 0;
  for (int round = 0; round < 3000; ++round) {
    v1::PlanRequest request = seed;
    const uint64_t edits = 1 + spoiler.Below(3);
    for (uint64_t i = 0; i < edits; ++i) spoiler.SpoilField(request);
    if (round % 4 == 0 && !request.ParseFromString(
                              spoiler.SpoilBytes(seed.SerializeAsString()))) {
      continue;
    }
    request.set_max_alternatives(3);
    SCOPED_TRACE(request.ShortDebugString().substr(0, 4000));
    const auto answer = MakePlan(request);
    ExpectSane(answer.status());
    if (answer.ok() && answer->plans_size() > 0) {
      ++planned;
      if (answer->plans(0).ranks_size() > 0 && !request.has_rank_window() &&
          answer->plans(0).ranks_size() <= 1024) {
        const v1::ValidateResponse check = ValidatePlan(answer->plans(0));
        ASSERT_TRUE(check.valid()) << check.DebugString();
      }
    }
    if (round % 16 == 1) {
      v1::MaxSequenceRequest longest;
      *longest.mutable_request() = request;
      ExpectSane(FindMaxSequence(longest).status());
      v1::ExplainRequest explain;
      *explain.mutable_plan() = plan;
      spoiler.SpoilField(*explain.mutable_plan());
      ExpectSane(ExplainPlan(explain).status());
      v1::ReplanRequest replan;
      *replan.mutable_plan() = plan;
      replan.add_lost_nodes("a");
      spoiler.SpoilField(replan);
      ExpectSane(Replan(replan).status());
    }
  }
  EXPECT_GT(planned, 300);
}

TEST(PlannerFuzz, ATenMegabyteConfigIsRefusedByName) {
  v1::PlanRequest request = Seed();
  request.set_hugging_face_config(std::string(10 << 20, '['));
  const auto answer = MakePlan(request);
  EXPECT_EQ(FieldOf(answer.status()), "hugging_face_config");
}

}  // namespace
}  // namespace ithaca::planner
