#include "daemon/planner/plan_builder.h"

#include <algorithm>
#include <string>
#include <utility>

#include "daemon/planner/mesh.h"
#include "daemon/planner/plan_hash.h"
#include "daemon/planner/plan_parts.h"
#include "daemon/planner/ring_balance.h"
#include "daemon/planner/strategy_message.h"
#include "daemon/planner/workload_shape.h"

namespace ithaca::planner {
namespace {

v1::Plan PlanHeader(const Request& request, const Choice& choice) {
  const Strategy& s = choice.strategy;
  v1::Plan plan;
  plan.set_family(FamilyOf(request.model, s));
  *plan.mutable_model() = request.model;
  *plan.mutable_workload() = request.workload;
  const uint64_t micro =
      MicroBatches(request.workload, s.data_parallel).value_or(1);
  plan.mutable_workload()->set_micro_batches(static_cast<uint32_t>(micro));
  plan.mutable_workload()->set_global_batch(micro * request.workload.batch() *
                                            s.data_parallel);
  *plan.mutable_mesh() = MeshMessage(s);
  *plan.mutable_strategy() = StrategyMessage(s);
  for (v1::MeshAxis axis : RankOrderOf(plan.strategy().hybrid_order())) {
    plan.add_rank_order(axis);
  }
  plan.set_sequence_layout(choice.layout);
  plan.set_remainder_policy(request.constraints.remainder_policy());
  return plan;
}

void FillBalance(const PlanParts& parts, v1::Plan& plan) {
  plan.set_padded_sequence_length(parts.split().padded_length);
  plan.set_kv_head_copies(KvHeadCopies(parts.local_heads()) *
                          plan.mesh().tensor());
  plan.set_head_imbalance(HeadImbalance(parts.local_heads()));
  plan.set_ring_imbalance(ImbalanceOf(
      parts.split(), MaskOf(plan.workload().mask()), plan.workload().window()));
}

// Walks the ranks of a plan in order. The parts of ranks that differ in their
// replica or stage alone are made once.
class RankWalk {
 public:
  RankWalk(const v1::Plan& plan, const PlanParts& parts, bool counts)
      : mesh_(plan.mesh()),
        order_(RankOrderOf(plan.strategy().hybrid_order())),
        ring_stride_(StrideOf(mesh_, order_, v1::MESH_AXIS_RING)),
        ulysses_stride_(StrideOf(mesh_, order_, v1::MESH_AXIS_ULYSSES)) {
    for (uint32_t r = 0; r < mesh_.ring(); ++r) {
      for (uint32_t u = 0; u < mesh_.ulysses(); ++u) {
        for (uint32_t t = 0; t < mesh_.tensor(); ++t) {
          parts_.push_back(parts.Part(r, u, t, counts));
          heads_.push_back(HeadsText(parts_.back()));
        }
        tokens_.push_back(TokensText(parts_.back()));
      }
    }
  }

  const v1::Rank& Part(const v1::MeshCoordinate& c) const {
    return parts_[Index(c) * mesh_.tensor() + c.tensor()];
  }

  v1::MeshCoordinate Coordinate(uint32_t rank) const {
    return CoordinateOf(mesh_, order_, rank);
  }

  uint32_t Group(v1::MeshAxis axis, const v1::MeshCoordinate& c) const {
    return GroupOf(mesh_, order_, axis, c);
  }

  // The lines of the canonical text.
  void AppendText(uint32_t rank, const v1::Place* place,
                  std::string& text) const {
    const v1::MeshCoordinate c = Coordinate(rank);
    AppendRankLine(rank, Group(v1::MESH_AXIS_ULYSSES, c), place, text);
    const uint32_t ulysses = c.ulysses() * ulysses_stride_;
    AppendPartLine("tokens", rank, c.ring() * ring_stride_ + ulysses, true,
                   tokens_[Index(c)], text);
    AppendPartLine("heads", rank, ulysses + c.tensor(), true,
                   heads_[Index(c) * mesh_.tensor() + c.tensor()], text);
  }

  // The whole message of one rank.
  v1::Rank Message(uint32_t rank) const {
    const v1::MeshCoordinate c = Coordinate(rank);
    v1::Rank message = Part(c);
    message.set_rank(rank);
    *message.mutable_coordinate() = c;
    message.set_ulysses_group(Group(v1::MESH_AXIS_ULYSSES, c));
    if (mesh_.ring() > 1) FillRing(c, rank, *message.mutable_ring());
    return message;
  }

 private:
  size_t Index(const v1::MeshCoordinate& c) const {
    return size_t{c.ring()} * mesh_.ulysses() + c.ulysses();
  }

