// A peer that speaks UCX but not our language: what it sends is dropped or
// takes down the lane that it names, and nothing else.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "plugin/ucx/frame_assembler.h"
#include "plugin/ucx/ucx_rail.h"
#include "plugin/ucx/ucx_test_support.h"
#include "plugin/ucx/ucx_wire.h"

namespace ithaca {
namespace {

class NoReceiver : public UcxReceiver {
 public:
  void OnMessage(UcxMessageId, const void*, size_t, const void*,
                 size_t) override {}
};

// Sends whatever it likes to a rail.
class Attacker {
 public:
  explicit Attacker(const std::string& rail_address) {
    StatusOr<std::unique_ptr<UcxRail>> rail =
        UcxRail::Open(SystemUcx().value(), LoopbackRail(), &no_receiver_, log_);
    EXPECT_TRUE(rail.ok());
    rail_ = std::move(*rail);
    address_ = DecodeRailAddress(rail_address).value().ucx;
    ucp_ep_params_t params = {};
    params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS |
                        UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE;
    params.address = reinterpret_cast<const ucp_address_t*>(address_.data());
    params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
    EXPECT_EQ(
        SystemUcx().value().ucp_ep_create(rail_->sender(), &params, &endpoint_),
        UCS_OK);
  }

  // Waits until UCX has sent it; `progress` drives the victim meanwhile.
  template <typename Progress>
  void Send(unsigned id, const std::vector<uint8_t>& head,
            const std::vector<uint8_t>& data, Progress progress) {
    const UcxApi& api = SystemUcx().value();
    ucp_request_param_t param = {};
    param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
    param.flags = UCP_AM_SEND_FLAG_EAGER;
    void* const request =
        api.ucp_am_send_nbx(endpoint_, id, head.data(), head.size(),
                            data.data(), data.size(), &param);
    ASSERT_FALSE(UCS_PTR_IS_ERR(request));
    if (!UCS_PTR_IS_PTR(request)) return;
    while (api.ucp_request_check_status(request) == UCS_INPROGRESS) {
      rail_->Progress();
      progress();
    }
    api.ucp_request_free(request);
  }
  void Progress() { rail_->Progress(); }

 private:
  NoReceiver no_receiver_;
  LogLines log_;
  std::unique_ptr<UcxRail> rail_;
  std::string address_;
  ucp_ep_h endpoint_ = nullptr;  // ends with its worker
};

class UcxHostileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ITHACA_REQUIRE_UCX();
    pair_ = std::make_unique<BackendPair>();
    victim_ = pair_->OpenLane();
    bystander_ = pair_->OpenLane();
    attacker_ = std::make_unique<Attacker>(pair_->right()->Address(0).value());
  }

  void Send(unsigned id, const std::vector<uint8_t>& head,
            const std::vector<uint8_t>& data) {
    attacker_->Send(id, head, data, [&] { pair_->Progress(); });
  }
  std::vector<uint8_t> Head(uint64_t lane, const Frame& frame,
                            uint32_t number = 0, uint32_t offset = 0) {
    std::vector<uint8_t> head(kChunkHeadBytes);
    EncodeChunkHead({lane, number, offset, frame}, head.data());
    return head;
  }
  RecordingSink& sink(int i) { return *pair_->b[i].sink; }
  uint64_t lane_id(int i) { return pair_->b[i].id; }

  // An honest message on the bystander still arrives, in order behind whatever
  // the attacker sent on its own path.
  void ExpectBystanderWorks() {
    const std::vector<uint8_t> payload = Pattern(next_, 0, 5000);
    const size_t before = sink(bystander_).arrivals.size();
    pair_->a[bystander_].lane->Send(DataFrame(next_++, 0, 5000),
                                    payload.data());
    ASSERT_TRUE(pair_->ProgressUntil([&] {
      attacker_->Progress();
      return sink(bystander_).arrivals.size() == before + 1;
    }));
    EXPECT_EQ(sink(bystander_).arrivals.back().payload, payload);
    EXPECT_TRUE(sink(bystander_).downs.empty());
    EXPECT_TRUE(pair_->a[bystander_].sink->downs.empty());
  }
  bool VictimFalls() {
    return pair_->ProgressUntil([&] {
      attacker_->Progress();
      return !sink(victim_).downs.empty();
    });
  }

