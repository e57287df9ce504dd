#include "daemon/planner/traffic.h"

#include <utility>

namespace ithaca::planner {

Exchange::Exchange(std::vector<Member> members, uint32_t head_size,
                   uint32_t bytes_per_element, bool backward)
    : members_(std::move(members)),
      head_size_(head_size),
      bytes_per_element_(bytes_per_element),
      backward_(backward) {
  for (const Member& member : members_) {
    all_rows_ += member.rows;
    all_columns_ += Columns(member);
    all_query_columns_ += member.query_heads * head_size_;
  }
}

uint64_t Exchange::Columns(const Member& member) const {
  return (uint64_t{member.query_heads} + 2 * uint64_t{member.kv_heads}) *
         head_size_;
}

v1::ExchangeCounts Exchange::SeqToHeads(size_t self) const {
  v1::ExchangeCounts counts;
  counts.mutable_send()->Reserve(static_cast<int>(members_.size()));
  counts.mutable_receive()->Reserve(static_cast<int>(members_.size()));
  for (const Member& peer : members_) {
    counts.add_send(members_[self].rows * Columns(peer));
    counts.add_receive(peer.rows * Columns(members_[self]));
  }
  return counts;
}

v1::ExchangeCounts Exchange::HeadsToSeq(size_t self) const {
  v1::ExchangeCounts counts;
  counts.mutable_send()->Reserve(static_cast<int>(members_.size()));
  counts.mutable_receive()->Reserve(static_cast<int>(members_.size()));
  const Member& me = members_[self];
  for (const Member& peer : members_) {
    counts.add_send(peer.rows * me.query_heads * head_size_);
    counts.add_receive(me.rows * peer.query_heads * head_size_);
  }
  return counts;
}

uint64_t Exchange::ForwardSent(const Member& self, bool wire) const {
  const uint64_t columns = all_columns_ - (wire ? Columns(self) : 0);
  const uint64_t rows = all_rows_ - (wire ? self.rows : 0);
  return (self.rows * columns + rows * self.query_heads * head_size_) *
         bytes_per_element_;
}

uint64_t Exchange::ForwardReceived(const Member& self, bool wire) const {
  const uint64_t own_query_columns = self.query_heads * head_size_;
  const uint64_t rows = all_rows_ - (wire ? self.rows : 0);
  const uint64_t query_columns =
      all_query_columns_ - (wire ? own_query_columns : 0);
  return (rows * Columns(self) + self.rows * query_columns) *
         bytes_per_element_;
}

v1::Traffic Exchange::Sent(size_t self) const {
  const Member& me = members_[self];
  v1::Traffic traffic;
  traffic.set_forward_wire_bytes(ForwardSent(me, true));
  traffic.set_forward_bytes(ForwardSent(me, false));
  traffic.set_backward_wire_bytes(backward_ ? ForwardReceived(me, true) : 0);
  traffic.set_backward_bytes(backward_ ? ForwardReceived(me, false) : 0);
  return traffic;
}

v1::Traffic Exchange::Received(size_t self) const {
  const Member& me = members_[self];
  v1::Traffic traffic;
  traffic.set_forward_wire_bytes(ForwardReceived(me, true));
  traffic.set_forward_bytes(ForwardReceived(me, false));
  traffic.set_backward_wire_bytes(backward_ ? ForwardSent(me, true) : 0);
  traffic.set_backward_bytes(backward_ ? ForwardSent(me, false) : 0);
  return traffic;
}

void AddTraffic(const v1::Traffic& part, v1::Traffic& sum) {
  sum.set_forward_wire_bytes(sum.forward_wire_bytes() +
                             part.forward_wire_bytes());
  sum.set_forward_bytes(sum.forward_bytes() + part.forward_bytes());
  sum.set_backward_wire_bytes(sum.backward_wire_bytes() +
                              part.backward_wire_bytes());
  sum.set_backward_bytes(sum.backward_bytes() + part.backward_bytes());
}

}  // namespace ithaca::planner
