// Checks what the ranks of a plan hold and send.
//
// Used by the check of plans. Takes hostile input. Confined to one thread; one
// object for one check.
#ifndef ITHACA_DAEMON_PLANNER_VALIDATE_PARTS_H_
#define ITHACA_DAEMON_PLANNER_VALIDATE_PARTS_H_

#include <cstdint>
#include <map>
#include <vector>

#include "daemon/planner/findings.h"
#include "daemon/planner/head_map.h"
#include "daemon/planner/sequence_split.h"
#include "daemon/planner/traffic.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// Collects what all groups together come to.
class PartCheck {
 public:
  // Both must outlive it. REQUIRES: CheckHeader found nothing.
  PartCheck(const v1::Plan& plan, Findings& findings);

  // Tokens, heads, counts and bytes of the Ulysses group of these ranks, whose
  // coordinates were checked.
  void CheckGroup(const std::vector<int>& group);

  // What the plan says of all groups together.
  void CheckSums();

  const SequenceSplit& split() const { return split_; }

 private:
  bool CheckTokens(const std::vector<int>& group);
  bool CheckContiguous(const std::vector<int>& group);
  bool CheckAsSplit(const std::vector<int>& group);
  void CheckRows(int rank, uint64_t count, uint64_t valid);
  std::vector<HeadShare> CheckHeads(const std::vector<int>& group);
  void CheckShares(const std::vector<int>& group,
                   const std::vector<HeadShare>& shares);
  void CheckTraffic(const std::vector<int>& group,
                    const std::vector<HeadShare>& shares);
  void CheckRing(int rank, uint32_t kv_heads);

  const v1::Plan& plan_;
  Findings& findings_;
  const SequenceSplit split_;  // as the plan's header calls for it
  v1::Traffic total_;
  uint64_t ring_forward_ = 0;
  uint64_t ring_backward_ = 0;
  // Key/value heads of all tensor parts, by the other indices.
  std::map<std::vector<uint32_t>, uint64_t> copies_;
};

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_VALIDATE_PARTS_H_
