#include "daemon/planner/validate.h"

#include <functional>
#include <memory>
#include <random>
#include <string>

#include "daemon/planner/plan_hash.h"
#include "daemon/planner/planner.h"
#include "daemon/planner/test_seed.h"
#include "daemon/planner/traffic.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using ::testing::HasSubstr;

// 14 heads over 3 ranks, twice: uneven heads, a straddled KV group, padding,
// replicas and places, so that every field of a plan has something in it.
v1::Plan GoodPlan() {
  v1::PlanRequest request;
  v1::Model& model = *request.mutable_model();
  model.set_hidden_size(896);
  model.set_query_heads(14);
  model.set_kv_heads(2);
  model.set_head_size(64);
  model.set_layers(3);
  model.set_intermediate_size(7);
  model.set_vocabulary_size(9);
  request.mutable_workload()->set_sequence_length(101);
  request.mutable_workload()->set_batch(3);
  request.mutable_workload()->set_causal(true);
  request.mutable_constraints()->set_ranks(6);
  request.mutable_constraints()->set_data_parallel_degree(2);
  request.mutable_constraints()->set_remainder_policy(v1::REMAINDER_POLICY_PAD);
  request.mutable_topology()->add_nodes()->set_name("a");
  request.mutable_topology()->mutable_nodes(0)->set_slots(6);
  return MakePlan(request)->plans(0);
}

// Everything else: ring inside Ulysses, stages, tensor parts, experts, packed
// documents, places, hardware and so an estimate of memory and time.
v1::PlanRequest LargeRequest() {
  v1::PlanRequest request;
  v1::Model& model = *request.mutable_model();
  model.set_hidden_size(64);
  model.set_query_heads(12);
  model.set_kv_heads(4);
  model.set_head_size(8);
  model.set_layers(4);
  model.set_intermediate_size(128);
  model.set_vocabulary_size(1000);
  model.set_experts(4);
  model.set_experts_per_token(2);
  v1::Workload& workload = *request.mutable_workload();
  workload.set_sequence_length(203);
  workload.set_mask(v1::ATTENTION_MASK_SLIDING_WINDOW);
  workload.set_window(50);
  workload.set_micro_batches(3);
  for (uint64_t border : {0, 20, 101, 203}) workload.add_cu_seqlens(border);
  v1::Constraints& c = *request.mutable_constraints();
  c.set_ranks(2 * 2 * 2 * 3 * 2);
  c.set_data_parallel_degree(2);
  c.set_pipeline_degree(2);
  c.set_tensor_degree(2);
  c.set_ring_degree(3);
  c.set_ulysses_degree(2);
  c.set_hybrid_order(v1::HYBRID_ORDER_RING_INSIDE);
  c.set_expert_parallel_degree(2);
  c.set_zero_stage(3);
  c.set_recompute(v1::RECOMPUTE_FULL);
  c.set_offload_checkpoints(true);
  c.set_remainder_policy(v1::REMAINDER_POLICY_PAD);
  for (int i = 0; i < 6; ++i) {
    auto& node = *request.mutable_topology()->add_nodes();
    node.set_name("n" + std::to_string(i));
    node.set_slots(8);
  }
  v1::Hardware& h = *request.mutable_hardware();
  h.set_peak_flops(1e15);
  h.set_memory_bytes_per_second(3e12);
  h.set_memory_bytes(uint64_t{80} << 30);
  h.set_host_memory_bytes(uint64_t{1} << 40);
  h.set_host_link_bytes_per_second(5e10);
  h.set_accelerators_per_pod(16);
  for (v1::LinkClass c : {v1::LINK_CLASS_NVLINK, v1::LINK_CLASS_NODE,
                          v1::LINK_CLASS_LEAF, v1::LINK_CLASS_UPLINK}) {
    v1::LinkRate& link = *h.add_links();
    link.set_link_class(c);
    link.set_bytes_per_second(1e11);
    link.set_latency_seconds(1e-5);
  }
  auto& point = *h.mutable_links(3)->add_measured();
  point.set_bytes(1000);
  point.set_seconds(1e-5);
  h.mutable_links(3)->set_measured_source("table.json");
  return request;
}

