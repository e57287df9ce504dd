// What a plan may not say, each with the words that name the field; and what it
// may.
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/api/flat_plan.h"
#include "kernels/api/ithaca_ulysses.h"

namespace ithaca::ulysses {
namespace {

// Qwen2.5-7B's heads on 8 ranks: 28 query heads in groups of 7, every KV head
// on two.
FlatPlan GoodPlan() {
  FlatPlan plan;
  plan.head_size = 128;
  plan.num_q_heads = 28;
  plan.num_kv_heads = 4;
  plan.plan_hash = "0123";
  for (int32_t r = 0; r < 8; ++r) {
    const int32_t start = r / 2 * 7 + r % 2 * 4;
    plan.AddRank(513, 513 * r, start, r % 2 ? 3 : 4);
  }
  return plan;
}

int32_t Validate(const ithaca_ulysses_plan& plan, std::string* message) {
  ithaca_ulysses_error error;
  memset(&error, 0x7F, sizeof(error));
  const int32_t code = ithaca_ulysses_plan_validate(&plan, &error);
  EXPECT_EQ(error.code, code);
  EXPECT_EQ(ithaca_ulysses_plan_validate(&plan, nullptr), code);
  *message = error.message;
  return code;
}

// Expects that the good plan with one change is refused with those words.
void ExpectRefused(int32_t code, const std::string& words,
                   const std::function<void(FlatPlan*)>& change) {
  FlatPlan plan = GoodPlan();
  change(&plan);
  std::string message;
  EXPECT_EQ(Validate(plan.View(3), &message), code) << words;
  EXPECT_NE(message.find(words), std::string::npos) << message;
}

void ExpectViewRefused(
    int32_t code, const std::string& words,
    const std::function<void(ithaca_ulysses_plan*)>& change) {
  const FlatPlan plan = GoodPlan();
  ithaca_ulysses_plan view = plan.View(3);
  change(&view);
  std::string message;
  EXPECT_EQ(Validate(view, &message), code) << words;
  EXPECT_NE(message.find(words), std::string::npos) << message;
}

constexpr int32_t kArgument = ITHACA_ULYSSES_INVALID_ARGUMENT;
constexpr int32_t kPlan = ITHACA_ULYSSES_INVALID_PLAN;
constexpr int32_t kUnsupported = ITHACA_ULYSSES_UNSUPPORTED;
constexpr int32_t kTooLarge = ITHACA_ULYSSES_TOO_LARGE;

TEST(PlanCheckTest, TakesAGoodPlan) {
  const FlatPlan plan = GoodPlan();
  std::string message;
  for (int32_t r = 0; r < 8; ++r)
    EXPECT_EQ(Validate(plan.View(r), &message), 0) << message;
  EXPECT_EQ(message, "");
}

TEST(PlanCheckTest, TakesEmptyRanksAndAnyOrderOfRanks) {
  FlatPlan plan;
  plan.head_size = 8;
  plan.num_q_heads = 4;
  plan.num_kv_heads = 2;
  plan.AddRank(3, 5, 2, 2);
  plan.AddRank(0, 5, 0, 0);
  plan.AddRank(5, 0, 0, 2);
  plan.AddRank(0, 0, 4, 0);
  std::string message;
  EXPECT_EQ(Validate(plan.View(1), &message), 0) << message;
}

TEST(PlanCheckTest, RefusesBadStructs) {
  EXPECT_EQ(ithaca_ulysses_plan_validate(nullptr, nullptr), kArgument);
  ExpectViewRefused(kArgument, "struct_size is 0",
                    [](auto* p) { p->struct_size = 0; });
  ExpectViewRefused(kArgument, "struct_size is 111",
                    [](auto* p) { p->struct_size = 111; });
  ExpectViewRefused(kArgument, "struct_size is 4097",
                    [](auto* p) { p->struct_size = 4097; });
  alignas(8) char shifted[sizeof(ithaca_ulysses_plan) + 8] = {};
  const ithaca_ulysses_plan view = GoodPlan().View(0);
  memcpy(shifted + 1, &view, sizeof(view));
  EXPECT_EQ(
      ithaca_ulysses_plan_validate(
          reinterpret_cast<const ithaca_ulysses_plan*>(shifted + 1), nullptr),
      kArgument);
}

TEST(PlanCheckTest, TakesALongerStructOnlyWhenTheRestIsZero) {
  const FlatPlan plan = GoodPlan();
  struct {
    ithaca_ulysses_plan known;
    char more[40];
  } newer = {plan.View(0), {}};
  newer.known.struct_size = sizeof(newer);
  std::string message;
  EXPECT_EQ(Validate(newer.known, &message), 0) << message;
  newer.more[39] = 1;
  EXPECT_EQ(Validate(newer.known, &message), kUnsupported);
  EXPECT_NE(message.find("byte 159 of plan is set"), std::string::npos)
      << message;
}

TEST(PlanCheckTest, RefusesBadScalars) {
  ExpectViewRefused(kUnsupported, "plan.dtype is 0",
                    [](auto* p) { p->dtype = 0; });
  ExpectViewRefused(kUnsupported, "plan.layout is 4",
                    [](auto* p) { p->layout = 4; });
  ExpectViewRefused(kPlan, "plan.batch is 2, expected 1", [](auto* p) {
    p->layout = ITHACA_ULYSSES_PACKED;
    p->batch = 2;
  });
  ExpectViewRefused(kUnsupported, "plan.token_order is 3",
                    [](auto* p) { p->token_order = 3; });
  ExpectViewRefused(kUnsupported, "plan.wire is 2",
                    [](auto* p) { p->wire = 2; });
  ExpectViewRefused(kUnsupported, "plan.reserved is 1",
                    [](auto* p) { p->reserved = 1; });
  ExpectViewRefused(kUnsupported, "token_order_params",
                    [](auto* p) { p->token_order_params = p; });
  ExpectViewRefused(kPlan, "plan.num_ranks is 0",
                    [](auto* p) { p->num_ranks = 0; });
  ExpectViewRefused(kPlan, "plan.num_ranks is 65537",
                    [](auto* p) { p->num_ranks = 65537; });
  ExpectViewRefused(kPlan, "plan.my_rank is 8, expected 0 to 7",
                    [](auto* p) { p->my_rank = 8; });
  ExpectViewRefused(kPlan, "plan.my_rank is -1",
                    [](auto* p) { p->my_rank = -1; });
  ExpectViewRefused(kPlan, "plan.batch is 0", [](auto* p) { p->batch = 0; });
  ExpectViewRefused(kPlan, "plan.head_size is 0",
                    [](auto* p) { p->head_size = 0; });
  ExpectViewRefused(kPlan, "plan.num_q_heads is -4",
                    [](auto* p) { p->num_q_heads = -4; });
  ExpectViewRefused(kPlan, "plan.num_kv_heads is 29",
                    [](auto* p) { p->num_kv_heads = 29; });
  ExpectViewRefused(kPlan, "a multiple of num_kv_heads 3",
                    [](auto* p) { p->num_kv_heads = 3; });
  ExpectViewRefused(kPlan, "plan.plan_hash_bytes is 65",
                    [](auto* p) { p->plan_hash_bytes = 65; });
}

TEST(PlanCheckTest, RefusesNullAndMisalignedArrays) {
  ExpectViewRefused(kArgument, "plan.rank_rows is NULL",
                    [](auto* p) { p->rank_rows = nullptr; });
  ExpectViewRefused(kArgument, "plan.rank_row_offset is NULL",
                    [](auto* p) { p->rank_row_offset = nullptr; });
  ExpectViewRefused(kArgument, "plan.q_head_start is NULL",
                    [](auto* p) { p->q_head_start = nullptr; });
  ExpectViewRefused(kArgument, "plan.q_head_count is NULL",
                    [](auto* p) { p->q_head_count = nullptr; });
  ExpectViewRefused(kArgument, "plan.kv_offsets is NULL",
                    [](auto* p) { p->kv_offsets = nullptr; });
  ExpectViewRefused(kArgument, "plan.kv_heads is NULL",
                    [](auto* p) { p->kv_heads = nullptr; });
  ExpectViewRefused(kArgument, "plan.plan_hash is NULL",
                    [](auto* p) { p->plan_hash = nullptr; });
  ExpectViewRefused(kArgument, "plan.rank_rows is not aligned to 8",
                    [](auto* p) {
                      p->rank_rows = reinterpret_cast<const int64_t*>(
                          reinterpret_cast<uintptr_t>(p->rank_rows) + 4);
                    });
}

TEST(PlanCheckTest, RefusesTokensThatDoNotTile) {
  ExpectRefused(kPlan, "rank 2: rows -1",
                [](auto* p) { p->rank_rows[2] = -1; });
  ExpectRefused(kPlan, "rank 2: tokens start at 1025, expected 1026",
                [](auto* p) { p->rank_row_offset[2] = 1025; });
  ExpectRefused(kPlan, "rank 3: tokens start at 1539, expected 1540",
                [](auto* p) { p->rank_rows[2] = 514; });
  ExpectRefused(kPlan, "rank 3: tokens start at 1539, expected 1538",
                [](auto* p) { p->rank_rows[2] = 512; });
}

// Two ranks, striped, and a third with a range of its own.
FlatPlan PlanOfRanges() {
  FlatPlan plan;
  plan.head_size = 8;
  plan.num_q_heads = 3;
  plan.num_kv_heads = 3;
  plan.AddRank({{0, 5, 2}}, 0, 1);
  plan.AddRank({{1, 5, 2}}, 1, 1);
  plan.AddRank({{10, 3, 1}, {13, 2, 1}}, 2, 1);
  return plan;
}

void ExpectRangesRefused(int32_t code, const std::string& words,
                         const std::function<void(FlatPlan*)>& change) {
  FlatPlan plan = PlanOfRanges();
  change(&plan);
  std::string message;
  EXPECT_EQ(Validate(plan.View(0), &message), code) << words;
  EXPECT_NE(message.find(words), std::string::npos) << message;
}

TEST(PlanCheckTest, TakesRangesThatHoldEveryTokenOnce) {
  std::string message;
  EXPECT_EQ(Validate(PlanOfRanges().View(2), &message), 0) << message;
}

TEST(PlanCheckTest, RefusesRangesThatDoNot) {
  ExpectRangesRefused(kPlan, "range 1: position 2 is held twice",
                      [](auto* p) { p->range_start[1] = 2; });
  ExpectRangesRefused(
      kPlan, "range 3: start 13, count 2, stride 2 does not lie in [0, 15)",
      [](auto* p) { p->range_stride[3] = 2; });
  ExpectRangesRefused(kPlan, "start -1",
                      [](auto* p) { p->range_start[0] = -1; });
  ExpectRangesRefused(kPlan, "stride 0",
                      [](auto* p) { p->range_stride[0] = 0; });
  ExpectRangesRefused(kPlan, "count 0", [](auto* p) { p->range_count[0] = 0; });
  ExpectRangesRefused(kPlan, "stride 9223372036854775807",
                      [](auto* p) { p->range_stride[2] = INT64_MAX; });
  ExpectRangesRefused(kPlan, "rank 0: its token ranges hold more",
                      [](auto* p) { p->range_count[0] = 6; });
  ExpectRangesRefused(kPlan, "rank 0: its token ranges hold fewer",
                      [](auto* p) { p->range_count[0] = 4; });
  ExpectRangesRefused(kPlan, "offsets[0] is 1",
                      [](auto* p) { p->range_offsets[0] = 1; });
  ExpectRangesRefused(kPlan, "offsets[3] is 5",
                      [](auto* p) { p->range_offsets[3] = 5; });
  ExpectRangesRefused(kPlan, "end at 4, expected num_ranges 5",
                      [](auto* p) { p->range_start.push_back(0); });
  ExpectRangesRefused(kTooLarge, "tokens with strides", [](auto* p) {
    p->range_count[3] += int64_t{1} << 28;
    p->rank_rows[2] += int64_t{1} << 28;
  });
  ExpectRangesRefused(kPlan, "token range 1: tokens start at 4", [](auto* p) {
    p->range_start = {0, 4, 10, 13};
    p->range_stride = {1, 1, 1, 1};
  });
}

TEST(PlanCheckTest, RefusesBadStructsOfRanges) {
  const FlatPlan plan = PlanOfRanges();
  const auto refused =
      [&](int32_t code, const std::string& words,
          const std::function<void(ithaca_ulysses_plan*,
                                   ithaca_ulysses_token_ranges*)>& change) {
        ithaca_ulysses_plan view = plan.View(0);
        auto ranges = *static_cast<const ithaca_ulysses_token_ranges*>(
            view.token_order_params);
        view.token_order_params = &ranges;
        change(&view, &ranges);
        std::string message;
        EXPECT_EQ(Validate(view, &message), code) << words;
        EXPECT_NE(message.find(words), std::string::npos) << message;
      };
  refused(kArgument, "token_order_params is NULL",
          [](auto* p, auto*) { p->token_order_params = nullptr; });
  refused(kArgument, "rank_row_offset must be NULL",
          [](auto* p, auto*) { p->rank_row_offset = p->rank_rows; });
  refused(kArgument, "token_order_params.struct_size is 47",
          [](auto*, auto* r) { r->struct_size = 47; });
  refused(kUnsupported, "token_order_params.reserved",
          [](auto*, auto* r) { r->reserved = 1; });
  refused(kArgument, "token_order_params.offsets is NULL",
          [](auto*, auto* r) { r->offsets = nullptr; });
  refused(kArgument, "token_order_params.stride is NULL",
          [](auto*, auto* r) { r->stride = nullptr; });
}

TEST(PlanCheckTest, TakesAPlanOfTheFirstVersion) {
  const FlatPlan plan = GoodPlan();
  ithaca_ulysses_plan view = plan.View(0);
  view.struct_size = 112;
  view.wire = 77;  // behind what the caller has
  std::string message;
  EXPECT_EQ(Validate(view, &message), 0) << message;
}

TEST(PlanCheckTest, RefusesQueryHeadsThatDoNotTile) {
  ExpectRefused(kPlan, "rank 5: q_head_start -1",
                [](auto* p) { p->q_head_start[5] = -1; });
  ExpectRefused(kPlan, "rank 5: query heads start at 17, expected 18",
                [](auto* p) { p->q_head_start[5] = 17; });
  ExpectRefused(kPlan, "end behind 28",
                [](auto* p) { p->q_head_count[7] = 4; });
  ExpectRefused(kPlan, "query heads cover 27, expected 28",
                [](auto* p) { p->q_head_count[7] = 2; });
}

TEST(PlanCheckTest, RefusesWrongKvHeads) {
  ExpectRefused(kPlan, "rank 0: entry 0 of its kv_heads is 1, expected 0",
                [](auto* p) { p->kv_heads[0] = 1; });
  ExpectRefused(kPlan, "rank 6: entry 0 of its kv_heads is -1, expected 3",
                [](auto* p) { p->kv_heads[6] = -1; });
  ExpectRefused(kPlan, "plan.kv_offsets[0] is 1",
                [](auto* p) { p->kv_offsets[0] = 1; });
  ExpectRefused(kPlan,
                "rank 4 lists 0 KV heads, expected 1: query heads [14, 18)",
                [](auto* p) { p->kv_offsets[5] = 4; });
  ExpectRefused(kPlan, "plan.kv_offsets[8] is 9",
                [](auto* p) { p->kv_offsets[8] = 9; });
  ExpectRefused(kPlan, "plan.kv_offsets[3] is 1, expected 2",
                [](auto* p) { p->kv_offsets[3] = 1; });
  ExpectRefused(kPlan, "expected kv_heads_length 9",
                [](auto* p) { p->kv_heads.push_back(3); });
  ExpectViewRefused(kPlan, "kv_heads_length -1",
                    [](auto* p) { p->kv_heads_length = -1; });
}

TEST(PlanCheckTest, RefusesSizesThatOverflow) {
  ExpectRefused(kTooLarge, "sum of rows", [](auto* p) {
    for (int64_t& rows : p->rank_rows) rows = INT64_MAX / 3;
  });
  ExpectRefused(kTooLarge, "leaves 62 bits", [](auto* p) {
    p->batch = INT32_MAX;
    int64_t offset = 0;
    for (int32_t r = 0; r < 8; ++r) {
      p->rank_rows[r] = int64_t{1} << 20;
      p->rank_row_offset[r] = offset;
      offset += p->rank_rows[r];
    }
  });
}

}  // namespace
}  // namespace ithaca::ulysses
