#include "kernels/reference/attention.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <new>
#include <system_error>
#include <thread>

#include "kernels/reference/aligned_floats.h"
#include "kernels/reference/attention_tile.h"
#include "kernels/reference/cpu_level.h"
#include "kernels/reference/error.h"
#include "kernels/reference/float_convert.h"

namespace ithaca::ulysses {
namespace {

int64_t RoundUp(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

TileFunction ChooseTile() {
  switch (DetectCpu()) {
    case CpuLevel::kAvx512:
      return TileAvx512;
    case CpuLevel::kAvx2:
      return TileAvx2;
    default:
      return TileSse2;
  }
}

// One worker's memory: a KV head unpacked to fp32 tiles, and the state of one
// query tile.
template <typename T>
class HeadWorker {
 public:
  HeadWorker(const AttentionSpec& spec, TileFunction tile)
      : spec_(spec),
        tile_(tile),
        width_(RoundUp(spec.head_size, kPanel)),
        key_tiles_((spec.valid_tokens + kTileKeys - 1) / kTileKeys),
        keys_(key_tiles_ * kTileKeys * spec.head_size),
        values_(key_tiles_ * kTileKeys * width_),
        queries_(kTileQueries * spec.head_size),
        output_(kTileQueries * width_),
        scores_(kTileQueries * kTileKeys) {
    const double scale = spec.softmax_scale != 0.0
                             ? spec.softmax_scale
                             : 1.0 / std::sqrt(spec.head_size);
    constexpr double kLog2E = 1.4426950408889634;
    query_factor_ = static_cast<float>(scale * kLog2E);
  }

  // All query heads of KV head `kv` in sequence `bi`.
  void Run(int64_t bi, int32_t kv, const void* q, const void* k, const void* v,
           void* o) {
    LoadKeys(bi, kv, static_cast<const Storage*>(k));
    LoadValues(bi, kv, static_cast<const Storage*>(v));
    for (int32_t h = 0; h < static_cast<int32_t>(spec_.q_heads.size()); ++h) {
      if (KvIndexOf(spec_, h) != kv) continue;
      for (int64_t first = 0; first < spec_.tokens; first += kTileQueries) {
        RunQueries(bi, h, first, static_cast<const Storage*>(q),
                   static_cast<Storage*>(o));
      }
    }
  }

 private:
  using Storage = typename T::Storage;

  void LoadKeys(int64_t bi, int32_t kv, const Storage* k) {
    const int64_t d = spec_.head_size;
    for (int64_t s = 0; s < spec_.valid_tokens; ++s) {
      const Storage* row =
          k + ElementOffset(spec_, bi, s, kv, spec_.kv_heads.size());
      float* column = &keys_[s / kPanel * kPanel * d + s % kPanel];
      for (int64_t c = 0; c < d; ++c) column[c * kPanel] = T::Load(row[c]);
    }
  }

  void LoadValues(int64_t bi, int32_t kv, const Storage* v) {
    const int64_t d = spec_.head_size;
    for (int64_t s = 0; s < spec_.valid_tokens; ++s) {
      const Storage* row =
          v + ElementOffset(spec_, bi, s, kv, spec_.kv_heads.size());
      float* tile =
          &values_[s / kTileKeys * kTileKeys * width_ + s % kTileKeys * kPanel];
      for (int64_t c = 0; c < d; ++c) {
        tile[c / kPanel * kTileKeys * kPanel + c % kPanel] = T::Load(row[c]);
      }
    }
  }

  void LoadQueries(int64_t bi, int32_t h, int64_t first, int64_t rows,
                   const Storage* q) {
    const int64_t d = spec_.head_size;
    for (int64_t r = 0; r < rows; ++r) {
      const Storage* row =
          q + ElementOffset(spec_, bi, first + r, h, spec_.q_heads.size());
      for (int64_t c = 0; c < d; ++c)
        queries_[r * d + c] = T::Load(row[c]) * query_factor_;
    }
    // What an earlier tile left in the rows of pad must not cost denormals or
    // NaN.
    std::fill(&queries_[rows * d], &queries_[kTileQueries * d], 0.0f);
  }

  // Columns of key tile `key_tile` that query `row` sees; also whether all see
  // all.
  bool FillVisible(int64_t first, int64_t key_tile) {
    bool all = true;
    for (int64_t r = 0; r < kTileQueries; ++r) {
      const int64_t limit = spec_.causal
                                ? std::min(spec_.valid_tokens, first + r + 1)
                                : spec_.valid_tokens;
      const int64_t columns = limit - key_tile * kTileKeys;
      visible_[r] =
          static_cast<int32_t>(std::clamp<int64_t>(columns, 0, kTileKeys));
      all = all && visible_[r] == kTileKeys;
    }
    return all;
  }

  void RunQueries(int64_t bi, int32_t h, int64_t first, const Storage* q,
                  Storage* o) {
    const int64_t rows =
        std::clamp<int64_t>(spec_.valid_tokens - first, 0, kTileQueries);
    if (rows > 0) {
      LoadQueries(bi, h, first, rows, q);
      RunTiles(first, rows);
    }
    StoreOutput(bi, h, first, rows, o);
  }

  void RunTiles(int64_t first, int64_t rows) {
    std::fill_n(max_, kTileQueries, -std::numeric_limits<float>::infinity());
    std::fill_n(sum_, kTileQueries, 0.0f);
    std::fill_n(output_.data(), kTileQueries * width_, 0.0f);
    TileArgs args;
    args.head_size = spec_.head_size;
    args.value_width = width_;
    args.queries = queries_.data();
    args.max = max_;
    args.sum = sum_;
    args.output = output_.data();
    args.scores = scores_.data();
    const int64_t last =
        spec_.causal ? (first + rows - 1) / kTileKeys : key_tiles_ - 1;
    for (int64_t t = 0; t <= last; ++t) {
      args.keys = keys_.data() + t * kTileKeys * spec_.head_size;
      args.values = values_.data() + t * kTileKeys * width_;
      args.visible = FillVisible(first, t) ? nullptr : visible_;
      tile_(args);
    }
  }

  // Rows from `rows` on are pad.
  void StoreOutput(int64_t bi, int32_t h, int64_t first, int64_t rows,
                   Storage* o) {
    const int64_t d = spec_.head_size;
    const int64_t end = std::min<int64_t>(kTileQueries, spec_.tokens - first);
    for (int64_t r = 0; r < end; ++r) {
      Storage* row =
          o + ElementOffset(spec_, bi, first + r, h, spec_.q_heads.size());
      for (int64_t c = 0; c < d; ++c) {
        row[c] = T::Store(r < rows ? output_[r * width_ + c] / sum_[r] : 0.0f);
      }
    }
  }

  const AttentionSpec& spec_;
  const TileFunction tile_;
  const int64_t width_;
  const int64_t key_tiles_;
  float query_factor_ = 0.0f;
  AlignedFloats keys_;
  AlignedFloats values_;
  AlignedFloats queries_;
  AlignedFloats output_;
  AlignedFloats scores_;
  float max_[kTileQueries];
  float sum_[kTileQueries];
  int32_t visible_[kTileQueries];
};

// Hands the pairs (sequence, KV head) to the workers, one at a time.
template <typename T>
void RunAll(const AttentionSpec& spec, const void* q, const void* k,
            const void* v, void* o) {
  const auto kv_heads = static_cast<int64_t>(spec.kv_heads.size());
  const int64_t tasks = spec.batch * kv_heads;
  const TileFunction tile = ChooseTile();
  const int workers =
      static_cast<int>(std::clamp<int64_t>(tasks, 1, spec.threads));
  std::vector<HeadWorker<T>> heads;
  heads.reserve(workers);
  for (int i = 0; i < workers; ++i) heads.emplace_back(spec, tile);
  std::atomic<int64_t> next(0);
  auto work = [&](HeadWorker<T>* head) {
    for (int64_t i = next++; i < tasks; i = next++) {
      head->Run(i / kv_heads, static_cast<int32_t>(i % kv_heads), q, k, v, o);
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(workers);
  try {
    for (int i = 1; i < workers; ++i) threads.emplace_back(work, &heads[i]);
  } catch (const std::system_error&) {
    // Fewer threads than wished; those that run do all tasks.
  }
  work(&heads[0]);
  for (std::thread& t : threads) t.join();
}

}  // namespace

int32_t AttentionForward(const AttentionSpec& spec, const void* q,
                         const void* k, const void* v, void* o,
                         ithaca_ulysses_error* error) {
  if (int32_t code = CheckAttentionSpec(spec, error)) return code;
  const bool empty = spec.tokens == 0 || spec.q_heads.empty();
  if (!empty &&
      (q == nullptr || k == nullptr || v == nullptr || o == nullptr)) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT, "q, k, v or o is NULL");
  }
  if (empty) return Ok(error);
  try {
    WithDtype(spec.dtype,
              [&](auto type) { RunAll<decltype(type)>(spec, q, k, v, o); });
  } catch (const std::bad_alloc&) {
    return Fail(error, ITHACA_ULYSSES_OUT_OF_MEMORY,
                "no memory for %d attention workers", spec.threads);
  }
  return Ok(error);
}

}  // namespace ithaca::ulysses
