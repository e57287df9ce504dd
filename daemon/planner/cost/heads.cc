#include "daemon/planner/cost/heads.h"

#include <algorithm>

#include "daemon/planner/head_map.h"

namespace ithaca::planner {
namespace {

// One tensor crosses the group: a rank that ends up with `own` of `all` heads
// receives own * (U - 1) and sends the rest of its rows.
uint32_t Exchanged(uint32_t own, uint32_t all, uint32_t ranks) {
  return std::max(own * (ranks - 1), all - own);
}

}  // namespace

HeadFigures FiguresOfHeads(const ModelDims& model, uint32_t tensor,
                           uint32_t ulysses) {
  HeadFigures figures;
  figures.ranks = ulysses;
  figures.query_heads = model.query_heads / tensor;
  figures.kv_heads = std::max(model.kv_heads / tensor, 1u);
  const std::vector<HeadShare> shares =
      MapHeads(figures.query_heads, figures.kv_heads, ulysses);
  figures.kv_copies = KvHeadCopies(shares);
  for (const HeadShare& share : shares) {
    figures.most_query_heads = std::max(figures.most_query_heads, share.count);
    figures.most_kv_heads = std::max(figures.most_kv_heads, share.kv_count);
    figures.most_query_exchange =
        std::max(figures.most_query_exchange,
                 Exchanged(share.count, figures.query_heads, ulysses));
    figures.most_kv_exchange =
        std::max(figures.most_kv_exchange,
                 Exchanged(share.kv_count, figures.kv_copies, ulysses));
  }
  return figures;
}

}  // namespace ithaca::planner
