#include "kernels/reference/testing/random_plan.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace ithaca::ulysses {
namespace {

int64_t Draw(std::mt19937* rng, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(*rng);
}

// Cuts [0, total) into `parts` ranges at random; some may be empty.
std::vector<int64_t> Cut(std::mt19937* rng, int64_t total, int32_t parts) {
  std::vector<int64_t> cuts = {0, total};
  for (int32_t i = 1; i < parts; ++i) cuts.push_back(Draw(rng, 0, total));
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

std::vector<int32_t> Shuffled(std::mt19937* rng, int32_t n, bool shuffle) {
  std::vector<int32_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  if (shuffle) std::shuffle(order.begin(), order.end(), *rng);
  return order;
}

// The tokens of each rank, in an order other than contiguous.
std::vector<std::vector<Tokens>> DrawTokens(std::mt19937* rng, int64_t total,
                                            int32_t ranks) {
  std::vector<std::vector<Tokens>> held(ranks);
  if (Draw(rng, 0, 2) == 0) {  // striped
    for (int64_t r = 0; r < std::min<int64_t>(ranks, total); ++r)
      held[r] = {{r, (total - r + ranks - 1) / ranks, ranks}};
    return held;
  }
  // Each document in 2P pieces, of which rank r has the r-th from both ends;
  // one document: zigzag.
  const std::vector<int64_t> documents =
      Cut(rng, total, static_cast<int32_t>(Draw(rng, 1, 4)));
  for (size_t i = 0; i + 1 < documents.size(); ++i) {
    const int64_t length = documents[i + 1] - documents[i];
    const std::vector<int64_t> pieces = Cut(rng, length, 2 * ranks);
    for (int32_t r = 0; r < ranks; ++r) {
      for (int32_t piece : {r, 2 * ranks - 1 - r}) {
        const int64_t count = pieces[piece + 1] - pieces[piece];
        if (count > 0)
          held[r].push_back({documents[i] + pieces[piece], count, 1});
      }
    }
  }
  return held;
}

}  // namespace

FlatPlan RandomPlan(std::mt19937* rng, const RandomPlanLimits& limits) {
  FlatPlan plan;
  const auto ranks = static_cast<int32_t>(Draw(rng, 1, limits.max_ranks));
  plan.dtype = static_cast<int32_t>(Draw(rng, 1, 3));
  plan.layout = static_cast<int32_t>(Draw(rng, 1, 3));
  if (plan.layout != ITHACA_ULYSSES_PACKED)
    plan.batch = static_cast<int32_t>(Draw(rng, 1, limits.max_batch));
  if (limits.quantised) plan.wire = ITHACA_ULYSSES_WIRE_FP8_E4M3;
  plan.head_size = static_cast<int32_t>(Draw(rng, 1, limits.max_head_size));
  plan.num_kv_heads = static_cast<int32_t>(Draw(rng, 1, limits.max_kv_heads));
  plan.num_q_heads =
      plan.num_kv_heads * static_cast<int32_t>(Draw(rng, 1, limits.max_group));
  plan.plan_hash.assign(Draw(rng, 0, 64), static_cast<char>(Draw(rng, 0, 127)));
  const std::vector<int64_t> tokens =
      Cut(rng, Draw(rng, 1, limits.max_tokens), ranks);
  const std::vector<int64_t> heads = Cut(rng, plan.num_q_heads, ranks);
  const std::vector<int32_t> token_order =
      Shuffled(rng, ranks, Draw(rng, 0, 2) == 0);
  const std::vector<int32_t> head_order =
      Shuffled(rng, ranks, Draw(rng, 0, 2) == 0);
  const bool contiguous = Draw(rng, 0, 1) == 0;
  const auto held = DrawTokens(rng, tokens.back(), ranks);
  for (int32_t r = 0; r < ranks; ++r) {
    const int32_t t = token_order[r], h = head_order[r];
    if (!contiguous) {
      plan.AddRank(held[t], static_cast<int32_t>(heads[h]),
                   static_cast<int32_t>(heads[h + 1] - heads[h]));
      continue;
    }
    plan.AddRank(tokens[t + 1] - tokens[t], tokens[t],
                 static_cast<int32_t>(heads[h]),
                 static_cast<int32_t>(heads[h + 1] - heads[h]));
  }
  return plan;
}

FlatPlan EvenPlan(int32_t ranks, int64_t tokens, int32_t q_heads,
                  int32_t kv_heads, int32_t head_size, int32_t dtype) {
  FlatPlan plan;
  plan.dtype = dtype;
  plan.head_size = head_size;
  plan.num_q_heads = q_heads;
  plan.num_kv_heads = kv_heads;
  for (int64_t r = 0; r < ranks; ++r) {
    const int64_t token = tokens * r / ranks,
                  head = static_cast<int64_t>(q_heads) * r / ranks;
    plan.AddRank(tokens * (r + 1) / ranks - token, token,
                 static_cast<int32_t>(head),
                 static_cast<int32_t>(q_heads * (r + 1) / ranks - head));
  }
  return plan;
}

int64_t TotalTokens(const FlatPlan& plan) {
  return std::accumulate(plan.rank_rows.begin(), plan.rank_rows.end(),
                         int64_t{0});
}

}  // namespace ithaca::ulysses
