// How lanes over UCX end: Forget, close, dead peers, strays.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "plugin/ucx/ucx_test_support.h"
#include "plugin/ucx/ucx_wire.h"

namespace ithaca {
namespace {

size_t OpenFiles() {
  size_t count = 0;
  for (int fd = 0; fd < 4096; ++fd) count += fcntl(fd, F_GETFD) != -1;
  return count;
}

class UcxLaneEndTest : public ::testing::Test {
 protected:
  void SetUp() override { ITHACA_REQUIRE_UCX(); }
};

// Frees each payload right after Forget: AddressSanitizer sees a late read, and
// without it the poison shows up at the receiver.
TEST_F(UcxLaneEndTest, ForgetInFlightReadsNoMoreOfThatMessage) {
  BackendPair pair;
  const int i = pair.OpenLane();
  constexpr uint32_t kBytes = 8 << 20;
  constexpr uint32_t kFrames = 8;
  std::vector<std::vector<uint8_t>> payloads;
  for (uint32_t n = 0; n < kFrames; ++n)
    payloads.push_back(Pattern(n, 0, kBytes));
  for (uint32_t n = 0; n < kFrames; ++n)
    pair.a[i].lane->Send(DataFrame(n, 0, kBytes), payloads[n].data());
  ASSERT_TRUE(pair.ProgressUntil([&] { return pair.b[i].sink->heads >= 1; }));
  for (uint32_t n = 0; n < kFrames; n += 2) {
    pair.a[i].lane->Forget(n);
    std::fill(payloads[n].begin(), payloads[n].end(), 0xEE);
    std::vector<uint8_t>().swap(payloads[n]);
  }
  auto& got = pair.b[i].sink->arrivals;
  const auto& downs = pair.b[i].sink->downs;
  ASSERT_TRUE(pair.ProgressUntil([&] {
    return !downs.empty() ||
           (got.size() >= kFrames / 2 && pair.a[i].lane->queued_bytes() == 0);
  }));
  for (const auto& arrival : got)
    EXPECT_EQ(arrival.payload, Pattern(arrival.frame.seq, 0, kBytes));
  // What was not forgotten arrives, unless the lane was closed for it.
  if (downs.empty())
    for (uint32_t n = 1; n < kFrames; n += 2) {
      int count = 0;
      for (const auto& arrival : got) count += arrival.frame.seq == n;
      EXPECT_EQ(count, 1) << n;
    }
}

TEST_F(UcxLaneEndTest, ForgetKeepsFramesWithoutPayload) {
  BackendPair pair;
  const int i = pair.OpenLane();
  Frame ack;
  ack.type = FrameType::kAck;
  ack.seq = 4;
  const std::vector<uint8_t> payload(1000, 1);
  pair.a[i].lane->Send(ack, nullptr);
  pair.a[i].lane->Forget(4);
  ASSERT_TRUE(
      pair.ProgressUntil([&] { return pair.b[i].sink->arrivals.size() == 1; }));
  EXPECT_TRUE(pair.b[i].sink->downs.empty());
}

TEST_F(UcxLaneEndTest, ForgetWhileReceivingWritesNoMoreOfThatMessage) {
  BackendPair pair;
  const int i = pair.OpenLane();
  constexpr uint32_t kBytes = 4 << 20;
  auto target = std::make_unique<std::vector<uint8_t>>(kBytes, 0);
  class Sink : public LaneSink {
   public:
    Status OnFrameHead(Lane*, const Frame&, void** to) override {
      begun = true;
      *to = target;
      return Status();
    }
    Status OnFrame(Lane*, const Frame&) override {
      done = true;
      return Status();
    }
    void OnLaneDown(Lane*, const Status&) override {}
    void* target = nullptr;
    bool begun = false, done = false;
  } sink;
  sink.target = target->data();
  const uint64_t x = pair.left()->ReserveLaneId();
  const uint64_t y = pair.right()->ReserveLaneId();
  auto receiving =
      pair.right()->Open(0, y, pair.left()->Address(0).value(), x, &sink);
  auto sending = pair.left()->Open(0, x, pair.right()->Address(0).value(), y,
                                   pair.a[i].sink.get());
  const std::vector<uint8_t> payload = Pattern(5, 0, kBytes);
  (*sending)->Send(DataFrame(5, 0, kBytes), payload.data());
  ASSERT_TRUE(pair.ProgressUntil([&] { return sink.begun; }));
  ASSERT_FALSE(sink.done) << "the frame came too fast for this test";
  (*receiving)->Forget(5);
  target.reset();  // AddressSanitizer sees a late write
  ASSERT_TRUE(pair.ProgressUntil([&] { return sink.done; }));
}

TEST_F(UcxLaneEndTest, APeerHearsThatALaneClosedAndOthersLiveOn) {
  BackendPair pair;
  constexpr int kLanes = 5;
  for (int i = 0; i < kLanes; ++i) pair.OpenLane();
  const std::vector<uint8_t> payload = Pattern(0, 0, 3000);
  for (int i = 0; i < kLanes; ++i)
    pair.a[i].lane->Send(DataFrame(0, 0, 3000), payload.data());
  ASSERT_TRUE(pair.ProgressUntil([&] {
    for (int i = 0; i < kLanes; ++i)
      if (pair.b[i].sink->arrivals.empty()) return false;
    return true;
  }));
  // Closed at either end, out of order.
  for (const int i : {3, 0}) {
    pair.a[i].lane.reset();
    ASSERT_TRUE(
        pair.ProgressUntil([&] { return !pair.b[i].sink->downs.empty(); }));
  }
  pair.b[2].lane.reset();
  ASSERT_TRUE(
      pair.ProgressUntil([&] { return !pair.a[2].sink->downs.empty(); }));
  for (const int i : {1, 4}) {
    pair.a[i].lane->Send(DataFrame(1, 0, 3000), payload.data());
    pair.b[i].lane->Send(DataFrame(1, 0, 3000), payload.data());
    ASSERT_TRUE(pair.ProgressUntil([&] {
      return pair.b[i].sink->arrivals.size() == 2 &&
             pair.a[i].sink->arrivals.size() == 1;
    }));
    EXPECT_TRUE(pair.a[i].sink->downs.empty());
    EXPECT_TRUE(pair.b[i].sink->downs.empty());
  }
  EXPECT_EQ(pair.b[3].sink->downs.size(), 1u);
  EXPECT_EQ(pair.a[2].sink->downs.size(), 1u);
}

TEST_F(UcxLaneEndTest, FramesSentBeforeACloseArrive) {
  BackendPair pair;
  const int i = pair.OpenLane();
  std::vector<uint8_t> payload = Pattern(0, 0, 2000);
  pair.a[i].lane->Send(DataFrame(0, 0, 2000), payload.data());
  ASSERT_TRUE(
      pair.ProgressUntil([&] { return pair.b[i].sink->arrivals.size() == 1; }));
  pair.a[i].lane->Send(DataFrame(1, 0, 2000), payload.data());
  pair.a[i].lane.reset();
  std::fill(payload.begin(), payload.end(), 0xEE);
  ASSERT_TRUE(
      pair.ProgressUntil([&] { return !pair.b[i].sink->downs.empty(); }));
  ASSERT_EQ(pair.b[i].sink->arrivals.size(), 2u);
  EXPECT_EQ(pair.b[i].sink->arrivals[1].payload, Pattern(0, 0, 2000));
}

class DestroyInFlight : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { ITHACA_REQUIRE_UCX(); }
};

// Closes a lane (0: the sender's, 1: the receiver's) or a whole backend (2, 3)
// amid a stream, and frees the memory at once.
TEST_P(DestroyInFlight, TouchesNoMemoryAfterwards) {
  for (int warm_up = 0; warm_up < 6; ++warm_up) {
    BackendPair pair;
    const int i = pair.OpenLane();
    constexpr uint32_t kBytes = 3 << 20;
    auto payload =
        std::make_unique<std::vector<uint8_t>>(Pattern(0, 0, kBytes));
    for (int n = 0; n < 16; ++n) {
      pair.a[i].lane->Send(DataFrame(0, uint64_t{kBytes} * n, kBytes),
                           payload->data());
      pair.b[i].lane->Send(DataFrame(0, uint64_t{kBytes} * n, kBytes),
                           payload->data());
    }
    // From "not even connected" to "well under way".
    ASSERT_TRUE(pair.ProgressUntil(
        [&] { return pair.b[i].sink->heads >= 2 * warm_up; }));
    switch (GetParam()) {
      case 0:
        pair.a[i].lane.reset();
        break;
      case 1:
        pair.b[i].lane.reset();
        break;
      case 2:
        pair.DestroyLeft();
        break;
      case 3:
        pair.DestroyRight();
        break;
    }
    const bool left_went = GetParam() == 0 || GetParam() == 2;
    BackendPair::End& gone = left_went ? pair.a[i] : pair.b[i];
    BackendPair::End& left = left_went ? pair.b[i] : pair.a[i];
    gone.sink.reset();  // a late callback is a use after free
    ASSERT_TRUE(pair.ProgressUntil([&] { return !left.sink->downs.empty(); }));
    payload.reset();
    for (int n = 0; n < 100; ++n) pair.Progress();
    EXPECT_EQ(left.sink->downs.size(), 1u);
    EXPECT_EQ(left.sink->downs[0].code(), Code::kUnavailable);
    for (const auto& arrival : left.sink->arrivals)
      ASSERT_EQ(arrival.payload, Pattern(0, 0, kBytes));
  }
}

INSTANTIATE_TEST_SUITE_P(Ends, DestroyInFlight, ::testing::Range(0, 4));

TEST_F(UcxLaneEndTest, ADeadPeerTakesIdleLanesDownOnce) {
  BackendPair pair;
  const int idle = pair.OpenLane();
  const int used = pair.OpenLane();
  const std::vector<uint8_t> payload = Pattern(0, 0, 64);
  for (const int i : {idle, used}) {
    pair.a[i].lane->Send(EagerFrame(0, 64), payload.data());
    ASSERT_TRUE(pair.ProgressUntil(
        [&] { return pair.b[i].sink->arrivals.size() == 1; }));
  }
  pair.DestroyRight();
  ASSERT_TRUE(pair.ProgressUntil([&] {
    return !pair.a[idle].sink->downs.empty() &&
           !pair.a[used].sink->downs.empty();
  }));
  for (int n = 0; n < 200; ++n) {
    pair.a[idle].lane->Send(EagerFrame(1, 64), payload.data());
    pair.Progress();
  }
  EXPECT_EQ(pair.a[idle].sink->downs.size(), 1u);
  EXPECT_EQ(pair.a[used].sink->downs.size(), 1u);
  EXPECT_EQ(pair.a[idle].lane->queued_bytes(), 0u);
}

TEST_F(UcxLaneEndTest, StraysAreDroppedAndLoggedOnce) {
  BackendPair pair;
  const int i = pair.OpenLane();
  RecordingSink sink;
  // A lane whose peer id nobody has reserved.
  auto stray =
      pair.left()->Open(0, pair.left()->ReserveLaneId(),
                        pair.right()->Address(0).value(), 0x1234, &sink);
  ASSERT_TRUE(stray.ok());
  const std::vector<uint8_t> payload = Pattern(0, 0, 500000);
  for (int n = 0; n < 10; ++n)
    (*stray)->Send(DataFrame(n, 0, 500000), payload.data());
  pair.a[i].lane->Send(EagerFrame(0, 64), payload.data());
  ASSERT_TRUE(pair.ProgressUntil([&] {
    return (*stray)->queued_bytes() == 0 &&
           pair.b[i].sink->arrivals.size() == 1 &&
           pair.log.CountWith("not open here") > 0;
  }));
  EXPECT_EQ(pair.log.CountWith("not open here"), 1);
  EXPECT_EQ(pair.b[i].sink->heads, 1);
  EXPECT_TRUE(pair.b[i].sink->downs.empty());
}

TEST_F(UcxLaneEndTest, LanesOpenAndCloseManyTimes) {
  BackendPair pair;
  const std::vector<uint8_t> payload = Pattern(0, 0, 200000);
  size_t files = 0;
  for (int round = 0; round < 40; ++round) {
    const int i = pair.OpenLane();
    pair.a[i].lane->Send(DataFrame(0, 0, 200000), payload.data());
    ASSERT_TRUE(pair.ProgressUntil([&] {
      return pair.b[i].sink->arrivals.size() == 1;
    })) << "round "
        << round;
    if (round % 2 == 0) pair.a[i].lane.reset();
    pair.b[i].lane.reset();
    pair.a[i].lane.reset();
    if (round == 0) files = OpenFiles();
    EXPECT_LE(OpenFiles(), files + 2) << "round " << round;
  }
}

// From "not even connected" on, with a peer that goes on (even rounds) or
// stands still.
TEST_F(UcxLaneEndTest, BackendsMayBeDestroyedAtAnyMoment) {
  const std::vector<uint8_t> payload = Pattern(0, 0, 300000);
  for (int round = 0; round < 120; ++round) {
    BackendPair pair;
    const int i = pair.OpenLane();
    pair.a[i].lane->Send(DataFrame(0, 0, 300000), payload.data());
    pair.b[i].lane->Send(DataFrame(0, 0, 300000), payload.data());
    for (int n = 0; n < round / 4; ++n) {
      if (round % 2 == 0) pair.left()->Progress();
      pair.right()->Progress();
    }
    if (round % 8 < 4) {
      pair.DestroyRight();
    } else {
      pair.DestroyLeft();
    }
    for (int n = 0; n < 20; ++n) pair.Progress();
  }
}

}  // namespace
}  // namespace ithaca
