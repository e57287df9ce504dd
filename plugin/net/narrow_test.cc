// The older versions against a fake canonical table that records its calls.
#include <gtest/gtest.h>

#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "plugin/net/narrow_context.h"
#include "plugin/net/net_v10.h"
#include "plugin/net/net_v11.h"
#include "plugin/net/net_v6.h"
#include "plugin/net/net_v7.h"
#include "plugin/net/net_v8.h"
#include "plugin/net/net_v9.h"

namespace ithaca::net {
namespace {

using abi::Result;

// What reached the canonical table, and what it answers.
struct Fake {
  Result answer = Result::kSuccess;
  std::atomic<int> inits{0};
  int finalizes = 0;
  void* made_ctx = reinterpret_cast<void*>(0xC0);
  abi::Logger logger = nullptr;
  abi::ProfilerCallback profiler = nullptr;
  const void* config = &made_ctx;
  uint64_t comm_id = 1;

  std::string last;  // The slot called last.
  void* ctx = nullptr;
  int dev = -1;
  abi::NetDeviceHandle** dev_comm = nullptr;
  std::vector<size_t> sizes;
  int tag = 0;
  void* phandle = nullptr;
  void* request_in = nullptr;
  abi::NetPropertiesV12 props{};
};
Fake* fake = nullptr;

template <typename T>
T* Ptr(uintptr_t value) {
  return reinterpret_cast<T*>(value);
}
void* const kPoison = Ptr<void>(0xDEADBEEF);

Result Note(const char* slot) {
  fake->last = slot;
  return fake->answer;
}

Result FakeInit(void** ctx, uint64_t comm_id, abi::NetCommConfigV12* config,
                abi::Logger logger, abi::ProfilerCallback profiler) {
  fake->inits++;
  fake->comm_id = comm_id;
  fake->config = config;
  fake->logger = logger;
  fake->profiler = profiler;
  *ctx = fake->answer == Result::kSuccess ? fake->made_ctx : nullptr;
  return Note("init");
}
Result FakeDevices(int* ndev) {
  *ndev = 3;
  return Note("devices");
}
Result FakeGetProperties(int dev, abi::NetPropertiesV12* props) {
  fake->dev = dev;
  if (fake->answer == Result::kSuccess) *props = fake->props;
  return Note("getProperties");
}
Result FakeListen(void* ctx, int dev, void*, void** listen_comm) {
  fake->ctx = ctx;
  fake->dev = dev;
  *listen_comm = Ptr<void>(0x11);
  return Note("listen");
}
Result FakeConnect(void* ctx, int dev, void*, void** send_comm,
                   abi::NetDeviceHandle** dev_comm) {
  fake->ctx = ctx;
  fake->dev = dev;
  fake->dev_comm = dev_comm;
  *send_comm = Ptr<void>(0x12);
  return Note("connect");
}
Result FakeAccept(void*, void** recv_comm, abi::NetDeviceHandle** dev_comm) {
  fake->dev_comm = dev_comm;
  *recv_comm = Ptr<void>(0x13);
  return Note("accept");
}
Result FakeRegMr(void*, void*, size_t size, int, void** mhandle) {
  fake->sizes = {size};
  *mhandle = Ptr<void>(0x14);
  return Note("regMr");
}
Result FakeRegMrDmaBuf(void*, void*, size_t, int, uint64_t, int,
                       void** mhandle) {
  *mhandle = nullptr;
  return Note("regMrDmaBuf");
}
Result FakeDeregMr(void*, void*) { return Note("deregMr"); }
Result FakeIsend(void*, void*, size_t size, int tag, void*, void* phandle,
                 void** request) {
  fake->sizes = {size};
  fake->tag = tag;
  fake->phandle = phandle;
  *request = Ptr<void>(0x15);
  return Note("isend");
}
Result FakeIrecv(void*, int n, void**, size_t* sizes, int* tags, void**,
                 void** phandles, void** request) {
  fake->sizes.assign(sizes, sizes + n);
  fake->tag = tags[0];
  fake->phandle = phandles;
  fake->request_in = *request;
  *request = Ptr<void>(0x16);
  return Note("irecv");
}
Result FakeIflush(void*, int, void**, int*, void**, void** request) {
  *request = nullptr;
  return Note("iflush");
}
Result FakeTest(void*, int* done, int*) {
  *done = 1;
  return Note("test");
}
Result FakeCloseSend(void*) { return Note("closeSend"); }
Result FakeCloseRecv(void*) { return Note("closeRecv"); }
Result FakeCloseListen(void*) { return Note("closeListen"); }
Result FakeFinalize(void*) {
  fake->finalizes++;
  return Note("finalize");
}
Result FakeSetNetAttr(void*, abi::NetAttrV12*) { return Note("setNetAttr"); }

}  // namespace

const abi::NetV12 kCanonical = {
    kPluginName,     FakeInit,       FakeDevices,   FakeGetProperties,
    FakeListen,      FakeConnect,    FakeAccept,    FakeRegMr,
    FakeRegMrDmaBuf, FakeDeregMr,    FakeIsend,     FakeIrecv,
    FakeIflush,      FakeTest,       FakeCloseSend, FakeCloseRecv,
    FakeCloseListen, nullptr,        nullptr,       nullptr,
    FakeFinalize,    FakeSetNetAttr,
};

namespace {

class NarrowTest : public ::testing::Test {
 protected:
  NarrowTest() {
    fake = &fake_;
    ProcessContext::Get().ResetForTest();
  }
  ~NarrowTest() override {
    fake_.answer = Result::kSuccess;
    ProcessContext::Get().ResetForTest();
    fake = nullptr;
  }
  Fake fake_;
};

// --- Slots -----------------------------------------------------------------

// Names of the slots of `table` that are null.
template <typename Table>
std::vector<std::string> NullSlots(const Table& table) {
  std::vector<std::string> names;
#define CHECK_SLOT(slot)                              \
  if constexpr (SameSlot_##slot<Table, Table>::value) \
    if (table.slot == nullptr) names.push_back(#slot);
  ITHACA_NET_SLOTS(CHECK_SLOT)
#undef CHECK_SLOT
  return names;
}

TEST_F(NarrowTest, OnlyDeviceSlotsAreNull) {
  const std::vector<std::string> device = {"getDeviceMr", "irecvConsumed"};
  const std::vector<std::string> all = {"getDeviceMr", "irecvConsumed",
                                        "makeVDevice"};
  EXPECT_EQ(NullSlots(kNetV12), all);
  EXPECT_EQ(NullSlots(kNetV11), all);
  EXPECT_EQ(NullSlots(kNetV10), all);
  EXPECT_EQ(NullSlots(kNetV9), all);
  EXPECT_EQ(NullSlots(kNetV8), device);
  EXPECT_EQ(NullSlots(kNetV7), device);
  EXPECT_EQ(NullSlots(kNetV6), std::vector<std::string>());
}

template <typename Table>
class EveryOlderVersion : public NarrowTest {};
using OlderTables = ::testing::Types<abi::NetV11, abi::NetV10, abi::NetV9,
                                     abi::NetV8, abi::NetV7, abi::NetV6>;
TYPED_TEST_SUITE(EveryOlderVersion, OlderTables);

template <typename Table>
const Table& TableOf();
template <>
const abi::NetV11& TableOf() {
  return kNetV11;
}
template <>
const abi::NetV10& TableOf() {
  return kNetV10;
}
template <>
const abi::NetV9& TableOf() {
  return kNetV9;
}
template <>
const abi::NetV8& TableOf() {
  return kNetV8;
}
template <>
const abi::NetV7& TableOf() {
  return kNetV7;
}
template <>
const abi::NetV6& TableOf() {
  return kNetV6;
}

TYPED_TEST(EveryOlderVersion, ReachesTheSlotOfTheSameName) {
  const auto& net = TableOf<TypeParam>();
  int out = 0;
  void* ptr = kPoison;
  EXPECT_STREQ(net.name, kPluginName);
  net.devices(&out);
  EXPECT_EQ(fake->last, "devices");
  EXPECT_EQ(out, 3);
  net.regMrDmaBuf(nullptr, nullptr, 1, abi::kPtrHost, 0, -1, &ptr);
  EXPECT_EQ(fake->last, "regMrDmaBuf");
  net.deregMr(nullptr, nullptr);
  EXPECT_EQ(fake->last, "deregMr");
  net.iflush(nullptr, 1, nullptr, nullptr, nullptr, &ptr);
  EXPECT_EQ(fake->last, "iflush");
  net.test(nullptr, &out, nullptr);
  EXPECT_EQ(fake->last, "test");
  net.closeSend(nullptr);
  EXPECT_EQ(fake->last, "closeSend");
  net.closeRecv(nullptr);
  EXPECT_EQ(fake->last, "closeRecv");
  net.closeListen(nullptr);
  EXPECT_EQ(fake->last, "closeListen");
}

TYPED_TEST(EveryOlderVersion, PassesErrorsThrough) {
  const auto& net = TableOf<TypeParam>();
  for (Result error : {Result::kSystemError, Result::kRemoteError,
                       Result::kInvalidUsage, Result::kInternalError}) {
    fake->answer = error;
    int done = 0;
    EXPECT_EQ(net.test(nullptr, &done, nullptr), error);
    EXPECT_EQ(net.closeSend(nullptr), error);
    void* mhandle = kPoison;
    EXPECT_EQ(net.regMr(nullptr, nullptr, 8, abi::kPtrHost, &mhandle), error);
  }
}

// --- Properties ------------------------------------------------------------

#define ITHACA_TEST_PROPERTIES(X)                                         \
  X(name)                                                                 \
  X(pciPath)                                                              \
  X(guid)                                                                 \
  X(ptrSupport)                                                           \
  X(regIsGlobal)                                                          \
  X(forceFlush) X(speed) X(port) X(latency) X(maxComms) X(maxRecvs)       \
      X(netDeviceType) X(netDeviceVersion) X(maxP2pBytes) X(maxCollBytes) \
          X(maxMultiRequestSize)

#define DEFINE_HAS(field)                  \
  template <typename T, typename = void>   \
  struct Has_##field : std::false_type {}; \
  template <typename T>                    \
  struct Has_##field<T, std::void_t<decltype(T::field)>> : std::true_type {};
ITHACA_TEST_PROPERTIES(DEFINE_HAS)
DEFINE_HAS(vProps)
#undef DEFINE_HAS

template <typename>
struct PropsOf;
template <typename P>
struct PropsOf<Result (*)(int, P*)> {
  using Type = P;
};

abi::NetPropertiesV12 DistinctProperties() {
  abi::NetPropertiesV12 p{};
  p.name = "ithaca0";
  p.pciPath = "/sys/devices/pci0000:00";
  p.guid = 0x1122334455667788;
  p.ptrSupport = 5;
  p.regIsGlobal = 1;
  p.forceFlush = 7;
  p.speed = 100000;
  p.port = 9;
  p.latency = 2.5F;
  p.maxComms = 11;
  p.maxRecvs = 8;
  p.netDeviceType = abi::NetDeviceType::kHost;
  p.netDeviceVersion = 13;
  p.vProps = {2, {3, 4}};
  p.maxP2pBytes = size_t{1} << 36;
  p.maxCollBytes = size_t{1} << 35;
  p.maxMultiRequestSize = 17;
  p.railId = 18;
  p.planeId = 19;
  return p;
}

TYPED_TEST(EveryOlderVersion, CopiesEveryPropertyThatItHas) {
  const auto& net = TableOf<TypeParam>();
  using Props = typename PropsOf<decltype(net.getProperties)>::Type;
  fake->props = DistinctProperties();
  struct {
    Props props;
    unsigned char guard[64];
  } out;
  std::memset(&out, 0xA5, sizeof(out));
  ASSERT_EQ(net.getProperties(2, &out.props), Result::kSuccess);
  EXPECT_EQ(fake->dev, 2);
#define EXPECT_SAME(field)                                   \
  if constexpr (Has_##field<Props>::value) {                 \
    EXPECT_EQ(out.props.field, fake->props.field) << #field; \
  }
  ITHACA_TEST_PROPERTIES(EXPECT_SAME)
#undef EXPECT_SAME
  if constexpr (Has_vProps<Props>::value) {
    EXPECT_EQ(out.props.vProps.ndevs, 2);
    EXPECT_EQ(out.props.vProps.devs[0], 3);
    EXPECT_EQ(out.props.vProps.devs[1], 4);
  }
  for (unsigned char byte : out.guard) EXPECT_EQ(byte, 0xA5);
}

TYPED_TEST(EveryOlderVersion, LeavesPropertiesAloneOnError) {
  const auto& net = TableOf<TypeParam>();
  using Props = typename PropsOf<decltype(net.getProperties)>::Type;
  fake->answer = Result::kInvalidUsage;
  Props out;
  std::memset(&out, 0xA5, sizeof(out));
  EXPECT_EQ(net.getProperties(9, &out), Result::kInvalidUsage);
  const auto* bytes = reinterpret_cast<const unsigned char*>(&out);
  for (size_t i = 0; i < sizeof(out); ++i) ASSERT_EQ(bytes[i], 0xA5) << i;
}

TEST_F(NarrowTest, WideVirtualDeviceIsShownAsItself) {
  fake_.props = DistinctProperties();
  fake_.props.vProps = {5, {0, 1, 2, 3, 4}};
  abi::NetPropertiesV11 out{};
  ASSERT_EQ(kNetV11.getProperties(6, &out), Result::kSuccess);
  EXPECT_EQ(out.vProps.ndevs, 1);
  EXPECT_EQ(out.vProps.devs[0], 6);
}

// --- Contexts --------------------------------------------------------------

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

// --- Sizes and handles -----------------------------------------------------

TEST_F(NarrowTest, V9PassesWideSizesWithoutProfilingHandles) {
  void* request = kPoison;
  fake_.phandle = kPoison;
  ASSERT_EQ(
      kNetV9.isend(nullptr, nullptr, size_t{1} << 33, 5, nullptr, &request),
      Result::kSuccess);
  EXPECT_EQ(fake_.sizes, std::vector<size_t>{size_t{1} << 33});
  EXPECT_EQ(fake_.phandle, nullptr);
  EXPECT_EQ(fake_.tag, 5);
  EXPECT_EQ(request, Ptr<void>(0x15));
  fake_.phandle = kPoison;
  size_t size = size_t{1} << 34;
  int tag = 6;
  request = Ptr<void>(abi::kOptionalRecvCompletion);
  ASSERT_EQ(kNetV9.irecv(nullptr, 1, nullptr, &size, &tag, nullptr, &request),
            Result::kSuccess);
  EXPECT_EQ(fake_.sizes, std::vector<size_t>{size});
  EXPECT_EQ(fake_.phandle, nullptr);
  EXPECT_EQ(fake_.request_in, Ptr<void>(abi::kOptionalRecvCompletion));
  EXPECT_EQ(request, Ptr<void>(0x16));
}

template <typename Table>
class IntSizes : public NarrowTest {};
using IntTables = ::testing::Types<abi::NetV8, abi::NetV7, abi::NetV6>;
TYPED_TEST_SUITE(IntSizes, IntTables);

TYPED_TEST(IntSizes, WidensSends) {
  const auto& net = TableOf<TypeParam>();
  for (int size : {0, 1, 1 << 30, INT_MAX}) {
    void* request = kPoison;
    ASSERT_EQ(net.isend(nullptr, nullptr, size, 3, nullptr, &request),
              Result::kSuccess);
    EXPECT_EQ(fake->sizes, std::vector<size_t>{static_cast<size_t>(size)});
    EXPECT_EQ(request, Ptr<void>(0x15));
  }
}

TYPED_TEST(IntSizes, WidensEveryGroupOfReceives) {
  const auto& net = TableOf<TypeParam>();
  for (int n = 1; n <= v8::kMaxGroupedRecvs; ++n) {
    std::vector<int> sizes;
    std::vector<int> tags(n, 4);
    std::vector<size_t> wide;
    for (int i = 0; i < n; ++i) {
      sizes.push_back(INT_MAX - i);
      wide.push_back(static_cast<size_t>(INT_MAX) - i);
    }
    void* request = Ptr<void>(abi::kOptionalRecvCompletion);
    ASSERT_EQ(net.irecv(nullptr, n, nullptr, sizes.data(), tags.data(), nullptr,
                        &request),
              Result::kSuccess);
    EXPECT_EQ(fake->sizes, wide);
    EXPECT_EQ(request, Ptr<void>(0x16));
  }
}

TYPED_TEST(IntSizes, RejectsWhatNcclNeverAsks) {
  const auto& net = TableOf<TypeParam>();
  void* request = kPoison;
  EXPECT_EQ(net.isend(nullptr, nullptr, -1, 0, nullptr, &request),
            Result::kInternalError);
  EXPECT_EQ(request, nullptr);
  int tags[9] = {};
  for (int n : {-1, 0, 9}) {
    int sizes[9] = {};
    request = kPoison;
    EXPECT_EQ(net.irecv(nullptr, n, nullptr, sizes, tags, nullptr, &request),
              Result::kInternalError);
    EXPECT_EQ(request, nullptr);
  }
  int sizes[3] = {1, 2, INT_MIN};
  request = kPoison;
  EXPECT_EQ(net.irecv(nullptr, 3, nullptr, sizes, tags, nullptr, &request),
            Result::kInternalError);
  EXPECT_EQ(request, nullptr);
  EXPECT_EQ(fake->last, "");
}

TYPED_TEST(IntSizes, RegistersUpToIntMax) {
  const auto& net = TableOf<TypeParam>();
  void* mhandle = kPoison;
  ASSERT_EQ(net.regMr(nullptr, nullptr, INT_MAX, abi::kPtrHost, &mhandle),
            Result::kSuccess);
  EXPECT_EQ(fake->sizes, std::vector<size_t>{INT_MAX});
  EXPECT_EQ(mhandle, Ptr<void>(0x14));
}

TEST_F(NarrowTest, NegativeRegistrationIsRejectedWhereSizesAreInts) {
  void* mhandle = kPoison;
  EXPECT_EQ(kNetV7.regMr(nullptr, nullptr, -1, abi::kPtrHost, &mhandle),
            Result::kInternalError);
  EXPECT_EQ(mhandle, nullptr);
  mhandle = kPoison;
  EXPECT_EQ(kNetV6.regMr(nullptr, nullptr, INT_MIN, abi::kPtrHost, &mhandle),
            Result::kInternalError);
  EXPECT_EQ(mhandle, nullptr);
}

TEST_F(NarrowTest, V6AsksForNoDeviceHandles) {
  ASSERT_EQ(kNetV6.init(nullptr), Result::kSuccess);
  char handle[abi::kHandleBytes] = {};
  void* comm = kPoison;
  fake_.dev_comm = Ptr<abi::NetDeviceHandle*>(0x99);
  ASSERT_EQ(kNetV6.connect(0, handle, &comm), Result::kSuccess);
  EXPECT_EQ(fake_.dev_comm, nullptr);
  fake_.dev_comm = Ptr<abi::NetDeviceHandle*>(0x99);
  ASSERT_EQ(kNetV6.accept(nullptr, &comm), Result::kSuccess);
  EXPECT_EQ(fake_.dev_comm, nullptr);
  EXPECT_EQ(comm, Ptr<void>(0x13));
}

}  // namespace
}  // namespace ithaca::net
