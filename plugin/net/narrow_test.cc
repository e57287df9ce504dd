// Slots and properties of the older versions, over a fake canonical table.
#include <cstring>
#include <type_traits>

#include "plugin/net/narrow_fake.h"

namespace ithaca::net {
namespace {

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

#define ITHACA_TEST_PROPERTIES(X)                                      \
  X(name)                                                              \
  X(pciPath)                                                           \
  X(guid)                                                              \
  X(ptrSupport)                                                        \
  X(regIsGlobal)                                                       \
  X(forceFlush)                                                        \
  X(speed) X(port) X(latency) X(maxComms) X(maxRecvs) X(netDeviceType) \
      X(netDeviceVersion) X(maxP2pBytes) X(maxCollBytes)               \
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

}  // namespace
}  // namespace ithaca::net
