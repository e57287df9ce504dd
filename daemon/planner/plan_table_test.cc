#include "daemon/planner/plan_table.h"

#include "absl/strings/str_split.h"
#include "daemon/planner/planner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::PlanRequest Request(uint32_t ranks) {
  v1::PlanRequest request;
  request.mutable_model()->set_query_heads(28);
  request.mutable_model()->set_kv_heads(4);
  request.mutable_model()->set_head_size(128);
  request.mutable_workload()->set_sequence_length(4099);
  request.mutable_workload()->set_causal(true);
  request.mutable_constraints()->set_ranks(ranks);
  return request;
}

std::string TableOf(const v1::PlanRequest& request) {
  return PlanTable(MakePlan(request)->plans(0));
}

void ExpectFits(const std::string& text) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    EXPECT_LE(line.size(), kTableWidth) << line;
  }
}

TEST(PlanTable, Golden) {
  EXPECT_EQ(
      TableOf(Request(4)),
      "plan      "
      "3ad0208f8c1e1c2c2ae81dcd2c6f205c5b71647ecc5b20ffe0c2c9b5a2cc9b9b\n"
      "model     28 query heads, 4 key/value heads of 128, bf16, causal, "
      "training\n"
      "sequence  4099 tokens x batch 1, no padding\n"
      "mesh      data 1 x pipeline 1 x ring 1 x Ulysses 4 x tensor 1 (ulysses "
      "even)\n"
      "heads     busiest rank 1.000 x the mean, 4 key/value heads with copies\n"
      "wire      48.0 MiB forward in one layer, all ranks\n"
      "          backward each rank sends what it received\n"
      "\n"
      "rank     tokens  pad  q heads  kv heads     sends  receives\n"
      "   0     0-1024    0      0-6         0  12.0 MiB  12.0 MiB\n"
      "   1  1025-2049    0     7-13         1  12.0 MiB  12.0 MiB\n"
      "   2  2050-3074    0    14-20         2  12.0 MiB  12.0 MiB\n"
      "   3  3075-4098    0    21-27         3  12.0 MiB  12.0 MiB\n");
}

TEST(PlanTable, FitsWithTheLargestFigures) {
  v1::PlanRequest request;
  request.mutable_model()->set_query_heads(1024);
  request.mutable_model()->set_kv_heads(1024);
  request.mutable_model()->set_head_size(128);
  request.mutable_workload()->set_sequence_length(uint64_t{1} << 40);
  request.mutable_constraints()->set_ranks(512);
  request.mutable_topology()->add_nodes()->set_name(
      "a-very-long-node-name.rack-17.cluster.example");
  request.mutable_topology()->mutable_nodes(0)->set_slots(512);
  const std::string table = TableOf(request);
  ExpectFits(table);
  EXPECT_THAT(table, HasSubstr("receives\n"));
  EXPECT_THAT(table, HasSubstr("example/511"));
}

TEST(PlanTable, LeavesOutWhatThereIsNot) {
  v1::PlanRequest request = Request(4);
  request.mutable_workload()->set_mode(v1::MODE_FORWARD_ONLY);
  EXPECT_THAT(TableOf(request), Not(HasSubstr("backward")));
  EXPECT_THAT(TableOf(request), Not(HasSubstr("place")));
  request.set_detail(v1::DETAIL_SUMMARY);
  EXPECT_THAT(TableOf(request), Not(HasSubstr("q heads")));
}

TEST(PlanTable, ShowsPadding) {
  v1::PlanRequest request = Request(4);
  request.mutable_constraints()->set_remainder_policy(v1::REMAINDER_POLICY_PAD);
  EXPECT_THAT(TableOf(request), HasSubstr("1 padded at the end"));
}

TEST(PlanTable, PrintsNoControlCharacters) {
  v1::Plan plan = MakePlan(Request(4))->plans(0);
  plan.mutable_ranks(0)->mutable_place()->set_node("a\x1b[31m\n");
  EXPECT_THAT(PlanTable(plan), HasSubstr("a?[31m?/0"));
  EXPECT_THAT(PlanTable(plan), Not(HasSubstr("\x1b")));
}

TEST(PlanTable, TakesAnyPlanMessage) {
  v1::Plan plan;
  ExpectFits(PlanTable(plan));
  plan.add_ranks();
  plan.set_family(static_cast<v1::Family>(99));
  ExpectFits(PlanTable(plan));
}

TEST(RejectionText, SaysWhichAndWhy) {
  const std::string text = RejectionText(*MakePlan(Request(29)));
  ExpectFits(text);
  EXPECT_THAT(text, HasSubstr("no plan: MORE_RANKS_THAN_HEADS\n    29 ranks"));
  EXPECT_THAT(RejectionText(*MakePlan(Request(4))),
              HasSubstr("not ring: DEGREE_EXCLUDES_FAMILY\n"));
  EXPECT_EQ(RejectionText({}), "");
}

TEST(FormatBytes, Units) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes((uint64_t{1} << 20) - 1), "1.0 MiB");
  EXPECT_EQ(FormatBytes(uint64_t{640} << 20), "640.0 MiB");
  EXPECT_EQ(FormatBytes(~uint64_t{0}), "16.0 EiB");
}

}  // namespace
}  // namespace ithaca::planner
