// Handles, handshakes and frames: round trips, and hostile bytes.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <random>
#include <string>

#include "plugin/transport/frame.h"
#include "plugin/transport/handle.h"
#include "plugin/transport/handshake.h"
#include "plugin/transport/lane.h"

namespace ithaca {
namespace {

sockaddr_storage Address4(const char* text, uint16_t port) {
  sockaddr_storage storage = {};
  auto* in = reinterpret_cast<sockaddr_in*>(&storage);
  in->sin_family = AF_INET;
  in->sin_port = htons(port);
  inet_pton(AF_INET, text, &in->sin_addr);
  return storage;
}

sockaddr_storage Address6(const char* text, uint16_t port) {
  sockaddr_storage storage = {};
  auto* in = reinterpret_cast<sockaddr_in6*>(&storage);
  in->sin6_family = AF_INET6;
  in->sin6_port = htons(port);
  inet_pton(AF_INET6, text, &in->sin6_addr);
  return storage;
}

Handle SomeHandle() {
  Handle handle;
  handle.listener = 77;
  handle.nonce = 0x123456789abcdef0;
  handle.pid = 4711;
  handle.host = 0xfedcba9876543210;
  handle.rails = {Address4("10.1.2.3", 4000), Address6("fd00::1", 65535)};
  return handle;
}

TEST(Handle, RoundTrip) {
  uint8_t bytes[kHandleSize];
  EncodeHandle(SomeHandle(), bytes);
  SetHandleAttempt(bytes, 99);
  Handle handle;
  ASSERT_TRUE(DecodeHandle(bytes, &handle).ok());
  EXPECT_EQ(handle.attempt, 99);
  EXPECT_EQ(handle.listener, 77);
  EXPECT_EQ(handle.nonce, 0x123456789abcdef0);
  EXPECT_EQ(handle.pid, 4711);
  EXPECT_EQ(handle.host, 0xfedcba9876543210);
  ASSERT_EQ(handle.rails.size(), 2);
  EXPECT_EQ(AddressToString(handle.rails[0]), "10.1.2.3:4000");
  EXPECT_EQ(AddressToString(handle.rails[1]), "[fd00::1]:65535");
}

TEST(Handle, AnyDamageIsNoticed) {
  uint8_t good[kHandleSize];
  EncodeHandle(SomeHandle(), good);
  for (size_t i = 0; i < kHandleSize; ++i) {
    if (i >= 8 && i < 16) continue;  // the connector's own
    for (int bit = 0; bit < 8; ++bit) {
      uint8_t bad[kHandleSize];
      memcpy(bad, good, kHandleSize);
      bad[i] ^= 1 << bit;
      Handle handle;
      EXPECT_EQ(DecodeHandle(bad, &handle).code(), Code::kInvalidArgument)
          << "byte " << i << " bit " << bit;
    }
  }
}

TEST(Handle, RandomBytesAreRefused) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 100000; ++round) {
    uint8_t bytes[kHandleSize];
    for (uint8_t& byte : bytes) byte = random();
    Handle handle;
    EXPECT_FALSE(DecodeHandle(bytes, &handle).ok());
  }
}

TEST(Handshake, HelloRoundTrip) {
  Hello hello;
  hello.lane = 3;
  hello.kinds = kSocketLane | kUcxLane;
  hello.listener = 5;
  hello.nonce = 6;
  hello.connection = {1, 2, 3};
  hello.comm_id = 7;
  hello.profile_hash = 8;
  hello.plan_hash = 9;
  hello.ucx_lane_id = 10;
  hello.pid = 11;
  hello.knock_port = 12;
  hello.dial = 13;
  hello.address = "address";
  const std::string bytes = EncodeHello(hello);
  Hello got;
  size_t rest = 0;
  ASSERT_TRUE(
      DecodeHello(reinterpret_cast<const uint8_t*>(bytes.data()), &got, &rest)
          .ok());
  EXPECT_EQ(rest, 7);
  EXPECT_EQ(bytes.substr(kHelloBytes), "address");
  got.address = "address";
  EXPECT_EQ(EncodeHello(got), bytes);
}

TEST(Handshake, WelcomeRoundTrip) {
  Welcome welcome;
  welcome.verdict = Verdict::kPlanMismatch;
  welcome.kind = kShmLane;
  welcome.ucx_lane_id = 12;
  welcome.profile_hash = 13;
  welcome.plan_hash = 14;
  welcome.text = "because";
  const std::string bytes = EncodeWelcome(welcome);
  Welcome got;
  size_t rest = 0;
  ASSERT_TRUE(
      DecodeWelcome(reinterpret_cast<const uint8_t*>(bytes.data()), &got, &rest)
          .ok());
  EXPECT_EQ(rest, 7);
  got.text = bytes.substr(kWelcomeBytes);
  EXPECT_EQ(EncodeWelcome(got), bytes);
}

