#include "daemon/planner/workload_shape.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "daemon/planner/field_error.h"
#include "daemon/planner/limits.h"

namespace ithaca::planner {
namespace {

absl::Status UnknownEnum(const std::string& field, int value) {
  return FieldError(field, absl::StrCat("has the unknown value ", value));
}

bool IsCausal(v1::AttentionMask mask) {
  return mask == v1::ATTENTION_MASK_CAUSAL ||
         mask == v1::ATTENTION_MASK_SLIDING_WINDOW;
}

absl::Status CompleteMask(const std::string& path, v1::Workload& w) {
  if (w.mask() == v1::ATTENTION_MASK_UNSPECIFIED) {
    w.set_mask(w.causal() ? v1::ATTENTION_MASK_CAUSAL
                          : v1::ATTENTION_MASK_FULL);
  }
  if (!v1::AttentionMask_IsValid(w.mask())) {
    return UnknownEnum(path + ".mask", w.mask());
  }
  if (w.causal() && !IsCausal(w.mask())) {
    return FieldError(path + ".mask",
                      "contradicts `causal`; leave one of them out");
  }
  w.set_causal(IsCausal(w.mask()));
  const bool window = w.mask() == v1::ATTENTION_MASK_SLIDING_WINDOW;
  if (absl::Status s = CheckRange(path + ".window", w.window(), window ? 1 : 0,
                                  window ? kMaxSequenceLength : 0);
      !s.ok()) {
    return s;
  }
  const bool sparse = w.mask() == v1::ATTENTION_MASK_BLOCK_SPARSE;
  const double density = w.density();
  // Written so that NaN fails.
  if (sparse ? density > 0 && density <= 1 : density == 0) {
    if (!sparse) w.clear_density();  // -0 is another plan than 0
    return absl::OkStatus();
  }
  return FieldError(
      path + ".density",
      sparse ? absl::StrCat("is ", density, "; above 0 and at most 1 is legal")
             : "is for a block-sparse mask only; leave it out");
}

absl::Status CheckDocuments(const std::string& path, const v1::Workload& w) {
  const auto& borders = w.cu_seqlens();
  if (borders.empty()) return absl::OkStatus();
  const std::string field = path + ".cu_seqlens";
  if (borders.size() < 2 ||
      borders.size() > static_cast<int>(kMaxDocuments) + 1) {
    return FieldError(field,
                      absl::StrCat("has ", borders.size(), " entries; 2 to ",
                                   kMaxDocuments + 1, " are taken"));
  }
  for (int i = 1; i < borders.size(); ++i) {
    if (borders[i] > borders[i - 1]) continue;
    return FieldError(absl::StrCat(field, "[", i, "]"),
                      "does not ascend; every document has a token");
  }
  if (borders[0] == 0 && borders[borders.size() - 1] == w.sequence_length()) {
    return absl::OkStatus();
  }
  return FieldError(field, absl::StrCat("must go from 0 to the ",
                                        w.sequence_length(), " tokens"));
}

absl::Status CheckBatches(const std::string& path, const v1::Workload& w) {
  absl::Status s = CheckRange(path + ".batch", w.batch(), 1, kMaxBatch);
  if (s.ok() && w.has_micro_batches()) {
    s = CheckRange(path + ".micro_batches", w.micro_batches(), 1, kMaxBatch);
  }
  if (s.ok() && w.has_global_batch()) {
    s = CheckRange(path + ".global_batch", w.global_batch(), 1,
                   kMaxGlobalBatch);
  }
  return s;
}

}  // namespace

uint32_t BytesOf(v1::DataType type) {
  return type == v1::DATA_TYPE_FP32 ? 4 : 2;
}

absl::Status CompleteWorkload(const std::string& path, v1::DataType config_type,
                              v1::Workload& workload) {
  absl::Status s =
      CheckRange(path + ".sequence_length", workload.sequence_length(), 1,
                 kMaxSequenceLength);
  if (!s.ok()) return s;
  if (!workload.has_batch()) workload.set_batch(1);
  if (s = CheckBatches(path, workload); !s.ok()) return s;
  if (workload.data_type() == v1::DATA_TYPE_UNSPECIFIED) {
    workload.set_data_type(config_type != v1::DATA_TYPE_UNSPECIFIED
                               ? config_type
                               : v1::DATA_TYPE_BF16);
  }
  if (!v1::DataType_IsValid(workload.data_type())) {
    return UnknownEnum(path + ".data_type", workload.data_type());
  }
  if (workload.mode() == v1::MODE_UNSPECIFIED) {
    workload.set_mode(v1::MODE_TRAINING);
  }
  if (!v1::Mode_IsValid(workload.mode())) {
    return UnknownEnum(path + ".mode", workload.mode());
  }
  if (s = CompleteMask(path, workload); !s.ok()) return s;
  return CheckDocuments(path, workload);
}

bool BytesFit(const v1::Model& model, const v1::Workload& workload,
              uint64_t groups) {
  // Each document may be padded to twice the ranks that share it. At most 2H
  // key/value copies: P ranks and Hkv - 1 group borders inside them.
  const uint64_t documents =
      static_cast<uint64_t>(workload.cu_seqlens_size()) + 1;
  const uint64_t factors[] = {
      workload.sequence_length() + 2 * kMaxRanks * documents,
      workload.batch(),
      groups,
      uint64_t{6} * model.query_heads(),
      model.head_size(),
      uint64_t{2} * BytesOf(workload.data_type())};
  uint64_t bytes = 1;
  for (uint64_t factor : factors) {
    if (__builtin_mul_overflow(bytes, factor, &bytes) ||
        bytes > std::numeric_limits<int64_t>::max()) {
      return false;
    }
  }
  return true;
}

absl::Status CheckBytesFit(const std::string& path, const v1::Model& model,
                           const v1::Workload& workload, uint64_t groups) {
  if (BytesFit(model, workload, groups)) return absl::OkStatus();
  return FieldError(
      path + ".sequence_length",
      absl::StrCat("is ", workload.sequence_length(),
                   "; the bytes of one layer would not fit 63 bits. Use fewer "
                   "tokens, a smaller batch or fewer replicas"));
}

std::optional<uint64_t> MicroBatches(const v1::Workload& workload,
                                     uint64_t replicas) {
  const uint64_t at_once = replicas * workload.batch();
  if (!workload.has_global_batch()) {
    return workload.has_micro_batches() ? workload.micro_batches() : 1;
  }
  if (workload.global_batch() % at_once != 0) return std::nullopt;
  const uint64_t count = workload.global_batch() / at_once;
  if (count > kMaxBatch) return std::nullopt;
  if (workload.has_micro_batches() && count != workload.micro_batches()) {
    return std::nullopt;
  }
  return count;
}

AttentionMask MaskOf(v1::AttentionMask mask) {
  switch (mask) {
    case v1::ATTENTION_MASK_CAUSAL:
      return AttentionMask::kCausal;
    case v1::ATTENTION_MASK_SLIDING_WINDOW:
      return AttentionMask::kSlidingWindow;
    case v1::ATTENTION_MASK_BLOCK_SPARSE:
      return AttentionMask::kBlockSparse;
    default:
      return AttentionMask::kFull;
  }
}

Work WorkOf(const v1::Workload& workload, uint64_t replicas) {
  Work work;
  work.sequence = workload.sequence_length();
  work.batch = workload.batch();
  work.micro_batches = MicroBatches(workload, replicas).value_or(1);
  work.element_bytes = BytesOf(workload.data_type());
  work.mask = MaskOf(workload.mask());
  work.window = workload.window();
  if (work.mask == AttentionMask::kBlockSparse) {
    work.density = workload.density();
  }
  for (int i = 1; i < workload.cu_seqlens_size(); ++i) {
    work.documents.push_back(workload.cu_seqlens(i) -
                             workload.cu_seqlens(i - 1));
  }
  work.training = workload.mode() == v1::MODE_TRAINING;
  return work;
}

}  // namespace ithaca::planner
