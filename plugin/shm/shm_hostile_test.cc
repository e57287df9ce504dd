// A peer that scribbles: its own lane may go down, nothing else may happen.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>

#include "plugin/shm/inbox.h"
#include "plugin/shm/ring.h"
#include "plugin/shm/segment.h"
#include "plugin/shm/shm_address.h"
#include "plugin/shm/shm_backend.h"
#include "plugin/shm/shm_test_support.h"

namespace ithaca {
namespace {

class Hostile : public testing::Test {
 protected:
  // Whether another lane of the victim still carries data both ways.
  void ExpectOthersGoOn() {
    const size_t before = pair_.b[0].sink->arrivals.size();
    pair_.a[0].lane->Send(AckFrame(1), nullptr);
    EXPECT_TRUE(pair_.ProgressUntil(
        [&] { return pair_.b[0].sink->arrivals.size() > before; }));
    EXPECT_TRUE(pair_.b[0].sink->downs.empty());
  }
  void SetUp() override { pair_.OpenLane(); }
  ShmBackend* victim() { return pair_.right.get(); }

  BackendPair pair_;
};

TEST_F(Hostile, RecordsThatMakeNoSenseEndTheLane) {
  const auto record = [](RecordKind kind, uint32_t bytes, Frame frame) {
    Record r = {};
    r.kind = kind;
    r.bytes = bytes;
    EncodeFrame(frame, r.frame);
    return r;
  };
  const Frame whole = DataFrame(1, 0, 8), ack = AckFrame(1);
  Record no_frame = record(RecordKind::kFrame, 0, ack);
  no_frame.frame[0] ^= 1;
  const std::vector<std::vector<Record>> cases = {
      {record(static_cast<RecordKind>(0), 0, ack)},
      {record(static_cast<RecordKind>(77), 0, ack)},
      {record(RecordKind::kMore, 8, ack)},
      {record(RecordKind::kAbort, 0, ack)},
      {record(RecordKind::kFrame, 8, ack)},
      {record(RecordKind::kFrame, 9, whole)},
      {record(RecordKind::kFrame, 4, whole),
       record(RecordKind::kFrame, 8, whole)},
      {record(RecordKind::kFrame, 4, whole),
       record(RecordKind::kMore, 5, whole)},
      {record(RecordKind::kFrame, 4, whole),
       record(RecordKind::kMore, 0, whole)},
      {no_frame},
  };
  const uint8_t payload[64] = {};
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    BarePeer peer(victim());
    RingWriter writer(peer.segment.to_inviter());
    for (const Record& r : cases[i]) {
      ASSERT_EQ(writer.Room(r.bytes), r.bytes);
      writer.Write(r, payload);
    }
    peer.Ring();
    pair_.Progress();
    ASSERT_EQ(peer.sink.downs.size(), 1);
    EXPECT_EQ(peer.sink.downs[0].code(), Code::kDataLoss);
    EXPECT_TRUE(peer.sink.arrivals.empty());
  }
  ExpectOthersGoOn();
}

// Random damage to a segment in use, in heads and rings, while both directions
// move data. Under ASan a wrong index would show.
TEST_F(Hostile, RandomScribblingHarmsOneLane) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  int downs = 0;
  for (int round = 0; round < 1500; ++round) {
    BarePeer peer(victim());
    const Channel in = peer.segment.to_inviter();
    RingWriter writer(in);
    const auto payload = Pattern(round, 0, 20'000);
    peer.lane->Send(DataFrame(7, 0, payload.size()), payload.data());
    for (int step = 0; step < 6; ++step) {
      Record record = {};
      record.kind = static_cast<RecordKind>(1 + random() % 3);
      record.bytes = random() % 5000;
      EncodeFrame(DataFrame(step, 0, random() % 8000), record.frame);
      if (writer.Room(record.bytes) == record.bytes)
        writer.Write(record, payload.data());
      uint8_t* const data = peer.segment.data();
      for (int i = random() % 4; i > 0; --i) {
        const size_t head = 64 + random() % 576;
        const size_t ring = 4096 + random() % 6000;
        data[random() % 2 ? head : ring] ^= 1 << random() % 8;
      }
      if (random() % 8 == 0) {
        const uint64_t word = uint64_t{random()} << random() % 33;
        const size_t at = 64 + random() % 71 * 8;
        memcpy(data + at, &word, sizeof(word));
      }
      peer.Ring();
      pair_.Progress();
    }
    downs += !peer.sink.downs.empty();
    EXPECT_LE(peer.sink.downs.size(), 1);
  }
  EXPECT_GT(downs, 0);
  ExpectOthersGoOn();
}

TEST_F(Hostile, DamagedAddressesAreRefusedOrHarmless) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  RecordingSink sink;
  const std::string good = pair_.left->Address();
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (int i = 1 + random() % 3; i > 0; --i)
      bytes[random() % bytes.size()] ^= 1 << random() % 8;
    if (random() % 8 == 0) bytes.resize(random() % (2 * good.size()));
    std::string invitation;
    // Whatever it now names: the lane opens, or says why not.
    auto lane = victim()->Invite(bytes, &sink, &invitation);
    if (lane.ok()) {
      EXPECT_EQ(bytes.substr(16, 16), good.substr(16, 16));  // the id
    }
    EXPECT_FALSE(pair_.left->Join(bytes, &sink).ok());
  }
  ExpectOthersGoOn();
}

}  // namespace
}  // namespace ithaca
