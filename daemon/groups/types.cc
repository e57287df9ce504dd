#include "daemon/groups/types.h"

namespace ithaca::groups {

bool Dirty::empty() const { return size() == 0; }

size_t Dirty::size() const {
  return (counters ? 1 : 0) + groups.size() + slots.size() + blobs.size() +
         plans.size() + cleared.size() + erased.size();
}

}  // namespace ithaca::groups
