#include "plugin/ucx/frame_assembler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace ithaca {
namespace {

class FrameAssemblerTest : public ::testing::Test, public LaneSink {
 public:
  Status OnFrameHead(Lane*, const Frame& frame, void** target) override {
    heads.push_back(frame.seq);
    if (!refusal.ok()) return refusal;
    if (keep) {
      buffer.assign(frame.payload_bytes, 0xDB);
      *target = buffer.data();
    }
    return Status();
  }
  Status OnFrame(Lane*, const Frame& frame) override {
    done.push_back(frame.seq);
    return Status();
  }
  void OnLaneDown(Lane*, const Status&) override { FAIL(); }

  ChunkHead Head(uint32_t number, uint32_t bytes, uint32_t offset) {
    ChunkHead head;
    head.number = number;
    head.offset = offset;
    head.frame.type = FrameType::kData;
    head.frame.seq = 100 + number;
    head.frame.payload_bytes = head.frame.size = bytes;
    return head;
  }
  Status Feed(uint32_t number, uint32_t bytes, uint32_t offset, uint32_t n) {
    std::vector<uint8_t> data(n);
    for (uint32_t i = 0; i < n; ++i) data[i] = Byte(offset + i);
    return assembler.OnChunk(Head(number, bytes, offset), data.data(), n);
  }
  static uint8_t Byte(uint32_t i) { return i * 31 + 7; }

  bool keep = true;
  Status refusal;
  std::vector<uint32_t> heads, done;
  std::vector<uint8_t> buffer;
  FrameAssembler assembler{nullptr, this};
};

TEST_F(FrameAssemblerTest, OneChunkIsAWholeFrame) {
  ASSERT_TRUE(Feed(0, 50, 0, 50).ok());
  EXPECT_EQ(done, std::vector<uint32_t>{100});
  for (uint32_t i = 0; i < 50; ++i) ASSERT_EQ(buffer[i], Byte(i));
  EXPECT_EQ(assembler.bytes_received(), kFrameBytes + 50);
  EXPECT_EQ(assembler.half_frames(), 0u);
}

TEST_F(FrameAssemblerTest, AFrameWithoutPayloadHasNoHead) {
  ChunkHead head;
  head.frame.seq = 4;  // an ack
  ASSERT_TRUE(assembler.OnChunk(head, nullptr, 0).ok());
  EXPECT_TRUE(heads.empty());
  EXPECT_EQ(done, std::vector<uint32_t>{4});
  EXPECT_EQ(assembler.bytes_received(), kFrameBytes);
}

TEST_F(FrameAssemblerTest, ChunksInAnyOrderFillTheirPlaces) {
  constexpr uint32_t kSeed = 7;
  std::mt19937 random(kSeed);
  for (uint32_t round = 0; round < 200; ++round) {
    const uint32_t bytes = 2 + random() % 1000;
    const uint32_t piece = 1 + random() % (bytes - 1);
    std::vector<uint32_t> offsets;
    for (uint32_t at = 0; at < bytes; at += piece) offsets.push_back(at);
    std::shuffle(offsets.begin(), offsets.end(), random);
    heads.clear();
    done.clear();
    for (const uint32_t at : offsets) {
      EXPECT_TRUE(done.empty());
      ASSERT_TRUE(Feed(round, bytes, at, std::min(piece, bytes - at)).ok());
    }
    ASSERT_EQ(done, std::vector<uint32_t>{100 + round}) << "seed " << kSeed;
    ASSERT_EQ(heads.size(), 1u);
    for (uint32_t i = 0; i < bytes; ++i) ASSERT_EQ(buffer[i], Byte(i));
  }
  EXPECT_EQ(assembler.half_frames(), 0u);
}

TEST_F(FrameAssemblerTest, WithoutATargetTheFrameStillCompletes) {
  keep = false;
  ASSERT_TRUE(Feed(0, 100, 0, 60).ok());
  ASSERT_TRUE(Feed(0, 100, 60, 40).ok());
  EXPECT_EQ(done, std::vector<uint32_t>{100});
}

TEST_F(FrameAssemblerTest, ForgetDropsTheRest) {
  ASSERT_TRUE(Feed(0, 100, 0, 60).ok());
  assembler.Forget(100);
  std::fill(buffer.begin(), buffer.end(), 0xDB);
  ASSERT_TRUE(Feed(0, 100, 60, 40).ok());
  EXPECT_EQ(done, std::vector<uint32_t>{100});
  for (const uint8_t byte : buffer) ASSERT_EQ(byte, 0xDB);
}

TEST_F(FrameAssemblerTest, ForgetLeavesOtherMessages) {
  ASSERT_TRUE(Feed(0, 100, 0, 60).ok());
  assembler.Forget(101);
  ASSERT_TRUE(Feed(0, 100, 60, 40).ok());
  EXPECT_EQ(buffer[99], Byte(99));
}

TEST_F(FrameAssemblerTest, AnAbortedFrameIsGone) {
  ASSERT_TRUE(Feed(0, 100, 0, 60).ok());
  EXPECT_EQ(assembler.half_frames(), 1u);
  assembler.OnAbort(1);
  EXPECT_EQ(assembler.half_frames(), 1u);
  assembler.OnAbort(0);
  EXPECT_EQ(assembler.half_frames(), 0u);
  EXPECT_TRUE(done.empty());
}

TEST_F(FrameAssemblerTest, TheSinksRefusalIsTheAnswer) {
  refusal = Errorf(Code::kDataLoss, "no");
  EXPECT_EQ(Feed(0, 100, 0, 100).message(), "no");
  EXPECT_EQ(Feed(1, 100, 0, 50).message(), "no");
  EXPECT_TRUE(done.empty());
  EXPECT_EQ(assembler.half_frames(), 0u);
}

TEST_F(FrameAssemblerTest, ContradictingChunksAreRefused) {
  ASSERT_TRUE(Feed(0, 100, 0, 60).ok());
  EXPECT_EQ(Feed(0, 200, 60, 40).code(), Code::kDataLoss);  // another size
  EXPECT_EQ(Feed(0, 100, 10, 90).code(), Code::kDataLoss);  // too many bytes
  EXPECT_TRUE(done.empty());
}

TEST_F(FrameAssemblerTest, TooManyHalfFramesAreRefused) {
  for (uint32_t n = 0; n < kMaxHalfFrames; ++n)
    ASSERT_TRUE(Feed(n, 100, 0, 60).ok());
  EXPECT_EQ(Feed(kMaxHalfFrames, 100, 0, 60).code(), Code::kDataLoss);
  ASSERT_TRUE(Feed(kMaxHalfFrames + 1, 100, 0, 100).ok());  // a whole one
}

}  // namespace
}  // namespace ithaca
