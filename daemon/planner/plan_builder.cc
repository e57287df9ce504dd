#include "daemon/planner/plan_builder.h"

#include <utility>
#include <vector>

#include "daemon/planner/head_map.h"
#include "daemon/planner/mesh.h"
#include "daemon/planner/plan_hash.h"
#include "daemon/planner/token_map.h"
#include "daemon/planner/traffic.h"

namespace ithaca::planner {
namespace {

// What every replica has in common.
struct GroupShares {
  std::vector<HeadShare> heads;
  std::vector<TokenShare> tokens;
};

Exchange MakeExchange(const Request& request, const GroupShares& shares) {
  std::vector<Member> members;
  for (size_t i = 0; i < shares.heads.size(); ++i) {
    members.push_back({shares.tokens[i].count * request.workload.batch(),
                       shares.heads[i].count, shares.heads[i].kv_count});
  }
  return Exchange(std::move(members), request.model.head_size(),
                  BytesOf(request.workload.data_type()),
                  request.workload.mode() == v1::MODE_TRAINING);
}

v1::Plan PlanHeader(const Request& request, const Degrees& degrees,
                    const GroupShares& shares) {
  v1::Plan plan;
  plan.set_family(FamilyOf(request.model.query_heads(),
                           request.model.kv_heads(), degrees.ulysses));
  *plan.mutable_model() = request.model;
  *plan.mutable_workload() = request.workload;
  v1::Mesh& mesh = *plan.mutable_mesh();
  mesh.set_data_parallel(degrees.data_parallel);
  mesh.set_pipeline(1);
  mesh.set_ring(1);
  mesh.set_ulysses(degrees.ulysses);
  mesh.set_tensor(1);
  for (v1::MeshAxis axis : DefaultRankOrder()) plan.add_rank_order(axis);
  plan.set_sequence_layout(v1::SEQUENCE_LAYOUT_CONTIGUOUS);
  plan.set_remainder_policy(request.constraints.remainder_policy());
  const TokenShare& last = shares.tokens.back();
  plan.set_padded_sequence_length(last.start + last.count);
  plan.set_kv_head_copies(KvHeadCopies(shares.heads));
  plan.set_head_imbalance(HeadImbalance(shares.heads));
  return plan;
}

void FillShare(const TokenShare& tokens, const HeadShare& heads, uint64_t rows,
               v1::Rank& rank) {
  v1::TokenRange& range = *rank.add_token_ranges();
  range.set_start(tokens.start);
  range.set_count(tokens.count);
  rank.set_valid_tokens(tokens.valid);
  rank.set_pad_tokens(tokens.count - tokens.valid);
  rank.set_rows(rows);
  rank.mutable_query_heads()->set_start(heads.start);
  rank.mutable_query_heads()->set_count(heads.count);
  for (uint32_t i = 0; i < heads.kv_count; ++i) {
    rank.add_kv_heads(heads.first_kv + i);
  }
}

v1::Rank MakeRank(const Request& request, const v1::Plan& plan,
                  const GroupShares& shares, const Exchange& exchange,
                  uint32_t number) {
  const std::vector<v1::MeshAxis> order = DefaultRankOrder();
  v1::Rank rank;
  rank.set_rank(number);
  *rank.mutable_coordinate() = CoordinateOf(plan.mesh(), order, number);
  rank.set_ulysses_group(GroupOf(plan.mesh(), order, rank.coordinate()));
  if (request.slots) {
    rank.mutable_place()->set_node((*request.slots)[number].node);
    rank.mutable_place()->set_local_index((*request.slots)[number].local_index);
  }
  const uint32_t self = rank.coordinate().ulysses();
  FillShare(shares.tokens[self], shares.heads[self],
            exchange.members()[self].rows, rank);
  *rank.mutable_sent() = exchange.Sent(self);
  *rank.mutable_received() = exchange.Received(self);
  if (request.summary) return rank;
  *rank.mutable_seq_to_heads() = exchange.SeqToHeads(self);
  *rank.mutable_heads_to_seq() = exchange.HeadsToSeq(self);
  return rank;
}

}  // namespace

v1::Plan BuildPlan(const Request& request, const Degrees& degrees) {
  const GroupShares shares = {
      MapHeads(request.model.query_heads(), request.model.kv_heads(),
               degrees.ulysses),
      MapTokens(
          request.workload.sequence_length(), degrees.ulysses,
          request.constraints.remainder_policy() == v1::REMAINDER_POLICY_PAD)};
  const Exchange exchange = MakeExchange(request, shares);
  v1::Plan plan = PlanHeader(request, degrees, shares);
  for (uint32_t i = 0; i < degrees.data_parallel; ++i) {
    plan.add_ulysses_groups();
  }
  for (uint32_t i = 0; i < degrees.data_parallel * degrees.ulysses; ++i) {
    v1::Rank rank = MakeRank(request, plan, shares, exchange, i);
    AddTraffic(rank.sent(), *plan.mutable_total());
    plan.mutable_ulysses_groups(rank.ulysses_group())->add_ranks(i);
    *plan.add_ranks() = std::move(rank);
  }
  plan.set_hash(HashPlan(plan));
  if (request.summary) {
    plan.clear_ranks();
    plan.clear_ulysses_groups();
  }
  return plan;
}

}  // namespace ithaca::planner