v1::Plan LargePlan() { return MakePlan(LargeRequest())->plans(0); }

void ExpectFinding(const v1::Plan& plan, const std::string& field,
                   const std::string& message) {
  const v1::ValidateResponse response = ValidatePlan(plan);
  EXPECT_FALSE(response.valid());
  ASSERT_GT(response.findings_size(), 0) << field;
  EXPECT_EQ(response.findings(0).field(), field) << response.DebugString();
  EXPECT_THAT(response.findings(0).message(), HasSubstr(message));
}

TEST(ValidatePlan, AcceptsAPlan) {
  for (const v1::Plan& plan : {GoodPlan(), LargePlan()}) {
    const v1::ValidateResponse response = ValidatePlan(plan);
    EXPECT_TRUE(response.valid()) << response.DebugString();
    EXPECT_TRUE(response.findings().empty());
  }
  EXPECT_TRUE(LargePlan().estimate().has_time());
  EXPECT_TRUE(LargePlan().estimate().memory().has_margin_bytes());
}

// Seven heads split 2, 3, 2 instead of the planner's 3, 2, 2.
TEST(ValidatePlan, AcceptsAnotherSplitThanThePlanners) {
  v1::PlanRequest request;
  request.mutable_model()->set_query_heads(7);
  request.mutable_model()->set_head_size(8);
  request.mutable_workload()->set_sequence_length(30);
  request.mutable_constraints()->set_ranks(3);
  v1::Plan plan = MakePlan(request)->plans(0);
  const uint32_t counts[] = {2, 3, 2};
  const Exchange exchange({{10, 2, 2}, {10, 3, 3}, {10, 2, 2}}, 8, 2, true);
  uint32_t next = 0;
  for (int i = 0; i < 3; ++i) {
    v1::Rank& rank = *plan.mutable_ranks(i);
    rank.mutable_query_heads()->set_start(next);
    rank.mutable_query_heads()->set_count(counts[i]);
    rank.clear_kv_heads();
    for (uint32_t k = 0; k < counts[i]; ++k) rank.add_kv_heads(next++);
    *rank.mutable_seq_to_heads() = exchange.SeqToHeads(i);
    *rank.mutable_heads_to_seq() = exchange.HeadsToSeq(i);
    *rank.mutable_sent() = exchange.Sent(i);
    *rank.mutable_received() = exchange.Received(i);
  }
  plan.set_hash(HashPlan(plan));
  EXPECT_TRUE(ValidatePlan(plan).valid()) << ValidatePlan(plan).DebugString();
}

struct Spoiled {
  const char* field;
  const char* message;
  std::function<void(v1::Plan&)> spoil;
};

