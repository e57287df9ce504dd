// Layouts of every ABI version against a table written down apart from the
// headers: sizes, and the slots in NCCL's order.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "plugin/abi/net_v6.h"
#include "plugin/abi/tuner_v2.h"

namespace ithaca::abi {
namespace {

struct Slot {
  const char* name;
  size_t offset;
};

// Slots must follow one another without gaps, and end with the struct.
void ExpectContiguous(const std::vector<Slot>& slots, size_t size) {
  for (size_t i = 0; i < slots.size(); ++i)
    EXPECT_EQ(slots[i].offset, i * sizeof(void*)) << slots[i].name;
  EXPECT_EQ(size, slots.size() * sizeof(void*));
}

#define AT(slot) \
  Slot { #slot, offsetof(T, slot) }
#define AT_DATA_PATH                                                         \
  AT(regMr), AT(regMrDmaBuf), AT(deregMr), AT(isend), AT(irecv), AT(iflush), \
      AT(test), AT(closeSend), AT(closeRecv), AT(closeListen)
#define AT_START                                                               \
  AT(name), AT(init), AT(devices), AT(getProperties), AT(listen), AT(connect), \
      AT(accept)

template <typename T>
void ExpectV6Slots() {
  ExpectContiguous({AT_START, AT_DATA_PATH}, sizeof(T));
}
template <typename T>
void ExpectV7Slots() {
  ExpectContiguous({AT_START, AT_DATA_PATH, AT(getDeviceMr), AT(irecvConsumed)},
                   sizeof(T));
}
template <typename T>
void ExpectV9Slots() {
  ExpectContiguous({AT_START, AT_DATA_PATH, AT(getDeviceMr), AT(irecvConsumed),
                    AT(makeVDevice)},
                   sizeof(T));
}
template <typename T>
void ExpectV11Slots() {
  ExpectContiguous({AT_START, AT_DATA_PATH, AT(getDeviceMr), AT(irecvConsumed),
                    AT(makeVDevice), AT(finalize), AT(setNetAttr)},
                   sizeof(T));
}

TEST(Layout, NetTables) {
  ExpectV6Slots<NetV6>();
  ExpectV7Slots<NetV7>();
  ExpectV7Slots<NetV8>();
  ExpectV9Slots<NetV9>();
  ExpectV9Slots<NetV10>();
  ExpectV11Slots<NetV11>();
  ExpectV11Slots<NetV12>();
}

TEST(Layout, NetProperties) {
  struct Row {
    int version;
    size_t size, guid, speed, max_comms, device_type, max_p2p_bytes;
    size_t want_size, want_speed, want_max_comms, want_device_type,
        want_max_p2p_bytes;
  };
#define OFFSETS(P) \
  sizeof(P), offsetof(P, guid), offsetof(P, speed), offsetof(P, maxComms)
  const size_t none = ~size_t{0};
  const std::vector<Row> rows = {
      {6, OFFSETS(NetPropertiesV6), none, none, 48, 28, 40, none, none},
      {7, OFFSETS(NetPropertiesV7), offsetof(NetPropertiesV7, netDeviceType),
       none, 56, 28, 40, 48, none},
      {8, OFFSETS(NetPropertiesV8), offsetof(NetPropertiesV8, netDeviceType),
       none, 64, 32, 44, 52, none},
      {9, OFFSETS(NetPropertiesV9), offsetof(NetPropertiesV9, netDeviceType),
       offsetof(NetPropertiesV9, maxP2pBytes), 104, 36, 48, 56, 88},
      {10, OFFSETS(NetPropertiesV10), offsetof(NetPropertiesV10, netDeviceType),
       offsetof(NetPropertiesV10, maxP2pBytes), 104, 36, 48, 56, 88},
      {11, OFFSETS(NetPropertiesV11), offsetof(NetPropertiesV11, netDeviceType),
       offsetof(NetPropertiesV11, maxP2pBytes), 112, 36, 48, 56, 88},
      {12, OFFSETS(NetPropertiesV12), offsetof(NetPropertiesV12, netDeviceType),
       offsetof(NetPropertiesV12, maxP2pBytes), 128, 36, 48, 56, 104},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.version);
    EXPECT_EQ(row.size, row.want_size);
    EXPECT_EQ(row.guid, 16U);
    EXPECT_EQ(row.speed, row.want_speed);
    EXPECT_EQ(row.max_comms, row.want_max_comms);
    EXPECT_EQ(row.device_type, row.want_device_type);
    EXPECT_EQ(row.max_p2p_bytes, row.want_max_p2p_bytes);
  }
}

TEST(Layout, Small) {
  EXPECT_EQ(sizeof(NetVDevicePropsV12), 36U);
  EXPECT_EQ(sizeof(NetVDevicePropsV11), 20U);
  EXPECT_EQ(sizeof(NetCommConfigV12), 4U);
  EXPECT_EQ(sizeof(NetAttrV12), 44U);
  EXPECT_EQ(sizeof(NetDeviceHandle), 32U);
  EXPECT_EQ(sizeof(Result), 4U);
  EXPECT_EQ(sizeof(Func), 4U);
  EXPECT_EQ(OpBit(Func::kAlltoAll), 0x100U);
}

TEST(Layout, Tuners) {
  EXPECT_EQ(sizeof(TunerV6), 40U);
  EXPECT_EQ(sizeof(TunerV5), 32U);
  EXPECT_EQ(sizeof(TunerV4), 32U);
  EXPECT_EQ(sizeof(TunerV3), 32U);
  EXPECT_EQ(sizeof(TunerV2), 32U);
  EXPECT_EQ(sizeof(TunerConstantsV5), 1152U);
  EXPECT_EQ(sizeof(NvlDomainInfoV5), 12U);
}

}  // namespace
}  // namespace ithaca::abi
