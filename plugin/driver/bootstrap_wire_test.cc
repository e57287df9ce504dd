#include "plugin/driver/bootstrap_wire.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace ithaca::driver {
namespace {

TEST(BootstrapWireTest, HelloSurvivesTheTrip) {
  Hello hello;
  hello.rank = 3;
  hello.ranks = 70000 - 10000;
  hello.token = 0x0123456789abcdef;
  const auto bytes = Encode(hello);
  Hello back;
  ASSERT_TRUE(DecodeHello(bytes.data(), bytes.size(), &back));
  EXPECT_EQ(back.version, kBootstrapVersion);
  EXPECT_EQ(back.rank, 3u);
  EXPECT_EQ(back.ranks, 60000u);
  EXPECT_EQ(back.token, hello.token);
}

TEST(BootstrapWireTest, HelloLayoutIsTheDocumentedOne) {
  Hello hello;
  hello.rank = 0x01020304;
  hello.ranks = 5;
  hello.token = 0x1122334455667788;
  const auto b = Encode(hello);
  EXPECT_EQ(std::string(b.begin(), b.begin() + 8), "ITHBOOT1");
  EXPECT_EQ(b[8], 1);
  EXPECT_EQ(b[12], 4);
  EXPECT_EQ(b[15], 1);
  EXPECT_EQ(b[16], 5);
  EXPECT_EQ(b[24], 0x88);
  EXPECT_EQ(b[31], 0x11);
}

TEST(BootstrapWireTest, FrameHeaderSurvivesAndIsBounded) {
  FrameHeader header = {FrameKind::kAllToAll, 77, kMaxPayloadBytes};
  auto bytes = Encode(header);
  FrameHeader back;
  ASSERT_TRUE(DecodeFrameHeader(bytes.data(), bytes.size(), &back));
  EXPECT_EQ(back.kind, FrameKind::kAllToAll);
  EXPECT_EQ(back.sequence, 77u);
  EXPECT_EQ(back.bytes, kMaxPayloadBytes);
  header.bytes = kMaxPayloadBytes + 1;
  bytes = Encode(header);
  EXPECT_FALSE(DecodeFrameHeader(bytes.data(), bytes.size(), &back));
}

TEST(BootstrapWireTest, WelcomeSurvives) {
  Welcome welcome;
  welcome.refusal = Refusal::kRankTaken;
  welcome.ranks = 9;
  const auto bytes = Encode(welcome);
  Welcome back;
  ASSERT_TRUE(DecodeWelcome(bytes.data(), bytes.size(), &back));
  EXPECT_EQ(back.refusal, Refusal::kRankTaken);
  EXPECT_EQ(back.ranks, 9u);
}

TEST(BootstrapWireTest, BlobsSurvive) {
  const std::vector<std::string> blobs = {"", "a", std::string(1000, 'x'), ""};
  std::vector<std::string> back;
  ASSERT_TRUE(DecodeBlobs(EncodeBlobs(blobs), blobs.size(), &back));
  EXPECT_EQ(back, blobs);
  EXPECT_FALSE(DecodeBlobs(EncodeBlobs(blobs), blobs.size() + 1, &back));
  EXPECT_FALSE(DecodeBlobs(EncodeBlobs(blobs), blobs.size() - 1, &back));
}

TEST(BootstrapWireTest, EveryRefusalHasASentence) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_STRNE(RefusalText(static_cast<Refusal>(i)), "");
  }
}

// Mutations of good bytes and pure noise: no crash, no over-read (sanitizers),
// and nothing decodes to values out of bounds.
TEST(BootstrapWireTest, DecodersTakeAnything) {
  const uint32_t seed = 20240607;
  std::mt19937 random(seed);
  SCOPED_TRACE(seed);
  const auto hello = Encode(Hello{kBootstrapVersion, 1, 2, 3});
  const auto frame = Encode(FrameHeader{FrameKind::kGather, 1, 100});
  const std::string blobs = EncodeBlobs({"abc", "", "0123456789"});
  for (int i = 0; i < 200000; ++i) {
    std::vector<uint8_t> bytes;
    switch (i % 4) {
      case 0:
        bytes.assign(hello.begin(), hello.end());
        break;
      case 1:
        bytes.assign(frame.begin(), frame.end());
        break;
      case 2:
        bytes.assign(blobs.begin(), blobs.end());
        break;
      default:
        bytes.resize(random() % 64);
        for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
    }
    for (int m = random() % 4; m >= 0 && !bytes.empty(); --m) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    }
    if (random() % 4 == 0 && !bytes.empty()) {
      bytes.resize(random() % bytes.size());
    }
    Hello h;
    if (DecodeHello(bytes.data(), bytes.size(), &h)) {
      EXPECT_LE(h.ranks, kMaxRanks);
    }
    Welcome w;
    (void)DecodeWelcome(bytes.data(), bytes.size(), &w);
    FrameHeader f;
    if (DecodeFrameHeader(bytes.data(), bytes.size(), &f)) {
      EXPECT_LE(f.bytes, kMaxPayloadBytes);
    }
    std::vector<std::string> list;
    if (DecodeBlobs(std::string(bytes.begin(), bytes.end()), 3, &list)) {
      EXPECT_EQ(list.size(), 3u);
    }
  }
}

}  // namespace
}  // namespace ithaca::driver
