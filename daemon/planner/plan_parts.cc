#include "daemon/planner/plan_parts.h"

#include <algorithm>
#include <utility>

#include "daemon/planner/workload_shape.h"

namespace ithaca::planner {
namespace {

Exchange MakeExchange(const v1::Plan& plan, const SequenceSplit& split,
                      const std::vector<HeadShare>& heads, uint32_t ring) {
  std::vector<Member> members;
  members.reserve(heads.size());
  for (size_t u = 0; u < heads.size(); ++u) {
    const TokenShare& share = split.shares[ring * heads.size() + u];
    members.push_back({share.count * plan.workload().batch(), heads[u].count,
                       heads[u].kv_count});
  }
  return Exchange(std::move(members), plan.model().head_size(),
                  BytesOf(plan.workload().data_type()),
                  plan.workload().mode() == v1::MODE_TRAINING);
}

void FillTokens(const v1::Plan& plan, const TokenShare& share, v1::Rank& rank) {
  for (const TokenRun& run : share.runs) {
    v1::TokenRange& range = *rank.add_token_ranges();
    range.set_start(run.start);
    range.set_count(run.count);
    if (run.stride > 1) range.set_stride(run.stride);
  }
  rank.set_valid_tokens(share.valid);
  rank.set_pad_tokens(share.count - share.valid);
  rank.set_rows(share.count * plan.workload().batch());
}

void FillHeads(const v1::Plan& plan, const HeadShare& local, uint32_t tensor,
               v1::Rank& rank) {
  const uint32_t heads = plan.model().query_heads();
  const uint32_t start = tensor * (heads / plan.mesh().tensor()) + local.start;
  const HeadShare share =
      ShareOf(start, local.count, heads / plan.model().kv_heads());
  rank.mutable_query_heads()->set_start(share.start);
  rank.mutable_query_heads()->set_count(share.count);
  for (uint32_t i = 0; i < share.kv_count; ++i) {
    rank.add_kv_heads(share.first_kv + i);
  }
}

}  // namespace

RingLayout LayoutOf(v1::SequenceLayout layout) {
  switch (layout) {
    case v1::SEQUENCE_LAYOUT_ZIGZAG:
      return RingLayout::kZigzag;
    case v1::SEQUENCE_LAYOUT_STRIPED:
      return RingLayout::kStriped;
    case v1::SEQUENCE_LAYOUT_PACKED:
      return RingLayout::kPacked;
    default:
      return RingLayout::kContiguous;
  }
}

SplitSpec SplitSpecOf(const v1::Plan& plan) {
  SplitSpec spec;
  spec.length = plan.workload().sequence_length();
  spec.ring = plan.mesh().ring();
  spec.ulysses = plan.mesh().ulysses();
  spec.layout = LayoutOf(plan.sequence_layout());
  spec.pad = plan.remainder_policy() == v1::REMAINDER_POLICY_PAD;
  spec.borders.assign(plan.workload().cu_seqlens().begin(),
                      plan.workload().cu_seqlens().end());
  return spec;
}

std::vector<HeadShare> LocalHeads(const v1::Model& model,
                                  const v1::Mesh& mesh) {
  return MapHeads(model.query_heads() / mesh.tensor(),
                  std::max(1u, model.kv_heads() / mesh.tensor()),
                  mesh.ulysses());
}

RingBytes BytesAroundRing(const v1::Plan& plan,
                          const std::vector<uint64_t>& tokens, uint32_t self,
                          uint32_t kv_heads) {
  uint64_t all = 0;
  for (uint64_t count : tokens) all += count;
  // R - 1 hops pass on every part but that of the next member.
  const uint64_t passed = all - tokens[(self + 1) % tokens.size()];
  const uint64_t element = BytesOf(plan.workload().data_type());
  const uint64_t gradient =
      plan.strategy().ring_gradients() == v1::RING_GRADIENTS_ELEMENT ? element
                                                                     : 4;
  const uint64_t row = 2 * plan.workload().batch() * uint64_t{kv_heads} *
                       plan.model().head_size();
  RingBytes bytes;
  bytes.forward = passed * row * element;
  if (plan.workload().mode() == v1::MODE_TRAINING) {
    bytes.backward = bytes.forward + all * row * gradient;
  }
  return bytes;
}

PlanParts::PlanParts(const v1::Plan& plan)
    : plan_(plan),
      split_(SplitSequence(SplitSpecOf(plan))),
      heads_(LocalHeads(plan.model(), plan.mesh())) {
  for (uint32_t r = 0; r < plan.mesh().ring(); ++r) {
    exchanges_.push_back(MakeExchange(plan, split_, heads_, r));
  }
}

v1::Rank PlanParts::Part(uint32_t ring, uint32_t ulysses, uint32_t tensor,
                         bool counts) const {
  v1::Rank rank;
  FillTokens(plan_, split_.shares[ring * heads_.size() + ulysses], rank);
  FillHeads(plan_, heads_[ulysses], tensor, rank);
  const Exchange& exchange = exchanges_[ring];
  *rank.mutable_sent() = exchange.Sent(ulysses);
  *rank.mutable_received() = exchange.Received(ulysses);
  if (counts) {
    *rank.mutable_seq_to_heads() = exchange.SeqToHeads(ulysses);
    *rank.mutable_heads_to_seq() = exchange.HeadsToSeq(ulysses);
  }
  if (plan_.mesh().ring() == 1) return rank;
  const RingBytes bytes = BytesAroundRing(plan_, split_.ring_tokens, ring,
                                          heads_[ulysses].kv_count);
  rank.mutable_ring()->set_tokens(split_.ring_tokens[ring]);
  rank.mutable_ring()->set_forward_bytes(bytes.forward);
  rank.mutable_ring()->set_backward_bytes(bytes.backward);
  return rank;
}

}  // namespace ithaca::planner
