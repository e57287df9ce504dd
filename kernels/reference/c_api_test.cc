// The C API's answers to right and wrong use.
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/reference/testing/local_group.h"
#include "kernels/reference/testing/random_plan.h"

namespace ithaca::ulysses {
namespace {

constexpr int32_t kArgument = ITHACA_ULYSSES_INVALID_ARGUMENT;
constexpr int32_t kStep = ITHACA_ULYSSES_SEQ_TO_HEADS;

TEST(CApiTest, NamesAndVersion) {
  EXPECT_EQ(ithaca_ulysses_api_version(),
            static_cast<uint32_t>(ITHACA_ULYSSES_API_VERSION));
  EXPECT_STREQ(ithaca_ulysses_status_name(ITHACA_ULYSSES_OK), "OK");
  EXPECT_STREQ(ithaca_ulysses_status_name(ITHACA_ULYSSES_INVALID_ARGUMENT),
               "INVALID_ARGUMENT");
  EXPECT_STREQ(ithaca_ulysses_status_name(ITHACA_ULYSSES_INVALID_PLAN),
               "INVALID_PLAN");
  EXPECT_STREQ(ithaca_ulysses_status_name(ITHACA_ULYSSES_UNSUPPORTED),
               "UNSUPPORTED");
  EXPECT_STREQ(ithaca_ulysses_status_name(ITHACA_ULYSSES_TOO_LARGE),
               "TOO_LARGE");
  EXPECT_STREQ(ithaca_ulysses_status_name(ITHACA_ULYSSES_OUT_OF_MEMORY),
               "OUT_OF_MEMORY");
  EXPECT_STREQ(ithaca_ulysses_status_name(77), "UNKNOWN");
  EXPECT_EQ(ithaca_ulysses_num_tensors(ITHACA_ULYSSES_SEQ_TO_HEADS), 3);
  EXPECT_EQ(ithaca_ulysses_num_tensors(ITHACA_ULYSSES_HEADS_TO_SEQ), 1);
  EXPECT_EQ(ithaca_ulysses_num_tensors(0), 0);
}

// Llama-3.1-8B on 4 ranks, 10 tokens in 2 + 3 + 2 + 3, batch 2, bf16.
class ExchangeApiTest : public testing::Test {
 protected:
  ExchangeApiTest() : plan_(EvenPlan(4, 10, 32, 8, 128, ITHACA_ULYSSES_BF16)) {
    plan_.batch = 2;
    plan_.plan_hash = std::string("ab\0c", 4);
    group_ = std::make_unique<LocalGroup>(plan_);
    tensors_ = group_->MakeTensors(1, kStep, ITHACA_ULYSSES_PACK);
    for (int32_t peer = 0; peer < 4; ++peer) {
      uint64_t bytes = 0;
      EXPECT_EQ(ithaca_ulysses_message_bytes(exchange(), kStep, peer, &bytes,
                                             nullptr, nullptr),
                0);
      messages_.emplace_back(bytes);
    }
    for (GuardedBuffer& t : tensors_) in_.push_back(t.const_span());
    for (GuardedBuffer& m : messages_) out_.push_back(m.span());
  }

  const ithaca_ulysses_exchange* exchange() const { return group_->rank(1); }

  int32_t Pack() {
    return ithaca_ulysses_pack(exchange(), kStep, in_.data(), 3, out_.data(), 4,
                               &error_);
  }

  // Pack fails with those words and leaves every message as it was.
  void ExpectRefused(const std::string& words) {
    EXPECT_EQ(Pack(), kArgument);
    EXPECT_NE(std::string(error_.message).find(words), std::string::npos)
        << error_.message;
    for (const GuardedBuffer& m : messages_) {
      const std::vector<char> bytes = m.Copy();
      EXPECT_EQ(std::count(bytes.begin(), bytes.end(), '\xFF'),
                static_cast<long>(bytes.size()));
    }
  }

