#include "kernels/cuda/step_table_builder.h"

#include <cinttypes>
#include <cstring>

#include "kernels/reference/error.h"

namespace ithaca::ulysses {
namespace {

constexpr uint64_t kMaxRowBytes = uint64_t{1} << 31;

uint64_t Blocks(uint64_t work, uint64_t of_block) {
  return (work + of_block - 1) / of_block;
}

class Builder {
 public:
  Builder(const Geometry& geometry, const StepShape& step, int32_t side)
      : g_(geometry),
        step_(step),
        side_(side),
        by_tokens_(Geometry::SplitByTokens(step, side)),
        head_bytes_(geometry.head_size * geometry.element_bytes) {}

  int32_t Build(std::vector<char>* table, ithaca_ulysses_error* error);

 private:
  bool Sums(int index) const {
    return side_ == ITHACA_ULYSSES_UNPACK && step_.sum_kv && index > 0;
  }
  // How far rows and sequences of tensor `index` lie apart, in bytes.
  void SetStrides(int index, uint64_t* row, uint64_t* batch) const;
  void AddRanges();
  void AddPart(int32_t peer, int index, uint64_t message);
  void AddSums();
  SourceEntry SourceOf(int32_t rank, int32_t head, uint64_t message) const;
  int32_t CheckLimits(ithaca_ulysses_error* error) const;
  void Lay(std::vector<char>* table) const;

  const Geometry& g_;
  const StepShape step_;
  const int32_t side_;
  const bool by_tokens_;
  const uint64_t head_bytes_;
  StepTable head_;
  std::vector<PartEntry> parts_;
  std::vector<RangeEntry> ranges_;
  std::vector<HeadEntry> heads_;
  std::vector<SourceEntry> sources_;
};

void Builder::SetStrides(int index, uint64_t* row, uint64_t* batch) const {
  const uint64_t token =
      static_cast<uint64_t>(g_.TensorHeads(step_, side_, index)) * head_bytes_;
  const bool batch_first = g_.layout != ITHACA_ULYSSES_SEQUENCE_FIRST;
  *row = batch_first ? token : token * g_.batch;
  *batch = batch_first ? token * g_.TensorRows(step_, side_) : token;
}

// Token tensors have one range, all of this rank's rows; head tensors those of
// each peer, at the index at which the geometry has them.
void Builder::AddRanges() {
  if (by_tokens_) {
    ranges_.push_back({0, 0, 1});
    return;
  }
  for (const RankPart& rank : g_.ranks) {
    int64_t first = 0;
    for (int64_t i = 0; i < rank.num_ranges; ++i) {
      const TokenRange& range = g_.token_ranges[rank.first_range + i];
      ranges_.push_back({first, range.start, range.stride});
      first += range.count;
    }
  }
}

void Builder::AddPart(int32_t peer, int index, uint64_t message) {
  const RankPart& tokens = by_tokens_ ? g_.me() : g_.ranks[peer];
  const HeadRange heads =
      by_tokens_ ? g_.HeadsOf(peer, index)
                 : HeadRange{0, g_.TensorHeads(step_, side_, index)};
  if (tokens.rows == 0 || heads.count == 0) return;
  const bool packs = side_ == ITHACA_ULYSSES_PACK;
  const int32_t sender = packs ? g_.my_rank : peer;
  const int32_t receiver = packs ? peer : g_.my_rank;
  const WirePart wire = g_.PartAt(step_, sender, receiver, index);
  PartEntry part;
  part.elements = message + wire.elements;
  part.scales = message + wire.scales;
  part.end = part.scales + g_.PartBytes(step_, sender, receiver, index);
  SetStrides(index, &part.row_stride, &part.batch_stride);
  part.tensor_offset = heads.start * head_bytes_;
  part.row_bytes = heads.count * head_bytes_;
  part.rows = tokens.rows;
  part.tensor = static_cast<uint32_t>(index);
  part.heads = static_cast<uint32_t>(heads.count);
  part.first_range = by_tokens_ ? 0 : static_cast<uint32_t>(tokens.first_range);
  part.num_ranges = by_tokens_ ? 1 : static_cast<uint32_t>(tokens.num_ranges);
  const uint64_t rows = static_cast<uint64_t>(g_.batch) * tokens.rows;
  part.work = rows * (g_.quantised ? part.heads : part.row_bytes);
  part.first_block = head_.num_blocks;
  head_.num_blocks +=
      Blocks(part.work, g_.quantised ? kHeadsOfBlock : kCopyBlockBytes);
  parts_.push_back(part);
}

SourceEntry Builder::SourceOf(int32_t rank, int32_t head,
                              uint64_t message) const {
  const HeadRange kv = g_.ranks[rank].kv;
  const WirePart k = g_.PartAt(step_, rank, g_.my_rank, 1);
  const WirePart v = g_.PartAt(step_, rank, g_.my_rank, 2);
  const uint64_t wire_head = g_.quantised ? g_.head_size : head_bytes_;
  const auto before = static_cast<uint64_t>(head - kv.start);
  SourceEntry source;
  source.elements = message + k.elements + before * wire_head;
  source.scales = message + k.scales + before * sizeof(float);
  source.to_v = v.elements - k.elements;
  source.scales_to_v = v.scales - k.scales;
  source.row_bytes = kv.count * wire_head;
  source.row_heads = static_cast<uint32_t>(kv.count);
  return source;
}

void Builder::AddSums() {
  std::vector<std::vector<SourceEntry>> of_head(g_.num_kv_heads);
  uint64_t message = 0;
  for (int32_t r = 0; r < g_.num_ranks(); ++r) {
    const HeadRange kv = g_.ranks[r].kv;
    for (int32_t h = kv.start; h < kv.start + kv.count; ++h)
      of_head[h].push_back(SourceOf(r, h, message));
    message += g_.MessageBytes(step_, r, g_.my_rank);
  }
  for (const auto& sources : of_head) {
    heads_.push_back({static_cast<uint32_t>(sources_.size()),
                      static_cast<uint32_t>(sources.size())});
    sources_.insert(sources_.end(), sources.begin(), sources.end());
  }
  head_.num_heads = static_cast<uint32_t>(g_.num_kv_heads);
  head_.rows = g_.me().rows;
  head_.row_bytes = g_.num_kv_heads * head_bytes_;
  SetStrides(1, &head_.row_stride, &head_.batch_stride);
  const uint64_t tokens = static_cast<uint64_t>(g_.batch) * g_.me().rows;
  head_.sum_blocks = g_.quantised
                         ? Blocks(tokens * g_.num_kv_heads, kHeadsOfBlock)
                         : Blocks(tokens * head_.row_bytes, kCopyBlockBytes);
}

int32_t Builder::CheckLimits(ithaca_ulysses_error* error) const {
  uint64_t longest = head_.row_bytes;
  for (const PartEntry& part : parts_)
    longest = part.row_bytes > longest ? part.row_bytes : longest;
  if (longest >= kMaxRowBytes) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "one token's heads are %" PRIu64
                " bytes; the CUDA calls take fewer than %" PRIu64,
                longest, kMaxRowBytes);
  }
  if (parts_.size() > UINT32_MAX || ranges_.size() > UINT32_MAX ||
      sources_.size() > UINT32_MAX || g_.token_ranges.size() > UINT32_MAX) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "the plan has 2^32 ranges, parts or copies of KV heads; the "
                "CUDA calls take fewer");
  }
  return ITHACA_ULYSSES_OK;
}