TEST(ValidatePlan, NamesWhatIsWrong) {
  const Spoiled cases[] = {
      {"model.kv_heads", "missing", [](auto& p) { p.clear_model(); }},
      {"workload.batch", "missing", [](auto& p) { p.clear_workload(); }},
      {"workload.sequence_length", "is 0",
       [](auto& p) { p.mutable_workload()->set_sequence_length(0); }},
      {"ranks", "is 0", [](auto& p) { p.clear_ranks(); }},
      {"mesh", "does not multiply",
       [](auto& p) { p.mutable_ranks()->RemoveLast(); }},
      {"ulysses_groups", "expected 3",
       [](auto& p) {
         p.mutable_mesh()->set_ulysses(2);
         p.mutable_mesh()->set_ring(3);
         p.mutable_mesh()->set_data_parallel(1);
       }},
      {"mesh.tensor", "does not split",
       [](auto& p) {
         p.mutable_mesh()->set_tensor(3);
         p.mutable_mesh()->set_ulysses(1);
         p.mutable_ulysses_groups()->Reserve(6);
         while (p.ulysses_groups_size() < 6) p.add_ulysses_groups();
       }},
      {"sequence_layout", "not one of this mesh",
       [](auto& p) { p.set_sequence_layout(v1::SEQUENCE_LAYOUT_ZIGZAG); }},
      {"strategy.recompute", "missing",
       [](auto& p) { p.mutable_strategy()->clear_recompute(); }},
      {"strategy.expert_parallel", "does not divide",
       [](auto& p) { p.mutable_strategy()->set_expert_parallel(2); }},
      {"workload.global_batch", "is not",
       [](auto& p) { p.mutable_workload()->set_global_batch(7); }},
      {"estimate.digest", "is not that",
       [](auto& p) { p.mutable_estimate()->add_assumptions("free"); }},
      {"rank_order", "once",
       [](auto& p) { p.set_rank_order(0, v1::MESH_AXIS_TENSOR); }},
      {"ulysses_groups", "has 1 entries",
       [](auto& p) { p.mutable_ulysses_groups()->RemoveLast(); }},
      {"ulysses_groups[1].ranks[0]", "expected 3",
       [](auto& p) { p.mutable_ulysses_groups(1)->set_ranks(0, 2); }},
      {"padded_sequence_length", "expected 102",
       [](auto& p) { p.set_padded_sequence_length(105); }},
      {"ranks[2].token_ranges[0]", "nobody's",
       [](auto& p) {
         p.mutable_ranks(2)->mutable_token_ranges(0)->set_count(
             p.ranks(2).token_ranges(0).count() - 1);
         p.mutable_ranks(2)->set_pad_tokens(p.ranks(2).pad_tokens() - 1);
         p.mutable_ranks(2)->set_rows(p.ranks(2).rows() - 3);
       }},
      {"ranks[4].token_ranges[0]", "must start at 34",
       [](auto& p) {
         p.mutable_ranks(4)->mutable_token_ranges(0)->set_start(33);
       }},
      {"ranks[0].token_ranges[0]", "end by 102",
       [](auto& p) {
         p.mutable_ranks(0)->mutable_token_ranges(0)->set_count(~0ull);
       }},
      {"ranks[1].query_heads", "one head at least",
       [](auto& p) {
         p.mutable_ranks(1)->mutable_query_heads()->set_count(0);
       }},
      {"ranks[2].query_heads", "nobody's",
       [](auto& p) {
         p.mutable_ranks(2)->mutable_query_heads()->set_count(
             p.ranks(2).query_heads().count() - 1);
       }},
      {"ranks[0].kv_heads", "expected 1",
       [](auto& p) { p.mutable_ranks(0)->add_kv_heads(1); }},
      {"ranks[0].seq_to_heads.send[1]", "expected",
       [](auto& p) {
         p.mutable_ranks(0)->mutable_seq_to_heads()->set_send(1, 5);
       }},
      {"ranks[0].heads_to_seq", "3 entries",
       [](auto& p) {
         p.mutable_ranks(0)->mutable_heads_to_seq()->add_send(5);
       }},
      {"ranks[5].place", "another rank",
       [](auto& p) {
         p.mutable_ranks(5)->mutable_place()->set_local_index(2);
         p.set_hash(HashPlan(p));
       }},
      {"hash", "is not that of the plan", [](auto& p) { p.set_hash("00"); }},
  };
  for (const Spoiled& c : cases) {
    SCOPED_TRACE(c.field);
    v1::Plan plan = GoodPlan();
    c.spoil(plan);
    ExpectFinding(plan, c.field, c.message);
  }
}

TEST(ValidatePlan, StopsAtTheMostFindings) {
  v1::Plan plan = GoodPlan();
  for (v1::Rank& rank : *plan.mutable_ranks()) {
    rank.set_rank(77);
    rank.set_ulysses_group(9);
    rank.clear_sent();
    rank.clear_received();
    rank.clear_seq_to_heads();
    rank.clear_heads_to_seq();
  }
  EXPECT_EQ(ValidatePlan(plan).findings_size(), kMaxFindings);
}

TEST(ValidateSubject, NeedsAPlan) {
  EXPECT_EQ(ValidateSubject({}).status().code(),
            absl::StatusCode::kInvalidArgument);
  v1::ValidateRequest request;
  *request.mutable_plan() = GoodPlan();
  EXPECT_TRUE(ValidateSubject(request)->valid());
}