  void FillRing(const v1::MeshCoordinate& c, uint32_t rank,
                v1::RingPart& ring) const {
    const uint32_t first = rank - c.ring() * ring_stride_;
    const uint32_t degree = mesh_.ring();
    ring.set_ring_group(Group(v1::MESH_AXIS_RING, c));
    ring.set_next(first + (c.ring() + 1) % degree * ring_stride_);
    ring.set_previous(first + (c.ring() + degree - 1) % degree * ring_stride_);
  }

  const v1::Mesh& mesh_;
  const std::vector<v1::MeshAxis> order_;
  const uint32_t ring_stride_;
  const uint32_t ulysses_stride_;
  std::vector<v1::Rank> parts_;
  std::vector<std::string> tokens_;
  std::vector<std::string> heads_;
};

// Every part is there once for each replica and stage.
void FillTotals(const PlanParts& parts, v1::Plan& plan) {
  const v1::Mesh& mesh = plan.mesh();
  const uint64_t copies =
      uint64_t{mesh.data_parallel()} * mesh.pipeline() * mesh.tensor();
  v1::Traffic& total = *plan.mutable_total();
  uint64_t forward = 0;
  uint64_t backward = 0;
  for (uint32_t r = 0; r < mesh.ring(); ++r) {
    for (uint32_t u = 0; u < mesh.ulysses(); ++u) {
      const v1::Rank part = parts.Part(r, u, 0, false);
      AddTraffic(part.sent(), total);
      forward += part.ring().forward_bytes();
      backward += part.ring().backward_bytes();
    }
  }
  total.set_forward_wire_bytes(total.forward_wire_bytes() * copies);
  total.set_forward_bytes(total.forward_bytes() * copies);
  total.set_backward_wire_bytes(total.backward_wire_bytes() * copies);
  total.set_backward_bytes(total.backward_bytes() * copies);
  plan.set_ring_forward_bytes(forward * copies);
  plan.set_ring_backward_bytes(backward * copies);
}

class Places {
 public:
  explicit Places(const std::optional<std::vector<topology::Slot>>& slots)
      : slots_(slots) {}

  // Null: unknown.
  const v1::Place* Of(uint32_t rank) {
    if (!slots_) return nullptr;
    place_.set_node((*slots_)[rank].node);
    place_.set_local_index((*slots_)[rank].local_index);
    return &place_;
  }

 private:
  const std::optional<std::vector<topology::Slot>>& slots_;
  v1::Place place_;
};

std::string HashOf(const v1::Plan& plan, const RankWalk& walk, uint32_t ranks,
                   Places& places) {
  std::string text = HeadText(plan);
  text.reserve(text.size() + size_t{ranks} * 80);
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    walk.AppendText(rank, places.Of(rank), text);
  }
  return Sha256Hex(text);
}

void FillGroups(uint32_t ranks, const RankWalk& walk, v1::Plan& plan) {
  const v1::Mesh& mesh = plan.mesh();
  const uint32_t ulysses_groups = ranks / mesh.ulysses();
  for (uint32_t i = 0; i < ulysses_groups; ++i) plan.add_ulysses_groups();
  const uint32_t ring_groups = mesh.ring() == 1 ? 0 : ranks / mesh.ring();
  for (uint32_t i = 0; i < ring_groups; ++i) plan.add_ring_groups();
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    const v1::MeshCoordinate c = walk.Coordinate(rank);
    plan.mutable_ulysses_groups(walk.Group(v1::MESH_AXIS_ULYSSES, c))
        ->add_ranks(rank);
    if (ring_groups == 0) continue;
    plan.mutable_ring_groups(walk.Group(v1::MESH_AXIS_RING, c))
        ->add_ranks(rank);
  }
}

}  // namespace

v1::Plan BuildPlan(const Request& request, const Choice& choice,
                   const std::optional<std::vector<topology::Slot>>& places) {
  v1::Plan plan = PlanHeader(request, choice);
  const PlanParts parts(plan);
  FillBalance(parts, plan);
  FillTotals(parts, plan);
  const bool full = request.detail == v1::DETAIL_FULL;
  const uint32_t ranks = *RankCount(plan.mesh());
  const RankWalk walk(plan, parts, full);
  Places at(places);
  plan.set_hash(HashOf(plan, walk, ranks, at));
  if (!full) return plan;
  uint64_t first = 0;
  uint64_t end = ranks;
  if (request.window) {
    first = std::min<uint64_t>(request.window->first(), ranks);
    end = std::min<uint64_t>(first + request.window->count(), ranks);
  } else {
    FillGroups(ranks, walk, plan);
  }
  plan.mutable_ranks()->Reserve(static_cast<int>(end - first));
  for (uint64_t rank = first; rank < end; ++rank) {
    v1::Rank& message = *plan.add_ranks();
    message = walk.Message(static_cast<uint32_t>(rank));
    if (const v1::Place* place = at.Of(message.rank())) {
      *message.mutable_place() = *place;
    }
  }
  return plan;
}

}  // namespace ithaca::planner
