#include "daemon/planner/traffic.h"

#include "gtest/gtest.h"

namespace ithaca::planner {
namespace {

// The bytes of every message, straight from the layout on the wire.
struct Messages {
  uint64_t to_heads(size_t from, size_t to) const {
    return members[from].rows *
           (members[to].query_heads + 2 * members[to].kv_heads) * head_size;
  }
  uint64_t to_seq(size_t from, size_t to) const {
    return members[to].rows * members[from].query_heads * head_size;
  }
  // Elements that `self` sends (or receives) in all passes, with or without
  // itself.
  uint64_t Sum(size_t self, bool sent, bool backward, bool with_self) const {
    uint64_t sum = 0;
    for (size_t peer = 0; peer < members.size(); ++peer) {
      if (peer == self && !with_self) continue;
      // Gradients go back the way that their tensors came.
      const bool out = sent != backward;
      sum += out ? to_heads(self, peer) + to_seq(self, peer)
                 : to_heads(peer, self) + to_seq(peer, self);
    }
    return sum;
  }
  std::vector<Member> members;
  uint64_t head_size;
};

void ExpectTraffic(const Messages& m, size_t self, bool sent, uint64_t bytes,
                   const v1::Traffic& traffic) {
  EXPECT_EQ(traffic.forward_wire_bytes(),
            bytes * m.Sum(self, sent, false, false));
  EXPECT_EQ(traffic.forward_bytes(), bytes * m.Sum(self, sent, false, true));
  EXPECT_EQ(traffic.backward_wire_bytes(),
            bytes * m.Sum(self, sent, true, false));
  EXPECT_EQ(traffic.backward_bytes(), bytes * m.Sum(self, sent, true, true));
}

TEST(Exchange, CountsAndBytesOfEveryMember) {
  const Messages m = {{{7, 3, 1}, {5, 1, 1}, {6, 4, 2}, {0, 2, 2}}, 80};
  const Exchange exchange(m.members, 80, 4, /*backward=*/true);
  for (size_t i = 0; i < m.members.size(); ++i) {
    SCOPED_TRACE(i);
    const v1::ExchangeCounts to_heads = exchange.SeqToHeads(i);
    const v1::ExchangeCounts to_seq = exchange.HeadsToSeq(i);
    for (size_t j = 0; j < m.members.size(); ++j) {
      EXPECT_EQ(to_heads.send(j), m.to_heads(i, j));
      EXPECT_EQ(to_heads.receive(j), m.to_heads(j, i));
      EXPECT_EQ(to_seq.send(j), m.to_seq(i, j));
      EXPECT_EQ(to_seq.receive(j), m.to_seq(j, i));
    }
    ExpectTraffic(m, i, true, 4, exchange.Sent(i));
    ExpectTraffic(m, i, false, 4, exchange.Received(i));
  }
}

TEST(Exchange, ForwardOnly) {
  const Exchange exchange({{7, 3, 1}, {5, 1, 1}}, 8, 2, /*backward=*/false);
  EXPECT_EQ(exchange.Sent(0).backward_bytes(), 0u);
  EXPECT_EQ(exchange.Received(1).backward_wire_bytes(), 0u);
  EXPECT_EQ(exchange.Sent(0).forward_wire_bytes(),
            (7u * 3 * 8 + 5 * 3 * 8) * 2);
}

TEST(AddTraffic, AddsEveryField) {
  v1::Traffic one;
  one.set_forward_wire_bytes(1);
  one.set_forward_bytes(2);
  one.set_backward_wire_bytes(3);
  one.set_backward_bytes(4);
  v1::Traffic sum = one;
  AddTraffic(one, sum);
  EXPECT_EQ(sum.forward_wire_bytes(), 2u);
  EXPECT_EQ(sum.forward_bytes(), 4u);
  EXPECT_EQ(sum.backward_wire_bytes(), 6u);
  EXPECT_EQ(sum.backward_bytes(), 8u);
}

}  // namespace
}  // namespace ithaca::planner
