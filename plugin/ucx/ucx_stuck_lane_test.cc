// Lanes over UCX whose peer stands still: what can be forgotten, closed and
// opened meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "plugin/ucx/ucx_test_support.h"

namespace ithaca {
namespace {

// A pair whose right end stands still, so that the socket is full in the middle
// of the first message.
class UcxStuckLaneTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kBytes = 16 << 20;
  static constexpr uint32_t kFrames = 4;

  void SetUp() override {
    ITHACA_REQUIRE_UCX();
    pair_ = std::make_unique<BackendPair>();
    pair_->OpenLane();
    pair_->a[0].lane->Send(EagerFrame(99, 0), nullptr);
    ASSERT_TRUE(pair_->ProgressUntil(
        [&] { return pair_->b[0].sink->arrivals.size() == 1; }));
    for (uint32_t n = 0; n < kFrames; ++n) {
      payloads_.push_back(Pattern(n, 0, kBytes));
      pair_->a[0].lane->Send(DataFrame(n, 0, kBytes), payloads_[n].data());
    }
    for (int i = 0; i < 5000; ++i) pair_->left()->Progress();
    // The first frame does not fit in the sockets' buffers.
    ASSERT_GT(pair_->a[0].lane->queued_bytes(), uint64_t{3} * kBytes);
  }
  void ForgetAndFree(uint32_t seq) {
    pair_->a[0].lane->Forget(seq);
    std::fill(payloads_[seq].begin(), payloads_[seq].end(), 0xEE);
    std::vector<uint8_t>().swap(payloads_[seq]);
  }

  std::unique_ptr<BackendPair> pair_;
  std::vector<std::vector<uint8_t>> payloads_;
};

TEST_F(UcxStuckLaneTest, ForgettingWhatIsHalfSentEndsThatFrameAlone) {
  ForgetAndFree(0);  // AddressSanitizer sees a late read
  ASSERT_TRUE(pair_->ProgressUntil(
      [&] { return pair_->b[0].sink->arrivals.size() == kFrames; }));
  for (const auto& arrival : pair_->b[0].sink->arrivals) {
    if (arrival.frame.seq == 99) continue;
    EXPECT_NE(arrival.frame.seq, 0u);
    EXPECT_EQ(arrival.payload, payloads_[arrival.frame.seq]);
  }
  EXPECT_TRUE(pair_->a[0].sink->downs.empty());
  EXPECT_TRUE(pair_->b[0].sink->downs.empty());
  EXPECT_EQ(pair_->a[0].lane->queued_bytes(), 0u);
}

// The peer closes while our socket is full: UCX crashes if the path is closed
// the wrong way.
TEST_F(UcxStuckLaneTest, ClosingAStuckLaneAndThenThePeer) {
  pair_->a[0].lane.reset();
  payloads_.clear();
  for (int i = 0; i < 100; ++i) pair_->left()->Progress();
  pair_->DestroyRight();
  for (int i = 0; i < 5000; ++i) pair_->Progress();
}

TEST_F(UcxStuckLaneTest, ALaneOpenedAfterAStuckOneHasAWayOfItsOwn) {
  pair_->a[0].lane.reset();
  payloads_.clear();
  const int i = pair_->OpenLane();
  const std::vector<uint8_t> payload = Pattern(7, 0, 100000);
  pair_->a[i].lane->Send(DataFrame(7, 0, 100000), payload.data());
  ASSERT_TRUE(pair_->ProgressUntil(
      [&] { return pair_->b[i].sink->arrivals.size() == 1; }));
  EXPECT_EQ(pair_->b[i].sink->arrivals[0].payload, payload);
  ASSERT_TRUE(
      pair_->ProgressUntil([&] { return !pair_->b[0].sink->downs.empty(); }));
  EXPECT_EQ(pair_->b[0].sink->arrivals.size(), 1u);
}

TEST_F(UcxStuckLaneTest, ForgettingWhatWaitsKeepsTheLane) {
  const uint64_t before = pair_->a[0].lane->queued_bytes();
  ForgetAndFree(1);
  ForgetAndFree(3);
  EXPECT_EQ(pair_->a[0].lane->queued_bytes(),
            before - 2 * (kFrameBytes + uint64_t{kBytes}));
  ASSERT_TRUE(pair_->ProgressUntil(
      [&] { return pair_->b[0].sink->arrivals.size() == 3; }));
  for (const auto& arrival : pair_->b[0].sink->arrivals)
    if (arrival.frame.seq != 99) {
      EXPECT_EQ(arrival.payload, payloads_[arrival.frame.seq]);
    }
  EXPECT_TRUE(pair_->a[0].sink->downs.empty());
  EXPECT_TRUE(pair_->b[0].sink->downs.empty());
  EXPECT_EQ(pair_->a[0].lane->queued_bytes(), 0u);
}

TEST(UcxStuckLane, ADestroyedBackendDoesNotWaitForASilentPeer) {
  ITHACA_REQUIRE_UCX();
  BackendPair pair;
  const int i = pair.OpenLane();
  const std::vector<uint8_t> payload = Pattern(0, 0, 16 << 20);
  // The right side never progresses again: its socket fills up.
  pair.a[i].lane->Send(EagerFrame(0, 64), payload.data());
  ASSERT_TRUE(
      pair.ProgressUntil([&] { return pair.b[i].sink->arrivals.size() == 1; }));
  for (int n = 0; n < 4; ++n)
    pair.a[i].lane->Send(DataFrame(n, 0, 16 << 20), payload.data());
  for (int n = 0; n < 1000; ++n) pair.left()->Progress();
  EXPECT_GT(pair.a[i].lane->queued_bytes(), 0u);
  pair.DestroyLeft();
}

}  // namespace
}  // namespace ithaca
