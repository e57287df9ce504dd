#include "daemon/planner/strategy_message.h"

namespace ithaca::planner {

v1::Mesh MeshMessage(const Strategy& s) {
  v1::Mesh mesh;
  mesh.set_data_parallel(s.data_parallel);
  mesh.set_pipeline(s.pipeline);
  mesh.set_ring(s.ring);
  mesh.set_ulysses(s.ulysses);
  mesh.set_tensor(s.tensor);
  return mesh;
}

v1::Strategy StrategyMessage(const Strategy& s) {
  v1::Strategy message;
  message.set_zero_stage(s.zero_stage);
  message.set_recompute(
      static_cast<v1::Recompute>(static_cast<int>(s.recompute) + 1));
  message.set_offload_optimizer(s.offload_optimizer);
  message.set_offload_parameters(s.offload_parameters);
  message.set_offload_checkpoints(s.offload_checkpoints);
  message.set_tiled_mlp(s.tiled_mlp);
  message.set_tiled_loss(s.tiled_loss);
  message.set_attention_chunk(s.attention_chunk);
  message.set_expert_parallel(s.expert_parallel);
  message.set_hybrid_order(s.hybrid_order == HybridOrder::kRingInside
                               ? v1::HYBRID_ORDER_RING_INSIDE
                               : v1::HYBRID_ORDER_ULYSSES_INSIDE);
  message.set_ring_gradients(s.ring_gradients == RingGradients::kElement
                                 ? v1::RING_GRADIENTS_ELEMENT
                                 : v1::RING_GRADIENTS_FP32);
  return message;
}

Strategy StrategyOf(const v1::Mesh& mesh, const v1::Strategy& message,
                    v1::SequenceLayout layout) {
  Strategy s;
  s.data_parallel = mesh.data_parallel();
  s.pipeline = mesh.pipeline();
  s.ring = mesh.ring();
  s.ulysses = mesh.ulysses();
  s.tensor = mesh.tensor();
  s.expert_parallel = message.expert_parallel();
  s.hybrid_order = message.hybrid_order() == v1::HYBRID_ORDER_RING_INSIDE
                       ? HybridOrder::kRingInside
                       : HybridOrder::kUlyssesInside;
  s.token_order = layout == v1::SEQUENCE_LAYOUT_STRIPED ? TokenOrder::kStriped
                  : layout == v1::SEQUENCE_LAYOUT_CONTIGUOUS
                      ? TokenOrder::kContiguous
                      : TokenOrder::kZigzag;
  s.ring_gradients = message.ring_gradients() == v1::RING_GRADIENTS_ELEMENT
                         ? RingGradients::kElement
                         : RingGradients::kFp32;
  s.zero_stage = message.zero_stage();
  s.recompute = message.recompute() == v1::RECOMPUTE_FULL ? Recompute::kFull
                : message.recompute() == v1::RECOMPUTE_SELECTIVE
                    ? Recompute::kSelective
                    : Recompute::kNone;
  s.offload_optimizer = message.offload_optimizer();
  s.offload_parameters = message.offload_parameters();
  s.offload_checkpoints = message.offload_checkpoints();
  s.tiled_mlp = message.tiled_mlp();
  s.tiled_loss = message.tiled_loss();
  s.attention_chunk = message.attention_chunk();
  return s;
}

Strategy StrategyOf(const v1::Constraints& c) {
  v1::Mesh mesh;
  mesh.set_data_parallel(c.data_parallel_degree());
  mesh.set_pipeline(c.pipeline_degree());
  mesh.set_ring(c.ring_degree());
  mesh.set_ulysses(c.ulysses_degree());
  mesh.set_tensor(c.tensor_degree());
  v1::Strategy settings;
  settings.set_zero_stage(c.zero_stage());
  settings.set_recompute(c.recompute());
  settings.set_offload_optimizer(c.offload_optimizer());
  settings.set_offload_parameters(c.offload_parameters());
  settings.set_offload_checkpoints(c.offload_checkpoints());
  settings.set_tiled_mlp(c.tiled_mlp());
  settings.set_tiled_loss(c.tiled_loss());
  settings.set_attention_chunk(c.attention_chunk());
  settings.set_expert_parallel(c.expert_parallel_degree());
  settings.set_hybrid_order(c.hybrid_order());
  settings.set_ring_gradients(c.ring_gradients());
  return StrategyOf(mesh, settings, c.sequence_layout());
}

}  // namespace ithaca::planner
