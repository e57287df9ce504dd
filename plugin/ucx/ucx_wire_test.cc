#include "plugin/ucx/ucx_wire.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "plugin/transport/lane.h"

namespace ithaca {
namespace {

ChunkHead SomeHead() {
  ChunkHead head;
  head.lane = 0x1122334455667788;
  head.number = 0xFFFFFFFE;
  head.offset = 1000;
  head.frame.type = FrameType::kData;
  head.frame.seq = 77;
  head.frame.offset = 1 << 30;
  head.frame.payload_bytes = 5000;
  head.frame.size = 5000;
  return head;
}

TEST(UcxWireTest, ChunkHeadKeepsItsFields) {
  uint8_t wire[kChunkHeadBytes];
  EncodeChunkHead(SomeHead(), wire);
  ChunkHead got;
  ASSERT_TRUE(DecodeChunkHead(wire, sizeof(wire), 4000, &got).ok());
  EXPECT_EQ(got.lane, 0x1122334455667788u);
  EXPECT_EQ(got.number, 0xFFFFFFFEu);
  EXPECT_EQ(got.offset, 1000u);
  EXPECT_EQ(got.frame.type, FrameType::kData);
  EXPECT_EQ(got.frame.seq, 77u);
  EXPECT_EQ(got.frame.offset, uint64_t{1} << 30);
  EXPECT_EQ(got.frame.payload_bytes, 5000u);
  EXPECT_EQ(DecodeLane(wire, sizeof(wire)), 0x1122334455667788u);
  EXPECT_EQ(DecodeNumber(wire), 0xFFFFFFFEu);
}

TEST(UcxWireTest, ChunkHeadLiesAsTheTableSays) {
  uint8_t wire[kChunkHeadBytes];
  EncodeChunkHead(SomeHead(), wire);
  const uint8_t begin[] = {0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
                           0xFE, 0xFF, 0xFF, 0xFF, 0xE8, 0x03, 0,    0};
  EXPECT_EQ(memcmp(wire, begin, sizeof(begin)), 0);
  uint8_t frame[kFrameBytes];
  EncodeFrame(SomeHead().frame, frame);
  EXPECT_EQ(memcmp(wire + 16, frame, sizeof(frame)), 0);
}

TEST(UcxWireTest, NoteHeadCarriesLaneAndNumber) {
  uint8_t wire[kChunkHeadBytes];
  EncodeNoteHead(9, 12, wire);
  EXPECT_EQ(DecodeLane(wire, sizeof(wire)), 9u);
  EXPECT_EQ(DecodeNumber(wire), 12u);
  ChunkHead head;
  EXPECT_FALSE(DecodeChunkHead(wire, sizeof(wire), 0, &head).ok());
}

TEST(UcxWireTest, RefusesHeadsOfAnotherLength) {
  uint8_t wire[kChunkHeadBytes + 1] = {};
  EncodeChunkHead(SomeHead(), wire);
  ChunkHead head;
  for (const size_t bytes :
       {size_t{0}, size_t{8}, kChunkHeadBytes - 1, kChunkHeadBytes + 1}) {
    EXPECT_EQ(DecodeLane(wire, bytes), 0u);
    EXPECT_EQ(DecodeChunkHead(wire, bytes, 10, &head).code(), Code::kDataLoss);
  }
  EXPECT_EQ(DecodeLane(nullptr, kChunkHeadBytes), 0u);
  EXPECT_FALSE(DecodeChunkHead(nullptr, kChunkHeadBytes, 0, &head).ok());
}

TEST(UcxWireTest, RefusesChunksOutsideThePayload) {
  uint8_t wire[kChunkHeadBytes];
  ChunkHead head = SomeHead(), got;
  EncodeChunkHead(head, wire);  // bytes 1000.. of 5000
  EXPECT_TRUE(DecodeChunkHead(wire, sizeof(wire), 4000, &got).ok());
  EXPECT_FALSE(DecodeChunkHead(wire, sizeof(wire), 4001, &got).ok());
  EXPECT_FALSE(DecodeChunkHead(wire, sizeof(wire), SIZE_MAX, &got).ok());
  EXPECT_FALSE(DecodeChunkHead(wire, sizeof(wire), 0, &got).ok());
  head.offset = 5001;
  EncodeChunkHead(head, wire);
  EXPECT_FALSE(DecodeChunkHead(wire, sizeof(wire), 1, &got).ok());
  head.offset = UINT32_MAX;
  EncodeChunkHead(head, wire);
  EXPECT_FALSE(DecodeChunkHead(wire, sizeof(wire), 2, &got).ok());
  head.frame = Frame();  // an ack, without payload
  head.offset = 0;
  EncodeChunkHead(head, wire);
  EXPECT_TRUE(DecodeChunkHead(wire, sizeof(wire), 0, &got).ok());
  EXPECT_FALSE(DecodeChunkHead(wire, sizeof(wire), 1, &got).ok());
}

TEST(UcxWireTest, AddressKeepsItsParts) {
  const std::string ucx("\0\1\2 ucx \xFF", 9);
  const StatusOr<RailAddress> got =
      DecodeRailAddress(EncodeRailAddress({131072, "eth0 10.0.0.1", ucx}));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got.value().chunk_bytes, 131072u);
  EXPECT_EQ(got.value().label, "eth0 10.0.0.1");
  EXPECT_EQ(got.value().ucx, ucx);
}

TEST(UcxWireTest, LabelsArePrintable) {
  const auto got =
      DecodeRailAddress(EncodeRailAddress({kMinChunkBytes, "a\n\x1B%s", "x"}));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got.value().label, "a??%s");
}