  FlatPlan plan_;
  std::unique_ptr<LocalGroup> group_;
  RankTensors tensors_;
  std::vector<GuardedBuffer> messages_;
  std::vector<ithaca_ulysses_const_span> in_;
  std::vector<ithaca_ulysses_span> out_;
  ithaca_ulysses_error error_;
};

TEST_F(ExchangeApiTest, ShapesAndSizesOfAKnownPlan) {
  int64_t shape[4];
  uint64_t bytes = 0;
  auto expect = [&](int32_t step, int32_t side, int32_t index,
                    std::vector<int64_t> expected) {
    ASSERT_EQ(ithaca_ulysses_tensor(exchange(), step, side, index, shape,
                                    &bytes, nullptr),
              0);
    EXPECT_EQ(std::vector<int64_t>(shape, shape + 4), expected);
    EXPECT_EQ(bytes, static_cast<uint64_t>(shape[0] * shape[1] * shape[2] *
                                           shape[3] * 2));
  };
  expect(kStep, ITHACA_ULYSSES_PACK, 0, {2, 3, 32, 128});
  expect(kStep, ITHACA_ULYSSES_PACK, 2, {2, 3, 8, 128});
  expect(kStep, ITHACA_ULYSSES_UNPACK, 0, {2, 10, 8, 128});
  expect(kStep, ITHACA_ULYSSES_UNPACK, 1, {2, 10, 2, 128});
  expect(ITHACA_ULYSSES_HEADS_TO_SEQ, ITHACA_ULYSSES_PACK, 0, {2, 10, 8, 128});
  expect(ITHACA_ULYSSES_HEADS_TO_SEQ, ITHACA_ULYSSES_UNPACK, 0,
         {2, 3, 32, 128});
  uint64_t send = 0, recv = 0;
  ASSERT_EQ(
      ithaca_ulysses_message_bytes(exchange(), kStep, 2, &send, &recv, nullptr),
      0);
  EXPECT_EQ(send, 2u * 3 * (8 + 2 * 2) * 128 * 2);
  EXPECT_EQ(recv, 2u * 2 * (8 + 2 * 2) * 128 * 2);
}

TEST_F(ExchangeApiTest, SequenceFirstTurnsTheFirstTwoDimensions) {
  plan_.layout = ITHACA_ULYSSES_SEQUENCE_FIRST;
  const LocalGroup group(plan_);
  int64_t shape[4];
  ASSERT_EQ(ithaca_ulysses_tensor(group.rank(1), kStep, ITHACA_ULYSSES_UNPACK,
                                  0, shape, nullptr, nullptr),
            0);
  EXPECT_EQ(std::vector<int64_t>(shape, shape + 4),
            (std::vector<int64_t>{10, 2, 8, 128}));
}

TEST_F(ExchangeApiTest, KeepsThePlanHash) {
  const uint8_t* data = nullptr;
  uint32_t bytes = 0;
  ASSERT_EQ(ithaca_ulysses_plan_hash(exchange(), &data, &bytes, nullptr), 0);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(data), bytes),
            plan_.plan_hash);
  EXPECT_EQ(ithaca_ulysses_plan_hash(exchange(), nullptr, &bytes, nullptr),
            kArgument);
  EXPECT_EQ(ithaca_ulysses_plan_hash(nullptr, &data, &bytes, nullptr),
            kArgument);
}

TEST_F(ExchangeApiTest, RefusesWrongCountsAndPointers) {
  EXPECT_EQ(ithaca_ulysses_pack(nullptr, kStep, in_.data(), 3, out_.data(), 4,
                                &error_),
            kArgument);
  EXPECT_STREQ(error_.message, "exchange is NULL");
  EXPECT_EQ(ithaca_ulysses_pack(exchange(), 5, in_.data(), 3, out_.data(), 4,
                                &error_),
            kArgument);
  EXPECT_EQ(ithaca_ulysses_pack(exchange(), kStep, in_.data(), 2, out_.data(),
                                4, &error_),
            kArgument);
  EXPECT_STREQ(error_.message, "num_tensors is 2, expected 3");
  EXPECT_EQ(ithaca_ulysses_pack(exchange(), kStep, in_.data(), 3, out_.data(),
                                5, &error_),
            kArgument);
  EXPECT_STREQ(error_.message, "num_messages is 5, expected 4");
  EXPECT_EQ(ithaca_ulysses_pack(exchange(), kStep, nullptr, 3, out_.data(), 4,
                                nullptr),
            kArgument);
  EXPECT_EQ(ithaca_ulysses_pack(exchange(), kStep, in_.data(), 3, nullptr, 4,
                                nullptr),
            kArgument);
  EXPECT_EQ(ithaca_ulysses_create(nullptr, nullptr, &error_), kArgument);
  ithaca_ulysses_destroy(nullptr);
}

