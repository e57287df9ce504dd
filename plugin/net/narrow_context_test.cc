// init, listen and connect of the versions that carry no context.
#include <cstdarg>
#include <cstdio>
#include <string>
#include <thread>
#include <type_traits>

#include "plugin/net/narrow_fake.h"

namespace ithaca::net {
namespace {

TEST_F(NarrowTest, V11HasAContextPerCommunicator) {
  void* ctx = kPoison;
  abi::NetCommConfigV11 config{4};
  ASSERT_EQ(kNetV11.init(&ctx, 77, &config, nullptr, nullptr),
            Result::kSuccess);
  EXPECT_EQ(ctx, fake_.made_ctx);
  EXPECT_EQ(fake_.comm_id, 77U);
  EXPECT_EQ(fake_.config, &config);
  abi::NetAttrV11 attr{};
  kNetV11.setNetAttr(ctx, &attr);
  EXPECT_EQ(fake_.last, "setNetAttr");
  kNetV11.finalize(ctx);
  EXPECT_EQ(fake_.finalizes, 1);
}

template <typename Table>
class ContextFreeVersion : public NarrowTest {
 protected:
  static Result Init(abi::Logger logger = nullptr) {
    const Table& net = TableOf<Table>();
    if constexpr (std::is_same_v<Table, abi::NetV10>)
      return net.init(logger, nullptr);
    else
      return net.init(logger);
  }
  static Result Connect(int dev, void* handle, void** comm) {
    const Table& net = TableOf<Table>();
    if constexpr (std::is_same_v<Table, abi::NetV10>)
      return net.connect(dev, nullptr, handle, comm, nullptr);
    else if constexpr (std::is_same_v<Table, abi::NetV6>)
      return net.connect(dev, handle, comm);
    else
      return net.connect(dev, handle, comm, nullptr);
  }
};
using ContextFreeTables = ::testing::Types<abi::NetV10, abi::NetV9, abi::NetV8,
                                           abi::NetV7, abi::NetV6>;
TYPED_TEST_SUITE(ContextFreeVersion, ContextFreeTables);

TYPED_TEST(ContextFreeVersion, SharesOneContext) {
  const auto& net = TableOf<TypeParam>();
  ASSERT_EQ(this->Init(), Result::kSuccess);
  ASSERT_EQ(this->Init(), Result::kSuccess);
  EXPECT_EQ(fake->inits, 1);
  EXPECT_EQ(fake->comm_id, 0U);
  EXPECT_EQ(fake->config, nullptr);
  char handle[abi::kHandleBytes] = {};
  void* comm = kPoison;
  ASSERT_EQ(net.listen(1, handle, &comm), Result::kSuccess);
  EXPECT_EQ(comm, Ptr<void>(0x11));
  EXPECT_EQ(fake->ctx, fake->made_ctx);
  EXPECT_EQ(fake->dev, 1);
  fake->ctx = nullptr;
  ASSERT_EQ(this->Connect(2, handle, &comm), Result::kSuccess);
  EXPECT_EQ(comm, Ptr<void>(0x12));
  EXPECT_EQ(fake->ctx, fake->made_ctx);
  EXPECT_EQ(fake->dev, 2);
  EXPECT_EQ(fake->dev_comm, nullptr);
}

TYPED_TEST(ContextFreeVersion, FailedInitMayBeRepeated) {
  fake->answer = Result::kSystemError;
  EXPECT_EQ(this->Init(), Result::kSystemError);
  fake->answer = Result::kSuccess;
  EXPECT_EQ(this->Init(), Result::kSuccess);
  EXPECT_EQ(fake->inits, 2);
}

TYPED_TEST(ContextFreeVersion, SuccessWithoutContextIsAnError) {
  fake->made_ctx = nullptr;
  EXPECT_EQ(this->Init(), Result::kInternalError);
}

TYPED_TEST(ContextFreeVersion, CallsBeforeInitFailAndWriteTheirOutputs) {
  const auto& net = TableOf<TypeParam>();
  char handle[abi::kHandleBytes] = {};
  void* comm = kPoison;
  EXPECT_EQ(net.listen(0, handle, &comm), Result::kInternalError);
  EXPECT_EQ(comm, nullptr);
  comm = kPoison;
  EXPECT_EQ(this->Connect(0, handle, &comm), Result::kInternalError);
  EXPECT_EQ(comm, nullptr);
  EXPECT_EQ(fake->last, "");
}

TYPED_TEST(ContextFreeVersion, ConcurrentInitsMakeOneContext) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back(
        [] { EXPECT_EQ(TestFixture::Init(), Result::kSuccess); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fake->inits, 1);
}

std::string* first_log = nullptr;
std::string* second_log = nullptr;

void LogTo(std::string* out, abi::DebugLevel level, const char* format,
           va_list args) {
  char text[256];
  std::vsnprintf(text, sizeof(text), format, args);
  *out += std::to_string(static_cast<int>(level)) + text;
}
void FirstLogger(abi::DebugLevel level, unsigned long, const char*, int,
                 const char* format, ...) {
  va_list args;
  va_start(args, format);
  LogTo(first_log, level, format, args);
  va_end(args);
}
void SecondLogger(abi::DebugLevel level, unsigned long, const char*, int,
                  const char* format, ...) {
  va_list args;
  va_start(args, format);
  LogTo(second_log, level, format, args);
  va_end(args);
}

TYPED_TEST(ContextFreeVersion, LogsThroughTheLatestLogger) {
  std::string first;
  std::string second;
  first_log = &first;
  second_log = &second;
  ASSERT_EQ(this->Init(FirstLogger), Result::kSuccess);
  fake->logger(abi::DebugLevel::kWarn, abi::kSubsysNet, "f", 1, "%s%d", "a%s",
               1);
  ASSERT_EQ(this->Init(SecondLogger), Result::kSuccess);
  fake->logger(abi::DebugLevel::kInfo, abi::kSubsysNet, "f", 1, "b");
  ASSERT_EQ(this->Init(nullptr), Result::kSuccess);
  fake->logger(abi::DebugLevel::kInfo, abi::kSubsysNet, "f", 1, "dropped");
  EXPECT_EQ(first, "2a%s1");
  EXPECT_EQ(second, "3b");
}

int profiled = 0;
Result CountEvents(void**, int, void*, int64_t, void*) {
  ++profiled;
  return Result::kSuccess;
}

TEST_F(NarrowTest, ProfilerIsAskedForByV10Alone) {
  ASSERT_EQ(kNetV9.init(nullptr), Result::kSuccess);
  EXPECT_EQ(fake_.profiler, nullptr);
  ProcessContext::Get().ResetForTest();
  ASSERT_EQ(kNetV10.init(nullptr, CountEvents), Result::kSuccess);
  ASSERT_NE(fake_.profiler, nullptr);
  void* event = nullptr;
  profiled = 0;
  EXPECT_EQ(fake_.profiler(&event, abi::kProfilerStart, nullptr, 0, nullptr),
            Result::kSuccess);
  EXPECT_EQ(profiled, 1);
  ASSERT_EQ(kNetV9.init(nullptr), Result::kSuccess);
  EXPECT_EQ(fake_.profiler(&event, abi::kProfilerStop, nullptr, 0, nullptr),
            Result::kSuccess);
  EXPECT_EQ(profiled, 1);
}

}  // namespace
}  // namespace ithaca::net