TEST(Handshake, AnotherVersionIsToldApartFromGarbage) {
  std::string bytes = EncodeHello(Hello());
  bytes[4] ^= 0x40;
  Hello hello;
  size_t rest;
  EXPECT_EQ(
      DecodeHello(reinterpret_cast<const uint8_t*>(bytes.data()), &hello, &rest)
          .code(),
      Code::kFailedPrecondition);
  bytes[0] = 'X';
  EXPECT_EQ(
      DecodeHello(reinterpret_cast<const uint8_t*>(bytes.data()), &hello, &rest)
          .code(),
      Code::kDataLoss);
}

TEST(Handshake, MutatedBytesDecodeWithinBoundsOrAreRefused) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string hello_bytes = EncodeHello(Hello());
  const std::string welcome_bytes = EncodeWelcome(Welcome());
  for (int round = 0; round < 200000; ++round) {
    std::string a = hello_bytes, b = welcome_bytes;
    for (int i = random() % 4; i >= 0; --i) a[random() % a.size()] = random();
    for (int i = random() % 4; i >= 0; --i) b[random() % b.size()] = random();
    Hello hello;
    Welcome welcome;
    size_t rest = 0;
    if (DecodeHello(reinterpret_cast<const uint8_t*>(a.data()), &hello, &rest)
            .ok()) {
      EXPECT_LE(rest, kMaxAddressBytes);
      EXPECT_LT(hello.lane, kMaxLanes);
    }
    if (DecodeWelcome(reinterpret_cast<const uint8_t*>(b.data()), &welcome,
                      &rest)
            .ok()) {
      EXPECT_LE(rest, kMaxAddressBytes);
    }
  }
}

TEST(Frame, RoundTrip) {
  const Frame frame = {FrameType::kGrant, 3, 0, 0xfffffffe, -5, 1 << 20, 4096};
  uint8_t bytes[kFrameBytes];
  EncodeFrame(frame, bytes);
  Frame got;
  ASSERT_TRUE(DecodeFrame(bytes, &got).ok());
  EXPECT_EQ(got.type, frame.type);
  EXPECT_EQ(got.lane, frame.lane);
  EXPECT_EQ(got.seq, frame.seq);
  EXPECT_EQ(got.tag, frame.tag);
  EXPECT_EQ(got.offset, frame.offset);
  EXPECT_EQ(got.size, frame.size);
}

TEST(Frame, AnAckNamesItsMessages) {
  const uint32_t seqs[] = {7, ~0u, 1u << 31, 3, 0x12345678, 9};
  for (int count = 0; count <= kAcksPerFrame; ++count) {
    uint8_t bytes[kFrameBytes];
    EncodeFrame(MakeAck(seqs, count), bytes);
    Frame got;
    ASSERT_TRUE(DecodeFrame(bytes, &got).ok());
    uint32_t read[kAcksPerFrame];
    ASSERT_EQ(ReadAck(got, read), count);
    for (int i = 0; i < count; ++i) EXPECT_EQ(read[i], seqs[i]);
  }
}

TEST(Frame, ImpossibleFramesAreRefused) {
  const Frame bad[] = {
      {static_cast<FrameType>(0)},
      {static_cast<FrameType>(9)},
      {FrameType::kEager, 0, kMaxEagerBytes + 1, 0, 0, 0, kMaxEagerBytes + 1},
      {FrameType::kEager, 0, 10, 0, 0, 0, 11},
      {FrameType::kAnnounce, 0, 1, 0, 0, 0, 1},
      {FrameType::kAnnounce, 0, 0, 0, 0, 0, ~uint64_t{0}},
      {FrameType::kGrant, kMaxLanes, 0, 0, 0, 0, 1},
      {FrameType::kGrant, 0, 0, 0, 0, 0, 0},
      {FrameType::kGrant, 0, 0, 0, 0, ~uint64_t{0}, 1},
      {FrameType::kData, 0, kMaxFragmentBytes + 1, 0, 0, 0,
       kMaxFragmentBytes + 1},
      {FrameType::kData, 0, 0, 0, 0, 0, 0},
      {FrameType::kAck, 0, 1},
      {FrameType::kAck, kAcksPerFrame + 1},
      {FrameType::kPing, 0, 1},
      {FrameType::kLaneLost, kMaxLanes},
  };
  for (const Frame& frame : bad) {
    uint8_t bytes[kFrameBytes];
    EncodeFrame(frame, bytes);
    Frame got;
    EXPECT_EQ(DecodeFrame(bytes, &got).code(), Code::kDataLoss)
        << static_cast<int>(frame.type);
  }
  uint8_t bytes[kFrameBytes];
  EncodeFrame(Frame(), bytes);
  bytes[0] ^= 1;
  Frame got;
  EXPECT_EQ(DecodeFrame(bytes, &got).code(), Code::kDataLoss);
}

}  // namespace
}  // namespace ithaca