void Change(Message& message, const FieldDescriptor* field, int index) {
  const Reflection& r = *message.GetReflection();
  const bool repeated = index >= 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return repeated ? r.SetRepeatedUInt32(
                            &message, field, index,
                            r.GetRepeatedUInt32(message, field, index) + 1)
                      : r.SetUInt32(&message, field,
                                    r.GetUInt32(message, field) + 1);
    case FieldDescriptor::CPPTYPE_UINT64:
      return repeated ? r.SetRepeatedUInt64(
                            &message, field, index,
                            r.GetRepeatedUInt64(message, field, index) + 1)
                      : r.SetUInt64(&message, field,
                                    r.GetUInt64(message, field) + 1);
    case FieldDescriptor::CPPTYPE_INT64:
      return r.SetInt64(&message, field, r.GetInt64(message, field) + 1);
    case FieldDescriptor::CPPTYPE_ENUM:
      return repeated
                 ? r.SetRepeatedEnumValue(
                       &message, field, index,
                       r.GetRepeatedEnumValue(message, field, index) % 2 + 1)
                 : r.SetEnumValue(&message, field,
                                  r.GetEnumValue(message, field) % 2 + 1);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return r.SetDouble(&message, field, r.GetDouble(message, field) + 0.5);
    case FieldDescriptor::CPPTYPE_BOOL:
      return r.SetBool(&message, field, !r.GetBool(message, field));
    case FieldDescriptor::CPPTYPE_STRING:
      return repeated ? r.SetRepeatedString(&message, field, index, "x")
                      : r.SetString(&message, field,
                                    r.GetString(message, field) + "x");
    default:
      FAIL() << field->full_name()
             << " has a type that this test does not know";
  }
}

// Changes each scalar in `message` and below, one at a time, calls `check` with
// its path, and puts it back.
void ForEachChange(Message& message, const std::string& path,
                   const std::function<void(const std::string&)>& check) {
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    const std::string here = path + "." + field->name();
    const int count =
        field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int k = 0; k < count; ++k) {
      const int index = field->is_repeated() ? k : -1;
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        const bool absent = index < 0 && !reflection.HasField(message, field);
        ForEachChange(
            index >= 0 ? *reflection.MutableRepeatedMessage(&message, field, k)
                       : *reflection.MutableMessage(&message, field),
            here, check);
        if (absent) reflection.ClearField(&message, field);
        continue;
      }
      const std::unique_ptr<Message> before(message.New());
      before->CopyFrom(message);
      Change(message, field, index);
      check(here);
      message.CopyFrom(*before);
    }
  }
}

// No field of a plan, of any rank, can be changed unnoticed; a field that is
// added to the proto and forgotten in the checks and the hash fails here.
TEST(ValidatePlan, NoScalarCanBeChangedUnnoticed) {
  for (const v1::Plan& good : {GoodPlan(), LargePlan()}) {
    v1::Plan plan = good;
    int changed = 0;
    ForEachChange(plan, "plan", [&](const std::string& path) {
      EXPECT_NE(plan.SerializeAsString(), good.SerializeAsString()) << path;
      EXPECT_FALSE(ValidatePlan(plan).valid()) << path;
      ++changed;
    });
    EXPECT_GT(changed, 200);
    EXPECT_EQ(plan.SerializeAsString(), good.SerializeAsString());
  }
}

// Bytes from anywhere: no crash, and never valid unless nothing changed.
TEST(ValidatePlan, SurvivesMutatedBytes) {
  std::mt19937_64 random(TestSeed());
  const v1::Plan plans[] = {GoodPlan(), LargePlan()};
  int parsed = 0;
  for (int round = 0; round < 4000; ++round) {
    const v1::Plan& good = plans[round % 2];
    std::string text = good.SerializeAsString();
    const int edits = 1 + static_cast<int>(random() % 3);
    for (int i = 0; i < edits; ++i) {
      const size_t at = random() % text.size();
      if (random() % 4 == 0) {
        text.erase(at, random() % 8);
      } else {
        text[at] = static_cast<char>(random());
      }
      if (text.empty()) break;
    }
    v1::Plan plan;
    if (!plan.ParseFromString(text)) continue;
    ++parsed;
    const v1::ValidateResponse response = ValidatePlan(plan);
    EXPECT_EQ(response.valid(), response.findings().empty());
    if (response.valid()) {
      EXPECT_EQ(HashPlan(plan), good.hash());
    }
  }
  EXPECT_GT(parsed, 200);
}

}  // namespace
}  // namespace ithaca::planner
