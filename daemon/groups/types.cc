#include "daemon/groups/types.h"

namespace ithaca::groups {
namespace {

// Half of what a transaction takes: one more command adds far less than the
// other half.
constexpr size_t kFullParts = 64;

}  // namespace

bool Dirty::empty() const { return size() == 0; }

size_t Dirty::size() const {
  return (counters ? 1 : 0) + groups.size() + members.size() + seatings.size() +
         blobs.size() + barriers.size() + plans.size() + cleared.size() +
         erased.size();
}

bool Dirty::full() const {
  return size() >= kFullParts || !cleared.empty() || !erased.empty() ||
         !seatings.empty();
}

}  // namespace ithaca::groups