TEST(UcxWireTest, RefusesEveryTruncationAndFlip) {
  const std::string good =
      EncodeRailAddress({4096, "eth0", std::string(200, 'u')});
  for (size_t n = 0; n < good.size(); ++n)
    EXPECT_FALSE(DecodeRailAddress(good.substr(0, n)).ok()) << n;
  EXPECT_FALSE(DecodeRailAddress(good + "x").ok());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] ^= 1 << bit % 8;
    EXPECT_EQ(DecodeRailAddress(bad).status().code(), Code::kDataLoss) << bit;
  }
  EXPECT_FALSE(DecodeRailAddress(EncodeRailAddress({4096, "eth0", ""})).ok());
  EXPECT_FALSE(
      DecodeRailAddress(EncodeRailAddress({kMinChunkBytes - 1, "eth0", "u"}))
          .ok());
}

// Random bytes and mutations of good ones: no crash, and what is accepted obeys
// the bounds that the code behind relies on.
TEST(UcxWireTest, DecodersWithstandMutations) {
  constexpr uint32_t kSeed = 20240117;
  RecordProperty("seed", kSeed);
  std::mt19937 random(kSeed);
  int accepted = 0;
  for (int round = 0; round < 200000; ++round) {
    std::vector<uint8_t> wire(kChunkHeadBytes);
    EncodeChunkHead(SomeHead(), wire.data());
    for (int flips = random() % 6; flips > 0; --flips)
      wire[random() % wire.size()] = random();
    if (random() % 16 == 0) wire.resize(random() % 100);
    const size_t data_bytes = random() % 6000;
    ChunkHead head;
    if (!DecodeChunkHead(wire.data(), wire.size(), data_bytes, &head).ok())
      continue;
    ++accepted;
    ASSERT_EQ(wire.size(), kChunkHeadBytes);
    ASSERT_LE(head.frame.payload_bytes, kMaxFragmentBytes);
    ASSERT_LE(uint64_t{head.offset} + data_bytes, head.frame.payload_bytes);
  }
  EXPECT_GT(accepted, 1000);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = EncodeRailAddress({4096, "eth0", std::string(60, 'u')});
    for (int flips = 1 + random() % 6; flips > 0; --flips)
      bytes[random() % bytes.size()] = random();
    if (random() % 8 == 0) bytes.resize(random() % (kMaxAddressBytes + 10));
    const auto got = DecodeRailAddress(bytes);
    if (!got.ok()) continue;
    ASSERT_LE(got.value().ucx.size(), bytes.size());
  }
}

}  // namespace
}  // namespace ithaca
