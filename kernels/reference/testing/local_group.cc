#include "kernels/reference/testing/local_group.h"

#include <cstring>

#include "gtest/gtest.h"

namespace ithaca::ulysses {
namespace {

std::vector<ithaca_ulysses_span> Spans(std::vector<GuardedBuffer>* buffers) {
  std::vector<ithaca_ulysses_span> spans;
  for (GuardedBuffer& b : *buffers) spans.push_back(b.span());
  return spans;
}

std::vector<ithaca_ulysses_const_span> ConstSpans(
    const std::vector<GuardedBuffer>& buffers) {
  std::vector<ithaca_ulysses_const_span> spans;
  for (const GuardedBuffer& b : buffers) spans.push_back(b.const_span());
  return spans;
}

void ExpectGuards(const std::vector<GuardedBuffer>& buffers, const char* what) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_TRUE(buffers[i].GuardsIntact())
        << what << " " << i << " was written around";
  }
}

}  // namespace

LocalGroup::LocalGroup(const FlatPlan& plan) : plan_(plan) {
  for (int32_t r = 0; r < plan.num_ranks(); ++r) {
    const ithaca_ulysses_plan view = plan.View(r);
    ithaca_ulysses_exchange* exchange = nullptr;
    ithaca_ulysses_error error;
    EXPECT_EQ(ithaca_ulysses_create(&view, &exchange, &error), 0)
        << error.message;
    exchanges_.emplace_back(exchange);
  }
}

RankTensors LocalGroup::MakeTensors(int32_t r, int32_t step,
                                    int32_t side) const {
  RankTensors tensors;
  for (int32_t t = 0; t < ithaca_ulysses_num_tensors(step); ++t) {
    uint64_t bytes = 0;
    EXPECT_EQ(
        ithaca_ulysses_tensor(rank(r), step, side, t, nullptr, &bytes, nullptr),
        0);
    tensors.emplace_back(bytes);
  }
  return tensors;
}

std::vector<std::vector<GuardedBuffer>> LocalGroup::Pack(
    int32_t step, const std::vector<RankTensors>& tensors) const {
  std::vector<std::vector<GuardedBuffer>> messages(num_ranks());
  for (int32_t r = 0; r < num_ranks(); ++r) {
    uint64_t total = 0, sum = 0;
    EXPECT_EQ(
        ithaca_ulysses_buffer_bytes(rank(r), step, &total, nullptr, nullptr),
        0);
    for (int32_t peer = 0; peer < num_ranks(); ++peer) {
      uint64_t bytes = 0;
      EXPECT_EQ(ithaca_ulysses_message_bytes(rank(r), step, peer, &bytes,
                                             nullptr, nullptr),
                0);
      messages[r].emplace_back(bytes);
      sum += bytes;
    }
    EXPECT_EQ(sum, total);
    const auto inputs = ConstSpans(tensors[r]);
    const auto outputs = Spans(&messages[r]);
    ithaca_ulysses_error error;
    EXPECT_EQ(ithaca_ulysses_pack(rank(r), step, inputs.data(),
                                  static_cast<int32_t>(inputs.size()),
                                  outputs.data(), num_ranks(), &error),
              0)
        << error.message;
    ExpectGuards(messages[r], "message to rank");
  }
  return messages;
}

std::vector<RankTensors> LocalGroup::Unpack(
    int32_t step,
    const std::vector<std::vector<GuardedBuffer>>& messages) const {
  std::vector<RankTensors> result;
  for (int32_t r = 0; r < num_ranks(); ++r) {
    std::vector<GuardedBuffer> received;
    for (int32_t peer = 0; peer < num_ranks(); ++peer) {
      uint64_t bytes = 0;
      EXPECT_EQ(ithaca_ulysses_message_bytes(rank(r), step, peer, nullptr,
                                             &bytes, nullptr),
                0);
      EXPECT_EQ(bytes, messages[peer][r].bytes()) << peer << " -> " << r;
      received.emplace_back(bytes);
      memcpy(received.back().data(), messages[peer][r].data(), bytes);
    }
    result.push_back(MakeTensors(r, step, ITHACA_ULYSSES_UNPACK));
    const auto inputs = ConstSpans(received);
    const auto outputs = Spans(&result.back());
    ithaca_ulysses_error error;
    EXPECT_EQ(ithaca_ulysses_unpack(
                  rank(r), step, inputs.data(), num_ranks(), outputs.data(),
                  static_cast<int32_t>(outputs.size()), &error),
              0)
        << error.message;
    ExpectGuards(result.back(), "tensor");
  }
  return result;
}

std::vector<RankTensors> LocalGroup::Exchange(
    int32_t step, const std::vector<RankTensors>& tensors) const {
  return Unpack(step, Pack(step, tensors));
}

}  // namespace ithaca::ulysses