TEST_F(ExchangeApiTest, RefusesWrongTensors) {
  in_[1].bytes -= 2;
  ExpectRefused("tensors[1].bytes is 12286, expected 12288 by the plan");
  in_[1].bytes += 2;
  in_[2].data = nullptr;
  ExpectRefused("tensors[2].data is NULL");
  in_[2].data = tensors_[2].data() + 1;
  ExpectRefused("tensors[2].data is not aligned to 2 bytes");
  in_[2].data = reinterpret_cast<const void*>(UINTPTR_MAX - 1);
  ExpectRefused("tensors[2] runs over the end");
}

TEST_F(ExchangeApiTest, RefusesWrongMessages) {
  out_[3].bytes += 1;
  ExpectRefused("messages[3].bytes");
  out_[3].bytes -= 1;
  out_[0].data = nullptr;
  ExpectRefused("messages[0].data is NULL");
  out_[0].data = const_cast<char*>(tensors_[0].data()) + 64;
  ExpectRefused("messages[0] overlaps tensors[0]");
}

TEST_F(ExchangeApiTest, RefusesWrongQueries) {
  uint64_t bytes;
  EXPECT_EQ(ithaca_ulysses_message_bytes(exchange(), kStep, 4, &bytes, nullptr,
                                         &error_),
            kArgument);
  EXPECT_STREQ(error_.message, "peer is 4, expected 0 to 3");
  EXPECT_EQ(ithaca_ulysses_message_bytes(exchange(), kStep, -1, &bytes, nullptr,
                                         nullptr),
            kArgument);
  EXPECT_EQ(
      ithaca_ulysses_tensor(exchange(), kStep, 3, 0, nullptr, nullptr, nullptr),
      kArgument);
  EXPECT_EQ(
      ithaca_ulysses_tensor(exchange(), kStep, 1, 3, nullptr, nullptr, nullptr),
      kArgument);
  EXPECT_EQ(ithaca_ulysses_tensor(exchange(), kStep, 1, -1, nullptr, nullptr,
                                  nullptr),
            kArgument);
  EXPECT_EQ(
      ithaca_ulysses_buffer_bytes(exchange(), -7, &bytes, nullptr, nullptr),
      kArgument);
}

TEST_F(ExchangeApiTest, AnEmptyMessageMayBeNull) {
  FlatPlan plan;
  plan.head_size = 4;
  plan.num_q_heads = plan.num_kv_heads = 1;
  plan.AddRank(3, 0, 0, 1);
  plan.AddRank(0, 3, 1, 0);
  const LocalGroup group(plan);
  char data[24] = {}, message[24];
  const ithaca_ulysses_const_span tensor = {data, sizeof(data)};
  const ithaca_ulysses_span messages[] = {{message, sizeof(message)},
                                          {nullptr, 0}};
  EXPECT_EQ(ithaca_ulysses_pack(group.rank(0), ITHACA_ULYSSES_HEADS_TO_SEQ,
                                &tensor, 1, messages, 2, &error_),
            0)
      << error_.message;
}

TEST_F(ExchangeApiTest, OneExchangeServesManyThreads) {
  ASSERT_EQ(Pack(), 0) << error_.message;
  std::vector<std::thread> threads;
  std::vector<std::vector<GuardedBuffer>> results(4);
  for (auto& result : results) {
    threads.emplace_back([&] {
      std::vector<ithaca_ulysses_span> out;
      for (const GuardedBuffer& m : messages_) result.emplace_back(m.bytes());
      for (GuardedBuffer& m : result) out.push_back(m.span());
      EXPECT_EQ(ithaca_ulysses_pack(exchange(), kStep, in_.data(), 3,
                                    out.data(), 4, nullptr),
                0);
    });
  }
  for (std::thread& t : threads) t.join();
  for (const auto& result : results) {
    for (size_t i = 0; i < result.size(); ++i)
      EXPECT_EQ(result[i].Copy(), messages_[i].Copy());
  }
}

TEST(ErrorTest, ALongMessageIsCutAndEnds) {
  // 20-digit numbers in every place make the longest message of the library.
  FlatPlan plan = EvenPlan(2, 4, 2, 2, 8, ITHACA_ULYSSES_F32);
  plan.rank_row_offset[1] = INT64_MAX;
  const ithaca_ulysses_plan view = plan.View(0);
  ithaca_ulysses_error error;
  memset(&error, 0x7F, sizeof(error));
  EXPECT_EQ(ithaca_ulysses_plan_validate(&view, &error),
            ITHACA_ULYSSES_INVALID_PLAN);
  EXPECT_LT(strnlen(error.message, sizeof(error.message)),
            sizeof(error.message));
}

}  // namespace
}  // namespace ithaca::ulysses