// Copies `entries` to the table's end and returns where.
template <typename T>
uint64_t Append(const std::vector<T>& entries, std::vector<char>* table) {
  static_assert(sizeof(T) % 8 == 0);
  const uint64_t at = table->size();
  const auto* bytes = reinterpret_cast<const char*>(entries.data());
  table->insert(table->end(), bytes, bytes + entries.size() * sizeof(T));
  return at;
}

void Builder::Lay(std::vector<char>* table) const {
  StepTable head = head_;
  table->assign(sizeof(StepTable), 0);
  head.parts = Append(parts_, table);
  head.ranges = Append(ranges_, table);
  head.heads = Append(heads_, table);
  head.sources = Append(sources_, table);
  table->resize((table->size() + 15) / 16 * 16);
  head.bytes = table->size();
  memcpy(table->data(), &head, sizeof(head));
}

int32_t Builder::Build(std::vector<char>* table, ithaca_ulysses_error* error) {
  AddRanges();
  uint64_t message = 0;
  for (int32_t peer = 0; peer < g_.num_ranks(); ++peer) {
    for (int t = 0; t < step_.num_tensors(); ++t) {
      if (!Sums(t)) AddPart(peer, t, message);
    }
    message += side_ == ITHACA_ULYSSES_PACK
                   ? g_.MessageBytes(step_, g_.my_rank, peer)
                   : g_.MessageBytes(step_, peer, g_.my_rank);
  }
  if (Sums(1)) AddSums();
  head_.num_parts = static_cast<uint32_t>(parts_.size());
  head_.batch = static_cast<uint64_t>(g_.batch);
  head_.head_size = static_cast<uint32_t>(g_.head_size);
  head_.dtype = static_cast<uint32_t>(g_.dtype);
  head_.quantised = g_.quantised;
  head_.pack = side_ == ITHACA_ULYSSES_PACK;
  if (int32_t code = CheckLimits(error)) return code;
  Lay(table);
  return ITHACA_ULYSSES_OK;
}

}  // namespace

int32_t BuildStepTable(const Geometry& geometry, const StepShape& step,
                       int32_t side, std::vector<char>* table,
                       ithaca_ulysses_error* error) {
  return Builder(geometry, step, side).Build(table, error);
}

}  // namespace ithaca::ulysses
