// Lanes between two backends: what they carry, how they end, who is refused.
#include "plugin/shm/shm_backend.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "plugin/shm/ring.h"
#include "plugin/shm/shm_test_support.h"

namespace ithaca {
namespace {

using testing::HasSubstr;

TEST(ShmBackend, CarriesFramesOfAllSizesBothWays) {
  BackendPair pair;
  pair.OpenLane();
  std::map<uint32_t, std::vector<uint8_t>> payloads;
  uint32_t seq = 0;
  for (const uint32_t bytes : {1, 8, 63, 64, 4095, 8192, 16384, 16385, 131072,
                               262144, 1 << 20, 16 << 20}) {
    payloads[seq] = Pattern(seq, 0, bytes);
    pair.a[0].lane->Send(DataFrame(seq, 0, bytes), payloads[seq].data());
    pair.b[0].lane->Send(DataFrame(seq, 0, bytes), payloads[seq].data());
    pair.a[0].lane->Send(AckFrame(seq), nullptr);
    ++seq;
  }
  ASSERT_TRUE(pair.ProgressUntil([&] {
    return pair.b[0].sink->arrivals.size() == 2 * seq &&
           pair.a[0].sink->arrivals.size() == seq;
  }));
  for (uint32_t i = 0; i < seq; ++i) {
    EXPECT_EQ(pair.b[0].sink->arrivals[2 * i].payload, payloads[i]) << i;
    EXPECT_EQ(pair.b[0].sink->arrivals[2 * i + 1].frame.seq, i);
    EXPECT_EQ(pair.a[0].sink->arrivals[i].payload, payloads[i]) << i;
  }
  EXPECT_EQ(pair.a[0].lane->queued_bytes(), 0);
  EXPECT_EQ(pair.a[0].lane->counters().bytes_sent,
            pair.b[0].lane->counters().bytes_received);
  EXPECT_EQ(pair.b[0].lane->counters().bytes_sent,
            pair.a[0].lane->counters().bytes_received);
}

TEST(ShmBackend, WhatTheSinkDropsDoesNotHoldUpTheRest) {
  BackendPair pair;
  pair.OpenLane();
  pair.b[0].sink->drop = true;
  const auto payload = Pattern(1, 0, 1 << 20);
  pair.a[0].lane->Send(DataFrame(1, 0, payload.size()), payload.data());
  pair.a[0].lane->Send(AckFrame(2), nullptr);
  ASSERT_TRUE(
      pair.ProgressUntil([&] { return pair.b[0].sink->arrivals.size() == 2; }));
  EXPECT_TRUE(pair.b[0].sink->arrivals[0].payload.empty());
}

TEST(ShmBackend, OnlyLanesWithNewsAreServed) {
  BackendPair pair;
  for (int i = 0; i < 100; ++i) pair.OpenLane();
  ASSERT_TRUE(pair.ProgressUntil(
      [&] { return pair.left->Progress() + pair.right->Progress() == 0; }));
  pair.a[42].lane->Send(AckFrame(7), nullptr);
  EXPECT_LE(pair.right->Progress(), 2);  // it, and the one whose turn it is
  ASSERT_EQ(pair.b[42].sink->arrivals.size(), 1);
}

TEST(ShmBackend, TheRestOfAFrameNeedsNoBell) {
  const std::unique_ptr<ShmBackend> backend =
      std::move(ShmBackend::Create()).value();
  BarePeer peer(backend.get());
  const auto payload = Pattern(3, 0, 100);
  RingWriter writer(peer.segment.to_inviter());
  const auto write = [&](RecordKind kind, size_t at, uint32_t bytes) {
    Record record = {};
    record.kind = kind;
    record.bytes = bytes;
    EncodeFrame(DataFrame(3, 0, payload.size()), record.frame);
    ASSERT_EQ(writer.Room(bytes), bytes);
    writer.Write(record, payload.data() + at);
  };
  write(RecordKind::kFrame, 0, 60);
  peer.Ring();
  EXPECT_EQ(backend->Progress(), 1);
  EXPECT_EQ(backend->Progress(), 0) << "looked, and there was nothing";
  write(RecordKind::kMore, 60, 40);
  EXPECT_EQ(backend->Progress(), 1);
  ASSERT_EQ(peer.sink.arrivals.size(), 1);
  EXPECT_EQ(peer.sink.arrivals[0].payload, payload);
}

TEST(ShmBackend, ALaneOutlivesBellsThatAnotherPeerSilenced) {
  BackendPair pair;
  for (int i = 0; i < 3; ++i) pair.OpenLane();
  pair.Progress();
  // A thief in between: it takes the bit without looking at the lane.
  ShmAddress address;
  ASSERT_TRUE(DecodeShmAddress(pair.right->Address(), &address).ok());
  auto page = SharedMemory::Open(address.pid, address.inbox_fd, 4096);
  ASSERT_TRUE(page.ok()) << page.status().ToString();
  pair.a[1].lane->Send(AckFrame(7), nullptr);
  std::fill_n(page->data() + 64, 8 + kShmSlots / 8, 0);
  EXPECT_TRUE(
      pair.ProgressUntil([&] { return pair.b[1].sink->arrivals.size() == 1; }));
}

TEST(ShmBackend, ForgottenPayloadIsNeitherReadNorDelivered) {
  BackendPair pair;
  pair.OpenLane();
  auto payload = std::make_unique<std::vector<uint8_t>>(Pattern(1, 0, 4 << 20));
  pair.a[0].lane->Send(DataFrame(1, 0, payload->size()), payload->data());
  const auto other = Pattern(2, 0, 1000);
  pair.a[0].lane->Send(DataFrame(2, 0, other.size()), other.data());
  ASSERT_EQ(pair.b[0].sink->heads, 0);
  pair.Progress();
  ASSERT_EQ(pair.b[0].sink->heads, 1) << "it is half sent";
  pair.a[0].lane->Forget(1);
  payload.reset();
  ASSERT_TRUE(
      pair.ProgressUntil([&] { return pair.b[0].sink->arrivals.size() == 1; }));
  EXPECT_EQ(pair.b[0].sink->arrivals[0].payload, other);
  EXPECT_EQ(pair.a[0].lane->queued_bytes(), 0);
}

TEST(ShmBackend, ForgottenTargetIsNotWritten) {
  BackendPair pair;
  pair.OpenLane();
  const auto payload = Pattern(1, 0, 4 << 20);
  pair.a[0].lane->Send(DataFrame(1, 0, payload.size()), payload.data());
  pair.a[0].lane->Send(AckFrame(2), nullptr);
  pair.Progress();
  ASSERT_EQ(pair.b[0].sink->heads, 1);
  ASSERT_TRUE(pair.b[0].sink->arrivals.empty());
  pair.b[0].lane->Forget(1);
  // The buffer goes (ASan would see a write), the rest is dropped.
  pair.b[0].sink->TakeBack(1, 0);
  ASSERT_TRUE(
      pair.ProgressUntil([&] { return pair.b[0].sink->arrivals.size() == 1; }));
  EXPECT_EQ(pair.b[0].sink->arrivals[0].frame.type, FrameType::kAck);
}

TEST(ShmBackend, WhatWasWrittenBeforeTheEndArrives) {
  BackendPair pair;
  pair.OpenLane();
  const auto payload = Pattern(1, 0, 5000);
  pair.a[0].lane->Send(DataFrame(1, 0, payload.size()), payload.data());
  pair.a[0].lane.reset();
  ASSERT_TRUE(
      pair.ProgressUntil([&] { return !pair.b[0].sink->downs.empty(); }));
  ASSERT_EQ(pair.b[0].sink->arrivals.size(), 1);
  EXPECT_EQ(pair.b[0].sink->arrivals[0].payload, payload);
  ASSERT_EQ(pair.b[0].sink->downs.size(), 1);
  EXPECT_EQ(pair.b[0].sink->downs[0].code(), Code::kUnavailable);
  pair.b[0].lane->Send(AckFrame(1), nullptr);  // does nothing
  for (int i = 0; i < 200; ++i) pair.Progress();
  EXPECT_EQ(pair.b[0].sink->downs.size(), 1);
}

TEST(ShmBackend, AnErrorOfTheSinkEndsTheLaneAtBothEnds) {
  BackendPair pair;
  pair.OpenLane();
  pair.b[0].sink->on_frame = [](Lane*, const Frame&) {
    return Status(Code::kInvalidArgument, "truncated");
  };
  pair.a[0].lane->Send(AckFrame(1), nullptr);
  ASSERT_TRUE(pair.ProgressUntil([&] {
    return !pair.a[0].sink->downs.empty() && !pair.b[0].sink->downs.empty();
  }));
  EXPECT_EQ(pair.b[0].sink->downs[0].code(), Code::kInvalidArgument);
  EXPECT_THAT(pair.b[0].sink->downs[0].message(), HasSubstr("truncated"));
  EXPECT_EQ(pair.a[0].sink->downs[0].code(), Code::kUnavailable);
}

// Lanes open, send, forget and close in a random order; memory goes as soon as
// the contract lets it, so that ASan sees a late touch. What arrives is right.
TEST(ShmBackend, EndsInAnyOrderWithPayloadInFlight) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 60; ++round) {
    BackendPair pair;
    struct Sent {
      int lane;
      std::unique_ptr<std::vector<uint8_t>> payload;
    };
    std::map<uint32_t, Sent> sent;
    uint32_t seq = 0;
    for (int lane = 0; lane < 3; ++lane) pair.OpenLane();
    for (int step = 0; step < 60; ++step) {
      const int lane = random() % 3;
      const bool from_a = random() % 2;
      auto& end = (from_a ? pair.a : pair.b)[lane];
      switch (random() % 6) {
        case 0:
        case 1:
          if (end.lane != nullptr) {
            const uint32_t bytes = 1 + random() % (random() % 3 ? 300'000 : 50);
            sent[seq] = {lane, std::make_unique<std::vector<uint8_t>>(
                                   Pattern(seq, 0, bytes))};
            end.lane->Send(DataFrame(seq, 0, bytes), sent[seq].payload->data());
            ++seq;
          }
          break;
        case 2:
          if (!sent.empty()) {
            auto it = std::next(sent.begin(), random() % sent.size());
            for (auto* side : {&pair.a, &pair.b})
              if ((*side)[it->second.lane].lane != nullptr)
                (*side)[it->second.lane].lane->Forget(it->first);
            for (auto* side : {&pair.a, &pair.b})
              (*side)[it->second.lane].sink->TakeBack(it->first, 0);
            sent.erase(it);
          }
          break;
        case 3:
          if (random() % 10 == 0) end.lane.reset();
          break;
        default:
          pair.Progress();
      }
    }
    // Whoever holds both ends of a lane may let go of all payload once closed.
    for (auto* side : {&pair.a, &pair.b})
      for (auto& end : *side)
        if (random() % 2) end.lane.reset();
    for (int i = 0; i < 50; ++i) pair.Progress();
    for (auto* side : {&pair.a, &pair.b})
      for (auto& end : *side) end.lane.reset();
    sent.clear();
    for (auto* side : {&pair.a, &pair.b})
      for (auto& end : *side)
        for (const auto& arrival : end.sink->arrivals)
          EXPECT_EQ(arrival.payload,
                    Pattern(arrival.frame.seq, 0, arrival.frame.payload_bytes));
  }
}

TEST(ShmBackend, TwoThreadsAsTwoEnds) {
  BackendPair pair;
  pair.OpenLane();
  constexpr uint32_t kMessages = 300;
  const auto payload = Pattern(3, 0, 50'000);
  // Either side answers each message that it gets with one of its own.
  const auto play = [&](ShmBackend* backend, BackendPair::End* end,
                        bool begins) {
    uint32_t sent = 0;
    const auto send = [&] {
      end->lane->Send(DataFrame(sent++, 0, payload.size()), payload.data());
    };
    for (int i = 0; begins && i < 8; ++i) send();
    while (end->sink->arrivals.size() < kMessages || sent < kMessages) {
      const size_t before = end->sink->arrivals.size();
      backend->Progress();
      for (size_t i = before; i < end->sink->arrivals.size(); ++i)
        if (sent < kMessages) send();
      std::this_thread::yield();
    }
    while (end->lane->queued_bytes() > 0) backend->Progress();
  };
  std::thread other([&] { play(pair.right.get(), &pair.b[0], false); });
  play(pair.left.get(), &pair.a[0], true);
  other.join();
  for (const auto* end : {&pair.a[0], &pair.b[0]})
    for (const auto& arrival : end->sink->arrivals)
      EXPECT_EQ(arrival.payload, payload);
}

TEST(ShmBackend, RefusesAddressesThatLeadElsewhere) {
  BackendPair pair;
  RecordingSink sink;
  std::string invitation;
  ShmAddress good;
  ASSERT_TRUE(DecodeShmAddress(pair.left->Address(), &good).ok());
  const auto invite = [&](const ShmAddress& address) {
    return pair.right->Invite(EncodeShmAddress(address), &sink, &invitation)
        .status();
  };
  ShmAddress bad = good;
  bad.inbox[3] ^= 1;
  EXPECT_EQ(invite(bad).code(), Code::kDataLoss);
  bad = good;
  bad.pid = 0x7ffffffe;
  EXPECT_EQ(invite(bad).code(), Code::kUnavailable);
  for (const int32_t fd : {-1, 0, 1, 2}) {
    bad = good;
    bad.inbox_fd = fd;
    EXPECT_FALSE(invite(bad).ok()) << fd;
  }
  EXPECT_FALSE(pair.right->Invite("", &sink, &invitation).ok());
  // A hello is no invitation: it has no segment.
  EXPECT_FALSE(pair.left->Join(pair.right->Address(), &sink).ok());
}

TEST(ShmBackend, DescriptorsAreBackAfterTheLane) {
  const auto count = [] {
    int open = 0;
    for (int fd = 0; fd < 256; ++fd) open += fcntl(fd, F_GETFD) >= 0;
    return open;
  };
  BackendPair pair;
  const int before = count();
  pair.OpenLane();
  ASSERT_TRUE(pair.ProgressUntil([&] { return count() == before; }))
      << "the segment's goes when both have mapped it";
  for (int i = 0; i < 2000; ++i) {
    pair.OpenLane();
    if (i % 2) pair.Progress();
    pair.a.pop_back();
    pair.b.pop_back();
  }
  EXPECT_EQ(count(), before);
}

}  // namespace
}  // namespace ithaca
