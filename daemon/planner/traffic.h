// Elements and bytes that the members of a Ulysses group exchange.
//
// Used by the plan builder and by the check of plans. Pure; safe from any
// thread.
//
// With rows_i the rows that member i holds (tokens with padding, times batch),
// Q_r and K_r the query and key/value heads of member r, d the head size:
//   before attention  i -> r: rows_i * (|Q_r| + 2 |K_r|) * d   (q, k and v)
//   after attention   r -> i: rows_i * |Q_r| * d               (o)
// The backward pass returns the gradients of what came, so a member sends
// backward exactly the bytes that it received forward, and the other way round.
// Summed over a group of even shares the forward wire bytes of one rank are
//   b*S*d*e/P * (2H + 2 kvh) * (P-1)/P,  kvh the key/value heads with all
//   copies.
#ifndef ITHACA_DAEMON_PLANNER_TRAFFIC_H_
#define ITHACA_DAEMON_PLANNER_TRAFFIC_H_

#include <cstdint>
#include <vector>

#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// What one member brings into an exchange.
struct Member {
  uint64_t rows = 0;
  uint32_t query_heads = 0;
  uint32_t kv_heads = 0;
};

// One Ulysses group. REQUIRES of every call: the bytes of the whole group fit
// 63 bits (CheckBytesFit), and `self` is an index of members.
class Exchange {
 public:
  // `bytes_per_element` is e; without `backward` the backward bytes are 0.
  Exchange(std::vector<Member> members, uint32_t head_size,
           uint32_t bytes_per_element, bool backward);

  // Elements before attention. O(members).
  v1::ExchangeCounts SeqToHeads(size_t self) const;

  // Elements after attention. O(members).
  v1::ExchangeCounts HeadsToSeq(size_t self) const;

  // Bytes per layer. O(1).
  v1::Traffic Sent(size_t self) const;
  v1::Traffic Received(size_t self) const;

  const std::vector<Member>& members() const { return members_; }

 private:
  // Columns (elements of one row) that member r receives before attention.
  uint64_t Columns(const Member& member) const;
  // Forward bytes: in all (wire = false) or from or to others (wire = true).
  uint64_t ForwardSent(const Member& self, bool wire) const;
  uint64_t ForwardReceived(const Member& self, bool wire) const;

  const std::vector<Member> members_;
  const uint64_t head_size_;
  const uint64_t bytes_per_element_;
  const bool backward_;
  uint64_t all_rows_ = 0;
  uint64_t all_columns_ = 0;        // of q, k and v
  uint64_t all_query_columns_ = 0;  // of o
};

// Adds every field of `part` to `sum`.
void AddTraffic(const v1::Traffic& part, v1::Traffic& sum);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_TRAFFIC_H_
