#include "daemon/planner/search/legal.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/planner/frameworks/framework_message.h"
#include "daemon/planner/limits.h"
#include "daemon/planner/workload_shape.h"

namespace ithaca::planner {
namespace {

// Five degrees of up to 2^16 each do not fit 64 bits; what is beyond any number
// of ranks is as good as another.
uint64_t Times(uint64_t product, uint32_t degree) {
  return std::min(product * degree, uint64_t{1} << 40);
}

uint64_t DataGroup(const Strategy& s) {
  return Times(Times(s.data_parallel, s.ring), s.ulysses);
}

uint64_t Product(const Strategy& s) {
  return Times(Times(DataGroup(s), s.pipeline), s.tensor);
}

// Ring parts of packed documents may have up to two tokens fewer than the mean,
// and each Ulysses member of them needs one.
uint64_t TokensNeeded(const Request& request, const Strategy& s) {
  const bool packed = s.ring > 1 && DefaultLayout(request, s.ring) ==
                                        v1::SEQUENCE_LAYOUT_PACKED;
  return uint64_t{s.ring} * (uint64_t{s.ulysses} + (packed ? 2 : 0));
}

bool ExpertsDivide(const v1::Model& model, const Strategy& s) {
  if (s.expert_parallel == 1) return true;
  return model.experts() != 0 && model.experts() % s.expert_parallel == 0 &&
         DataGroup(s) % s.expert_parallel == 0;
}

bool TensorDivides(const v1::Model& model, uint32_t tensor) {
  return model.query_heads() % tensor == 0 &&
         (model.kv_heads() % tensor == 0 || tensor % model.kv_heads() == 0);
}

// The first rule that a choice breaks, as a sentence; null: none.
const char* BrokenRule(const Request& request, const Choice& choice) {
  const Strategy& s = choice.strategy;
  const bool training = request.workload.mode() == v1::MODE_TRAINING;
  const bool packed = choice.layout == v1::SEQUENCE_LAYOUT_PACKED;
  const uint64_t documents = std::max(1, request.workload.cu_seqlens_size());
  if (s.offload_parameters && s.zero_stage < 3) {
    return "Parameters go to the host with ZeRO 3 only.";
  }
  if (s.offload_optimizer && s.zero_stage < 1) {
    return "The optimizer goes to the host with ZeRO 1 or more only.";
  }
  if (s.offload_checkpoints && s.recompute != Recompute::kFull) {
    return "Checkpoints go to the host with full recompute only.";
  }
  if (!training && (s.recompute != Recompute::kNone || s.offload_optimizer)) {
    return "There is nothing to recompute or optimize in a forward pass.";
  }
  if (s.ring == 1 && choice.layout != v1::SEQUENCE_LAYOUT_CONTIGUOUS) {
    return "Without a ring only contiguous shares make sense: every rank sees "
           "the whole sequence in attention.";
  }
  if (packed && request.workload.cu_seqlens().empty()) {
    return "A packed layout needs workload.cu_seqlens.";
  }
  if (packed && documents * 2 * s.ring > kMaxTokenRuns) {
    return "So many documents over so long a ring are too many token ranges.";
  }
  if (s.attention_chunk > 0 && s.ring > 1) {
    return "Attention in chunks works within Ulysses, not around a ring.";
  }
  if (s.attention_chunk > 0 &&
      s.attention_chunk < uint64_t{s.ulysses} * s.ring) {
    return "A chunk of attention must hold a token for each rank.";
  }
  return nullptr;
}

}  // namespace

v1::SequenceLayout DefaultLayout(const Request& request, uint32_t ring) {
  if (ring == 1) return v1::SEQUENCE_LAYOUT_CONTIGUOUS;
  const v1::SequenceLayout given = request.constraints.sequence_layout();
  if (given != v1::SEQUENCE_LAYOUT_UNSPECIFIED) return given;
  if (request.workload.cu_seqlens_size() > 2) {
    return v1::SEQUENCE_LAYOUT_PACKED;
  }
  if (const EngineLimits* engine = RingEngine(request.constraints);
      engine != nullptr && !engine->any_order) {
    return engine->ring_order == TokenOrder::kZigzag
               ? v1::SEQUENCE_LAYOUT_ZIGZAG
               : v1::SEQUENCE_LAYOUT_CONTIGUOUS;
  }
  return request.workload.causal() ? v1::SEQUENCE_LAYOUT_ZIGZAG
                                   : v1::SEQUENCE_LAYOUT_CONTIGUOUS;
}

v1::Family HeadFamilyOf(const v1::Model& model, uint32_t tensor,
                        uint32_t ulysses) {
  const uint32_t heads = model.query_heads() / tensor;
  const uint32_t kv_heads = std::max(1u, model.kv_heads() / tensor);
  if (heads % ulysses == 0 && kv_heads % ulysses == 0) {
    return v1::FAMILY_ULYSSES_EVEN;
  }
  if (heads % ulysses == 0 && ulysses % kv_heads == 0) {
    return v1::FAMILY_ULYSSES_REPLICATED_KV;
  }
  return v1::FAMILY_ULYSSES_UNEVEN;
}

v1::Family FamilyOf(const v1::Model& model, const Strategy& s) {
  if (s.ring > 1) {
    return s.ulysses > 1 ? v1::FAMILY_ULYSSES_RING : v1::FAMILY_RING;
  }
  return HeadFamilyOf(model, s.tensor, s.ulysses);
}

bool CanRunFamily(const v1::Constraints& constraints, const v1::Model& model,
                  const Strategy& s) {
  const auto& listed = constraints.families();
  if (listed.empty()) return true;
  const auto any = [&](v1::Family low, v1::Family high) {
    return std::any_of(listed.begin(), listed.end(), [&](int family) {
      return family >= low && family <= high;
    });
  };
  const v1::Family family = FamilyOf(model, s);
  if (family <= v1::FAMILY_ULYSSES_UNEVEN) {
    return any(family, v1::FAMILY_ULYSSES_UNEVEN);
  }
  if (!any(family, family)) return false;
  if (family == v1::FAMILY_RING ||
      !any(v1::FAMILY_ULYSSES_EVEN, v1::FAMILY_ULYSSES_UNEVEN)) {
    return true;
  }
  return any(HeadFamilyOf(model, s.tensor, s.ulysses),
             v1::FAMILY_ULYSSES_UNEVEN);
}

Fault CheckMesh(const Request& request, const Strategy& s) {
  const v1::Model& model = request.model;
  if (Product(s) != request.constraints.ranks()) {
    return v1::REJECTION_CODE_MESH_DOES_NOT_COVER_RANKS;
  }
  if (request.slots && request.constraints.ranks() > *request.slots) {
    return v1::REJECTION_CODE_MORE_RANKS_THAN_SLOTS;
  }
  if (!TensorDivides(model, s.tensor)) {
    return v1::REJECTION_CODE_TENSOR_DOES_NOT_DIVIDE_HEADS;
  }
  if (s.pipeline > 1 &&
      (model.layers() == 0 || model.layers() % s.pipeline != 0)) {
    return v1::REJECTION_CODE_PIPELINE_DOES_NOT_DIVIDE_LAYERS;
  }
  if (s.ulysses > model.query_heads() / s.tensor) {
    return v1::REJECTION_CODE_MORE_RANKS_THAN_HEADS;
  }
  if (TokensNeeded(request, s) > request.workload.sequence_length()) {
    return v1::REJECTION_CODE_MORE_RANKS_THAN_TOKENS;
  }
  if (!MicroBatches(request.workload, s.data_parallel)) {
    return v1::REJECTION_CODE_BATCH_DOES_NOT_DIVIDE;
  }
  if (!ExpertsDivide(model, s)) {
    return v1::REJECTION_CODE_EXPERTS_DO_NOT_DIVIDE;
  }
  return kNoFault;
}

Fault CheckSettings(const Request& request, const Choice& choice) {
  return BrokenRule(request, choice) == nullptr
             ? kNoFault
             : v1::REJECTION_CODE_SETTINGS_CONFLICT;
}

bool BytesFit(const Request& request, const Strategy& s) {
  const uint64_t groups = uint64_t{s.data_parallel} * s.pipeline * s.ring;
  return BytesFit(request.model, request.workload,
                  s.ring > 1 ? 2 * groups : groups);
}

std::string SettingsReason(const Request& request, const Choice& choice) {
  const char* rule = BrokenRule(request, choice);
  return rule == nullptr ? "" : rule;
}

std::string MeshReason(const Request& request, const Strategy& s, Fault fault) {
  const v1::Model& model = request.model;
  const uint32_t ranks = request.constraints.ranks();
  switch (fault) {
    case v1::REJECTION_CODE_MESH_DOES_NOT_COVER_RANKS:
      return absl::StrCat(
          ranks, " ranks must all be used, but the degrees (", s.data_parallel,
          " data x ", s.pipeline, " pipeline x ", s.ring, " ring x ", s.ulysses,
          " Ulysses x ", s.tensor, " tensor) make ", Product(s), ".");
    case v1::REJECTION_CODE_MORE_RANKS_THAN_SLOTS:
      return absl::StrCat(ranks, " ranks do not fit the ", *request.slots,
                          " slots of the topology.");
    case v1::REJECTION_CODE_TENSOR_DOES_NOT_DIVIDE_HEADS:
      return absl::StrCat("A tensor degree of ", s.tensor, " does not split ",
                          model.query_heads(), " query and ", model.kv_heads(),
                          " key/value heads.");
    case v1::REJECTION_CODE_PIPELINE_DOES_NOT_DIVIDE_LAYERS:
      return model.layers() == 0
                 ? "The model's layers are unknown, so no pipeline divides "
                   "them."
                 : absl::StrCat(model.layers(), " layers do not divide into ",
                                s.pipeline, " pipeline stages.");
    case v1::REJECTION_CODE_MORE_RANKS_THAN_HEADS:
      return absl::StrCat(s.ulysses, " ranks cannot share ",
                          model.query_heads() / s.tensor,
                          " query heads: each rank of a Ulysses group computes "
                          "at least one.");
    case v1::REJECTION_CODE_MORE_RANKS_THAN_TOKENS:
      return absl::StrCat(uint64_t{s.ring} * s.ulysses, " ranks cannot share ",
                          request.workload.sequence_length(),
                          " tokens: each holds at least one.");
    case v1::REJECTION_CODE_BATCH_DOES_NOT_DIVIDE:
      return absl::StrCat("A global batch of ", request.workload.global_batch(),
                          " is not ", s.data_parallel, " replicas x ",
                          request.workload.batch(),
                          " sequences x the micro-batches.");
    case v1::REJECTION_CODE_EXPERTS_DO_NOT_DIVIDE:
      return absl::StrCat("An expert-parallel degree of ", s.expert_parallel,
                          " does not divide ", model.experts(),
                          " experts over ", DataGroup(s), " ranks.");
    default:
      return "";
  }
}

}  // namespace ithaca::planner
