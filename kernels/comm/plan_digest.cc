#include "kernels/comm/plan_digest.h"

#include <cstdio>
#include <cstring>

namespace ithaca::ulysses {
namespace {

// Two 64-bit states, each number mixed into both; the mixing function is the
// finaliser of splitmix64.
class Digest {
 public:
  void Add(uint64_t value) {
    a_ = Mix(a_ ^ value);
    b_ = Mix(b_ + value * 0x9E3779B97F4A7C15);
  }
  void AddBytes(const uint8_t* data, size_t bytes) {
    Add(bytes);
    for (size_t i = 0; i < bytes; ++i) Add(data[i]);
  }
  std::string Bytes() const {
    std::string bytes(16, '\0');
    memcpy(&bytes[0], &a_, 8);
    memcpy(&bytes[8], &b_, 8);
    return bytes;
  }

 private:
  static uint64_t Mix(uint64_t x) {
    x += 0x9E3779B97F4A7C15;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
  }

  uint64_t a_ = 1, b_ = 2;
};

std::string Hex(const uint8_t* data, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) {
    char two[3];
    snprintf(two, sizeof(two), "%02x", data[i]);
    text += two;
  }
  return text;
}

}  // namespace

std::string PlanDigest(const Geometry& g) {
  Digest digest;
  for (const int64_t value :
       {int64_t{g.dtype}, int64_t{g.quantised}, g.batch, g.head_size,
        int64_t{g.num_q_heads}, int64_t{g.num_kv_heads}, g.total_rows,
        int64_t{g.num_ranks()}}) {
    digest.Add(static_cast<uint64_t>(value));
  }
  for (const RankPart& rank : g.ranks) {
    for (const int64_t value :
         {rank.rows, rank.num_ranges, int64_t{rank.q.start},
          int64_t{rank.q.count}, int64_t{rank.kv.start},
          int64_t{rank.kv.count}}) {
      digest.Add(static_cast<uint64_t>(value));
    }
  }
  for (const TokenRange& range : g.token_ranges) {
    digest.Add(static_cast<uint64_t>(range.start));
    digest.Add(static_cast<uint64_t>(range.count));
    digest.Add(static_cast<uint64_t>(range.stride));
  }
  digest.AddBytes(g.plan_hash.data(), g.plan_hash.size());
  return digest.Bytes();
}

std::string DescribePlan(const Geometry& g) {
  const std::string digest = PlanDigest(g);
  const std::string hex =
      Hex(reinterpret_cast<const uint8_t*>(digest.data()), digest.size());
  if (g.plan_hash.empty()) return "plan " + hex + " (no hash)";
  return "plan " + Hex(g.plan_hash.data(), g.plan_hash.size()) + " (" + hex +
         ")";
}

}  // namespace ithaca::ulysses