  std::unique_ptr<BackendPair> pair_;
  std::unique_ptr<Attacker> attacker_;
  int victim_ = 0, bystander_ = 0;
  uint32_t next_ = 1000;
};

TEST_F(UcxHostileTest, ShortAndLongHeadsAreDropped) {
  const std::vector<uint8_t> whole = Head(lane_id(victim_), EagerFrame(0, 8));
  for (const size_t bytes : {0, 1, 8, 47}) {
    const std::vector<uint8_t> head(whole.begin(), whole.begin() + bytes);
    for (const unsigned id : {kUcxChunk, kUcxAbort, kUcxBye})
      Send(id, head, std::vector<uint8_t>(8));
  }
  std::vector<uint8_t> longer = whole;
  longer.resize(200);
  Send(kUcxChunk, longer, std::vector<uint8_t>(8));
  ExpectBystanderWorks();
  EXPECT_TRUE(sink(victim_).arrivals.empty());
  EXPECT_TRUE(sink(victim_).downs.empty());
}

TEST_F(UcxHostileTest, UnknownMessageIdsAndLanesAreDropped) {
  Send(9, Head(lane_id(victim_), EagerFrame(0, 8)), std::vector<uint8_t>(8));
  Send(kUcxChunk, Head(lane_id(victim_) + 1, EagerFrame(0, 8)),
       std::vector<uint8_t>(8));
  Send(kUcxBye, Head(lane_id(victim_) + 1, EagerFrame(0, 8)), {});
  ExpectBystanderWorks();
  EXPECT_TRUE(sink(victim_).arrivals.empty());
  EXPECT_TRUE(sink(victim_).downs.empty());
}

TEST_F(UcxHostileTest, AMalformedFrameTakesItsLaneDown) {
  std::vector<uint8_t> head = Head(lane_id(victim_), EagerFrame(0, 8));
  head[16] ^= 0xFF;  // the frame's magic
  Send(kUcxChunk, head, std::vector<uint8_t>(8));
  ASSERT_TRUE(VictimFalls());
  EXPECT_EQ(sink(victim_).downs[0].code(), Code::kDataLoss);
  ExpectBystanderWorks();
}

TEST_F(UcxHostileTest, APayloadOfAnotherLengthTakesItsLaneDown) {
  Send(kUcxChunk, Head(lane_id(victim_), EagerFrame(0, 8)),
       std::vector<uint8_t>(9));
  ASSERT_TRUE(VictimFalls());
  EXPECT_EQ(sink(victim_).heads, 0);
  ExpectBystanderWorks();
}

TEST_F(UcxHostileTest, EndlessHalfFramesTakeTheirLaneDown) {
  for (uint32_t n = 0; n <= kMaxHalfFrames; ++n)
    Send(kUcxChunk,
         Head(lane_id(victim_), DataFrame(n, 0, 16 << 20), n, 4096 * n),
         std::vector<uint8_t>(4096));
  ASSERT_TRUE(VictimFalls());
  ExpectBystanderWorks();
}

TEST_F(UcxHostileTest, AHugeMessageIsNotTaken) {
  Send(kUcxChunk, Head(lane_id(victim_), DataFrame(0, 0, 16 << 20)),
       std::vector<uint8_t>((16 << 20) + 1));
  ASSERT_TRUE(VictimFalls());
  EXPECT_EQ(sink(victim_).heads, 0);
  ExpectBystanderWorks();
}

TEST_F(UcxHostileTest, RandomHeadsHarmAtMostTheLaneTheyName) {
  constexpr uint32_t kSeed = 4242;
  RecordProperty("seed", kSeed);
  std::mt19937 random(kSeed);
  sink(victim_).drop = true;
  for (int round = 0; round < 3000; ++round) {
    const uint32_t bytes = 1 + random() % 2000;
    std::vector<uint8_t> head =
        Head(lane_id(victim_), DataFrame(random() % 8, 0, bytes), random() % 80,
             random() % bytes);
    for (int flips = random() % 4; flips > 0; --flips)
      head[8 + random() % (head.size() - 8)] = random();
    if (random() % 20 == 0) head.resize(random() % 60);
    Send(1 + random() % 3 % (round < 2900 ? 2 : 3), head,
         std::vector<uint8_t>(random() % 2000));
  }
  ExpectBystanderWorks();
  EXPECT_LE(sink(victim_).downs.size(), 1u);
}

}  // namespace
}  // namespace ithaca
