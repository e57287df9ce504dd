#include "daemon/planner/rank_moves.h"

#include <algorithm>
#include <tuple>

namespace ithaca::planner {
namespace {

uint64_t Stride(const v1::TokenRange& range) {
  return std::max<uint64_t>(1, range.stride());
}

uint64_t End(const v1::TokenRange& range) {
  return range.count() == 0
             ? range.start()
             : range.start() + (range.count() - 1) * Stride(range) + 1;
}

// Tokens of `a` that `b`, of stride 1, holds too.
uint64_t SharedWithRun(const v1::TokenRange& a, const v1::TokenRange& b) {
  const auto below = [&a](uint64_t bound) {
    if (bound <= a.start()) return uint64_t{0};
    return std::min(a.count(), (bound - a.start() + Stride(a) - 1) / Stride(a));
  };
  return below(b.start() + b.count()) - below(b.start());
}

// Two strides: the same (which is all that two plans of one ring have), or
// token by token of the sparser one.
uint64_t Shared(const v1::TokenRange& a, const v1::TokenRange& b) {
  if (a.count() == 0 || b.count() == 0) return 0;
  if (Stride(b) == 1) return SharedWithRun(a, b);
  if (Stride(a) == 1) return SharedWithRun(b, a);
  if (Stride(a) == Stride(b)) {
    if (a.start() % Stride(a) != b.start() % Stride(b)) return 0;
    const uint64_t low = std::max(a.start(), b.start());
    const uint64_t high = std::min(End(a), End(b));
    return high <= low ? 0 : (high - low + Stride(a) - 1) / Stride(a);
  }
  const bool a_sparser = Stride(a) > Stride(b);
  const v1::TokenRange& few = a_sparser ? a : b;
  const v1::TokenRange& many = a_sparser ? b : a;
  uint64_t shared = 0;
  for (uint64_t i = 0; i < few.count(); ++i) {
    const uint64_t token = few.start() + i * Stride(few);
    shared += token >= many.start() && token < End(many) &&
                      (token - many.start()) % Stride(many) == 0
                  ? 1
                  : 0;
  }
  return shared;
}

uint64_t SharedTokens(const v1::Rank& a, const v1::Rank& b) {
  uint64_t shared = 0;
  for (const v1::TokenRange& x : a.token_ranges()) {
    for (const v1::TokenRange& y : b.token_ranges()) shared += Shared(x, y);
  }
  return shared;
}

uint32_t SharedHeads(const v1::Rank& a, const v1::Rank& b) {
  const v1::HeadRange& x = a.query_heads();
  const v1::HeadRange& y = b.query_heads();
  const uint32_t low = std::max(x.start(), y.start());
  const uint32_t high = std::min(x.start() + x.count(), y.start() + y.count());
  return high > low ? high - low : 0;
}

bool SamePart(const v1::Rank& a, const v1::Rank& b) {
  return a.coordinate().tensor() == b.coordinate().tensor() &&
         a.coordinate().pipeline() == b.coordinate().pipeline();
}

uint64_t Tokens(const v1::Rank& rank) {
  return rank.valid_tokens() + rank.pad_tokens();
}

}  // namespace

std::vector<size_t> MatchRanks(const v1::Plan& old, const v1::Plan& plan,
                               const Survivors& left) {
  constexpr size_t kNone = ~size_t{0};
  std::vector<bool> taken(left.slots.size());
  std::vector<size_t> at(plan.ranks_size(), kNone);
  // First whoever has something in common, so that nobody's place goes to one
  // who has not.
  for (const bool must_share : {true, false}) {
    for (int r = 0; r < plan.ranks_size(); ++r) {
      if (at[r] != kNone) continue;
      std::tuple<uint64_t, uint32_t> most;
      for (size_t i = 0; i < left.slots.size(); ++i) {
        if (taken[i]) continue;
        std::tuple<uint64_t, uint32_t> shared = {0, 0};
        if (left.old_ranks[i] &&
            SamePart(old.ranks(*left.old_ranks[i]), plan.ranks(r))) {
          const v1::Rank& before = old.ranks(*left.old_ranks[i]);
          shared = {SharedTokens(plan.ranks(r), before),
                    SharedHeads(plan.ranks(r), before)};
        }
        if (must_share && std::get<0>(shared) == 0) continue;
        if (at[r] != kNone && shared <= most) continue;
        at[r] = i;
        most = shared;
      }
      if (at[r] != kNone) taken[at[r]] = true;
    }
  }
  return at;
}

void AddMoves(const v1::Plan& old, const Survivors& left,
              const std::vector<size_t>& at, v1::ReplanResponse& answer) {
  uint64_t sum = 0;
  for (int i = 0; i < answer.plan().ranks_size(); ++i) {
    const v1::Rank& rank = answer.plan().ranks(i);
    v1::RankMove move;
    move.set_rank(rank.rank());
    move.set_moved_tokens(Tokens(rank));
    move.set_moved_heads(rank.query_heads().count());
    if (const std::optional<int> number = left.old_ranks[at[i]]) {
      const v1::Rank& before = old.ranks(*number);
      move.set_old_rank(before.rank());
      if (SamePart(before, rank)) {
        move.set_moved_tokens(Tokens(rank) - SharedTokens(rank, before));
        move.set_moved_heads(rank.query_heads().count() -
                             SharedHeads(rank, before));
      }
    }
    if (move.moved_tokens() == 0 && move.moved_heads() == 0) continue;
    sum += move.moved_tokens();
    *answer.add_moves() = move;
  }
  answer.set_moved_tokens(sum);
}

}  // namespace ithaca::planner
