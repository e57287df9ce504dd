// Lanes over the machine's own UCX and "lo": what a lane promises.
#include "plugin/ucx/ucx_backend.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "plugin/ucx/ucx_test_support.h"

namespace ithaca {
namespace {

class UcxBackendTest : public ::testing::Test {
 protected:
  void SetUp() override { ITHACA_REQUIRE_UCX(); }
};

TEST_F(UcxBackendTest, CarriesEveryTypeOfFrame) {
  BackendPair pair;
  const int i = pair.OpenLane();
  const std::vector<uint8_t> small = Pattern(1, 0, 1000);
  const std::vector<uint8_t> large = Pattern(2, 4096, 5000);
  Frame announce, grant, ack;
  announce.type = FrameType::kAnnounce;
  announce.seq = 2;
  announce.tag = -5;
  announce.size = 1 << 20;
  grant.type = FrameType::kGrant;
  grant.seq = 2;
  grant.lane = 3;
  grant.offset = 4096;
  grant.size = 5000;
  ack.type = FrameType::kAck;
  ack.seq = 9;
  ack.size = 0x8000000000000001u;
  Lane* const lane = pair.a[i].lane.get();
  lane->Send(EagerFrame(0, 0), nullptr);
  lane->Send(EagerFrame(1, 1000), small.data());
  lane->Send(announce, nullptr);
  lane->Send(grant, nullptr);
  lane->Send(DataFrame(2, 4096, 5000), large.data());
  lane->Send(ack, nullptr);

  auto& got = pair.b[i].sink->arrivals;
  ASSERT_TRUE(pair.ProgressUntil([&] { return got.size() == 6; }));
  std::map<FrameType, int> types;
  for (const auto& arrival : got) {
    ++types[arrival.frame.type];
    const Frame& f = arrival.frame;
    if (f.type == FrameType::kEager) {
      EXPECT_EQ(f.tag, 7);
      EXPECT_EQ(arrival.payload, Pattern(f.seq, 0, f.payload_bytes));
    } else if (f.type == FrameType::kData) {
      EXPECT_EQ(arrival.payload, large);
    } else if (f.type == FrameType::kAnnounce) {
      EXPECT_EQ(f.tag, -5);
      EXPECT_EQ(f.size, 1u << 20);
    } else if (f.type == FrameType::kGrant) {
      EXPECT_EQ(f.lane, 3);
      EXPECT_EQ(f.offset, 4096u);
    } else {
      EXPECT_EQ(f.seq, 9u);
      EXPECT_EQ(f.size, 0x8000000000000001u);
    }
  }
  EXPECT_EQ(types.size(), 5u);
  EXPECT_EQ(types[FrameType::kEager], 2);
  EXPECT_EQ(pair.b[i].sink->heads, 2);  // the others have no payload
}

TEST_F(UcxBackendTest, CarriesEverySizeWithEveryByte) {
  BackendPair pair;
  const int i = pair.OpenLane();
  std::vector<uint32_t> sizes;
  for (uint32_t power = 1; power <= 1 << 20; power *= 2)
    for (int delta : {-1, 0, 1}) sizes.push_back(power + delta);
  sizes.push_back(5 << 20);
  std::vector<std::vector<uint8_t>> payloads;
  uint64_t bytes = 0;
  uint32_t seq = 0;
  for (const uint32_t size : sizes) {
    if (size == 0) continue;
    payloads.push_back(Pattern(seq, 0, size));
    pair.a[i].lane->Send(DataFrame(seq++, 0, size), payloads.back().data());
    bytes += kFrameBytes + size;
  }
  auto& got = pair.b[i].sink->arrivals;
  ASSERT_TRUE(pair.ProgressUntil([&] { return got.size() == seq; }));
  for (const auto& arrival : got)
    ASSERT_EQ(arrival.payload, payloads[arrival.frame.seq])
        << "size " << arrival.frame.payload_bytes;
  ASSERT_TRUE(
      pair.ProgressUntil([&] { return pair.a[i].lane->queued_bytes() == 0; }));
  EXPECT_EQ(pair.a[i].lane->counters().bytes_sent, bytes);
  EXPECT_EQ(pair.b[i].lane->counters().bytes_received, bytes);
  EXPECT_EQ(pair.a[i].lane->counters().bytes_received, 0u);
}

TEST_F(UcxBackendTest, CountsWhatWaits) {
  BackendPair pair;
  const int i = pair.OpenLane();
  constexpr uint32_t kBytes = 1 << 20;
  constexpr int kFrames = 64;
  const std::vector<uint8_t> payload = Pattern(0, 0, kBytes);
  uint64_t handed = 0;
  for (int n = 0; n < kFrames; ++n) {
    pair.a[i].lane->Send(DataFrame(n, 0, kBytes), payload.data());
    handed += kFrameBytes + kBytes;
    EXPECT_EQ(
        pair.a[i].lane->queued_bytes() + pair.a[i].lane->counters().bytes_sent,
        handed);
  }
  EXPECT_GT(pair.a[i].lane->queued_bytes(), 0u);  // nobody has connected yet
  ASSERT_TRUE(pair.ProgressUntil(
      [&] { return pair.b[i].sink->arrivals.size() == kFrames; }));
  EXPECT_EQ(pair.a[i].lane->queued_bytes(), 0u);
  EXPECT_EQ(pair.a[i].lane->counters().bytes_sent, handed);
}

TEST_F(UcxBackendTest, ThousandsOfFramesBothWaysOnManyLanes) {
  BackendPair pair;
  constexpr int kLanes = 4;
  constexpr uint32_t kFrames = 3000;
  for (int i = 0; i < kLanes; ++i) pair.OpenLane();
  std::vector<std::vector<uint8_t>> payloads;
  for (uint32_t n = 0; n < kFrames; ++n)
    payloads.push_back(Pattern(n, 0, 1 + n * 37 % 9000));
  uint32_t sent = 0;
  const auto arrived = [&] {
    size_t sum = 0;
    for (int i = 0; i < kLanes; ++i)
      sum += pair.a[i].sink->arrivals.size() + pair.b[i].sink->arrivals.size();
    return sum;
  };
  ASSERT_TRUE(pair.ProgressUntil([&] {
    for (int burst = 0; burst < 16 && sent < kFrames; ++burst, ++sent) {
      const Frame frame = DataFrame(sent, 0, payloads[sent].size());
      for (int i = 0; i < kLanes; ++i) {
        pair.a[i].lane->Send(frame, payloads[sent].data());
        pair.b[i].lane->Send(frame, payloads[sent].data());
      }
    }
    return arrived() == 2 * kLanes * kFrames;
  }));
  for (int i = 0; i < kLanes; ++i)
    for (const auto* sink : {pair.a[i].sink.get(), pair.b[i].sink.get()})
      for (const auto& arrival : sink->arrivals)
        ASSERT_EQ(arrival.payload, payloads[arrival.frame.seq]);
}

// More than UCX's TCP_MAX_NUM_EPS of 256: a large job has a thousand.
TEST_F(UcxBackendTest, ManyLanesAtOnce) {
  BackendPair pair;
  constexpr int kLanes = 300;
  const std::vector<uint8_t> payload = Pattern(0, 0, 2000);
  for (int i = 0; i < kLanes; ++i) {
    pair.OpenLane();
    pair.a[i].lane->Send(DataFrame(i, 0, 2000), payload.data());
    pair.b[i].lane->Send(DataFrame(i, 0, 2000), payload.data());
  }
  ASSERT_TRUE(pair.ProgressUntil([&] {
    for (int i = 0; i < kLanes; ++i)
      if (pair.a[i].sink->arrivals.empty() || pair.b[i].sink->arrivals.empty())
        return false;
    return true;
  }));
  for (int i = 0; i < kLanes; ++i) {
    EXPECT_EQ(pair.a[i].sink->arrivals[0].payload, payload);
    EXPECT_EQ(pair.b[i].sink->arrivals[0].frame.seq, static_cast<uint32_t>(i));
    EXPECT_TRUE(pair.a[i].sink->downs.empty());
  }
}

TEST_F(UcxBackendTest, ALaneToTheSameBackend) {
  BackendPair pair(/*same_backend=*/true);
  const int i = pair.OpenLane();
  const std::vector<uint8_t> payload = Pattern(3, 0, 300000);
  pair.a[i].lane->Send(DataFrame(3, 0, 300000), payload.data());
  pair.b[i].lane->Send(DataFrame(3, 0, 300000), payload.data());
  ASSERT_TRUE(pair.ProgressUntil([&] {
    return pair.a[i].sink->arrivals.size() == 1 &&
           pair.b[i].sink->arrivals.size() == 1;
  }));
  EXPECT_EQ(pair.a[i].sink->arrivals[0].payload, payload);
  EXPECT_EQ(pair.b[i].sink->arrivals[0].payload, payload);
}

TEST_F(UcxBackendTest, SinkMaySendFromItsCallbacks) {
  BackendPair pair;
  const int i = pair.OpenLane();
  constexpr uint32_t kRounds = 500;
  const std::vector<uint8_t> payload(700, 0x5A);
  const auto echo = [&](Lane* lane, const Frame& frame) {
    if (frame.seq < kRounds)
      lane->Send(EagerFrame(frame.seq + 1, 700), payload.data());
    return Status();
  };
  pair.a[i].sink->on_frame = echo;
  pair.b[i].sink->on_frame = echo;
  pair.a[i].lane->Send(EagerFrame(0, 700), payload.data());
  ASSERT_TRUE(pair.ProgressUntil([&] {
    return pair.a[i].sink->arrivals.size() + pair.b[i].sink->arrivals.size() ==
           kRounds + 1;
  }));
}

TEST_F(UcxBackendTest, SendCallsNoSink) {
  BackendPair pair;
  const int i = pair.OpenLane();
  const std::vector<uint8_t> payload(4 << 20, 1);
  for (int n = 0; n < 32; ++n) {
    pair.a[i].lane->Send(DataFrame(n, 0, 4 << 20), payload.data());
    pair.b[i].lane->Send(DataFrame(n, 0, 4 << 20), payload.data());
  }
  EXPECT_EQ(pair.a[i].sink->heads + pair.b[i].sink->heads, 0);
  EXPECT_TRUE(pair.a[i].sink->downs.empty());
}

TEST_F(UcxBackendTest, DropsWhatTheSinkDoesNotWant) {
  BackendPair pair;
  const int i = pair.OpenLane();
  pair.b[i].sink->drop = true;
  const std::vector<uint8_t> payload(1 << 20, 1);
  pair.a[i].lane->Send(DataFrame(0, 0, 1 << 20), payload.data());
  pair.a[i].lane->Send(DataFrame(1, 0, 5), payload.data());
  auto& got = pair.b[i].sink->arrivals;
  ASSERT_TRUE(pair.ProgressUntil([&] { return got.size() == 2; }));
  EXPECT_TRUE(got[0].payload.empty());
  EXPECT_TRUE(got[1].payload.empty());
}

TEST_F(UcxBackendTest, ASinkThatRefusesTakesItsLaneDownAlone) {
  BackendPair pair;
  const int bad = pair.OpenLane();
  const int good = pair.OpenLane();
  pair.b[bad].sink->on_head = [](Lane*, const Frame&) {
    return Errorf(Code::kDataLoss, "no such message");
  };
  const std::vector<uint8_t> payload = Pattern(0, 0, 100);
  pair.a[bad].lane->Send(DataFrame(0, 0, 100), payload.data());
  ASSERT_TRUE(pair.ProgressUntil([&] {
    return !pair.b[bad].sink->downs.empty() && !pair.a[bad].sink->downs.empty();
  }));
  EXPECT_EQ(pair.b[bad].sink->downs[0].message(), "no such message");
  EXPECT_EQ(pair.a[bad].sink->downs[0].code(), Code::kUnavailable);
  // A lane that is down stays silent, and the other one is not touched.
  pair.a[bad].lane->Send(DataFrame(1, 0, 100), payload.data());
  EXPECT_EQ(pair.a[bad].lane->queued_bytes(), 0u);
  pair.a[good].lane->Send(DataFrame(0, 0, 100), payload.data());
  ASSERT_TRUE(pair.ProgressUntil(
      [&] { return pair.b[good].sink->arrivals.size() == 1; }));
  EXPECT_TRUE(pair.b[bad].sink->arrivals.empty());
  EXPECT_EQ(pair.b[bad].sink->downs.size(), 1u);
  EXPECT_EQ(pair.a[bad].sink->downs.size(), 1u);
  EXPECT_TRUE(pair.a[good].sink->downs.empty());
  EXPECT_TRUE(pair.b[good].sink->downs.empty());
}

TEST_F(UcxBackendTest, RefusesBadArguments) {
  BackendPair pair;
  RecordingSink sink;
  const std::string address = pair.right()->Address(0).value();
  EXPECT_LE(address.size(), kMaxAddressBytes);
  EXPECT_EQ(pair.left()->Address(1).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(pair.left()->Address(-1).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(pair.left()->Open(1, 5, address, 6, &sink).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(pair.left()->Open(0, 0, address, 6, &sink).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(pair.left()->Open(0, 5, "nonsense", 6, &sink).status().code(),
            Code::kDataLoss);
}

TEST_F(UcxBackendTest, ReservesIdsThatDiffer) {
  BackendPair pair;
  std::set<uint64_t> ids;
  for (int i = 0; i < 1000; ++i) {
    ids.insert(pair.left()->ReserveLaneId());
    ids.insert(pair.right()->ReserveLaneId());
  }
  EXPECT_EQ(ids.size(), 2000u);
  EXPECT_EQ(ids.count(0), 0u);
}

TEST_F(UcxBackendTest, AnInterfaceThatIsNotThereIsAClearError) {
  LogLines log;
  Rail rail = LoopbackRail();
  rail.name = "nosuch0";
  const Status status =
      UcxBackend::Create(SystemUcx().value(), {rail}, log).status();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("nosuch0"), std::string::npos)
      << status.ToString();
}

}  // namespace
}  // namespace ithaca
