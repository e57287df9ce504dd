// Every tuner version, called as NCCL calls it, with poisoned outputs.
#include <gtest/gtest.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "plugin/tuner/tuner_v2.h"

namespace ithaca::tuner {
namespace {

using abi::Result;

template <typename Table>
const Table& TableOf();
template <>
const abi::TunerV6& TableOf() {
  return kTunerV6;
}
template <>
const abi::TunerV5& TableOf() {
  return kTunerV5;
}
template <>
const abi::TunerV4& TableOf() {
  return kTunerV4;
}
template <>
const abi::TunerV3& TableOf() {
  return kTunerV3;
}
template <>
const abi::TunerV2& TableOf() {
  return kTunerV2;
}

std::string* log_line = nullptr;

void KeepLine(abi::DebugLevel level, unsigned long, const char*, int,
              const char* format, ...) {
  EXPECT_EQ(level, abi::DebugLevel::kInfo);
  char text[512];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  *log_line = text;
}

template <typename Table>
class EveryTuner : public ::testing::Test {
 protected:
  static constexpr bool kNamesCommunicator =
      std::is_same_v<Table, abi::TunerV6> ||
      std::is_same_v<Table, abi::TunerV5>;

  static Result Init(void** ctx, abi::Logger logger,
                     abi::NvlDomainInfoV5* domains = nullptr,
                     abi::TunerConstantsV5* constants = nullptr) {
    if constexpr (kNamesCommunicator)
      return TableOf<Table>().init(ctx, 42, 16, 2, logger, domains, constants);
    else
      return TableOf<Table>().init(16, 2, logger, ctx);
  }

  static Result Finalize(void* ctx) {
    if constexpr (kNamesCommunicator)
      return TableOf<Table>().finalize(ctx);
    else
      return TableOf<Table>().destroy(ctx);
  }

  // Asks about one collective of `bytes`; expects outputs as they were.
  static void ExpectUntouched(void* ctx, abi::Func func, size_t bytes,
                              int algorithms, int protocols) {
    std::vector<float> costs(algorithms * protocols + 4);
    for (size_t i = 0; i < costs.size(); ++i)
      costs[i] = i % 3 == 0 ? abi::kCostIgnore : 1.5F * i;
    const std::vector<float> before = costs;
    auto** table = reinterpret_cast<float**>(costs.data());
    int algorithm = -1;
    int protocol = -1;
    int channels = 0x5A5A;
    Result result;
    if constexpr (std::is_same_v<Table, abi::TunerV2>)
      result = TableOf<Table>().getCollInfo(ctx, func, bytes, 1, 1, 1,
                                            &algorithm, &protocol, &channels);
    else if constexpr (std::is_same_v<Table, abi::TunerV3>)
      result = TableOf<Table>().getCollInfo(ctx, func, bytes, 1, table,
                                            algorithms, protocols, &channels);
    else
      result = TableOf<Table>().getCollInfo(
          ctx, func, bytes, 1, table, algorithms, protocols, 1, &channels);
    EXPECT_EQ(result, Result::kSuccess);
    EXPECT_EQ(
        std::memcmp(costs.data(), before.data(), costs.size() * sizeof(float)),
        0);
    EXPECT_EQ(algorithm, -1);
    EXPECT_EQ(protocol, -1);
    EXPECT_EQ(channels, 0x5A5A);
  }
};
using Tables = ::testing::Types<abi::TunerV6, abi::TunerV5, abi::TunerV4,
                                abi::TunerV3, abi::TunerV2>;
TYPED_TEST_SUITE(EveryTuner, Tables);

TYPED_TEST(EveryTuner, IsNamedAfterThePlugin) {
  EXPECT_STREQ(TableOf<TypeParam>().name, "ithaca");
}

TYPED_TEST(EveryTuner, WritesItsContextAndSaysThatThereIsNoProfile) {
  std::string line;
  log_line = &line;
  void* ctx = nullptr;
  ASSERT_EQ(this->Init(&ctx, KeepLine), Result::kSuccess);
  EXPECT_NE(ctx, nullptr);
  EXPECT_NE(line.find("no tuning profile"), std::string::npos) << line;
  EXPECT_NE(line.find("16 ranks, 2 nodes"), std::string::npos) << line;
  EXPECT_EQ(this->Finalize(ctx), Result::kSuccess);
}

TYPED_TEST(EveryTuner, InitTakesNulls) {
  EXPECT_EQ(this->Init(nullptr, nullptr), Result::kSuccess);
  EXPECT_EQ(this->Finalize(nullptr), Result::kSuccess);
}

TYPED_TEST(EveryTuner, InitLeavesTheModelAlone) {
  abi::TunerConstantsV5 constants;
  std::memset(&constants, 0x3C, sizeof(constants));
  abi::TunerConstantsV5 before;
  std::memcpy(&before, &constants, sizeof(before));
  abi::NvlDomainInfoV5 domains = {2, 8, 8};
  void* ctx = nullptr;
  ASSERT_EQ(this->Init(&ctx, nullptr, &domains, &constants), Result::kSuccess);
  EXPECT_EQ(std::memcmp(&constants, &before, sizeof(before)), 0);
  EXPECT_EQ(domains.nNvlDomains, 2);
  this->Finalize(ctx);
}

TYPED_TEST(EveryTuner, LeavesEveryOutputAlone) {
  void* ctx = nullptr;
  ASSERT_EQ(this->Init(&ctx, nullptr), Result::kSuccess);
  for (abi::Func func :
       {abi::Func::kBroadcast, abi::Func::kReduce, abi::Func::kAllGather,
        abi::Func::kReduceScatter, abi::Func::kAllReduce})
    for (size_t bytes :
         {size_t{0}, size_t{1}, size_t{1} << 20, size_t{1} << 40, ~size_t{0}})
      // NCCL before 2.23 has six algorithms, newer ones have seven.
      for (int algorithms : {6, 7})
        this->ExpectUntouched(ctx, func, bytes, algorithms, 3);
  this->Finalize(ctx);
}

TYPED_TEST(EveryTuner, ContextsRunInParallel) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      void* ctx = nullptr;
      EXPECT_EQ(TestFixture::Init(&ctx, nullptr), Result::kSuccess);
      TestFixture::ExpectUntouched(ctx, abi::Func::kAllReduce, 1 << 20, 7, 3);
      EXPECT_EQ(TestFixture::Finalize(ctx), Result::kSuccess);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(TunerV6, LeavesTheChunkSizeToNccl) {
  EXPECT_EQ(kTunerV6.getChunkSize, nullptr);
}

}  // namespace
}  // namespace ithaca::tuner
