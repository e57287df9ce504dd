// Both ends of a connection over fake lanes: random sizes, tags, orders,
// deaths.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "plugin/transport/connection_pair.h"

namespace ithaca {
namespace {

#ifdef ITHACA_SANITIZED
constexpr int kRounds = 1;
#else
constexpr int kRounds = 6;
#endif

// A receive of one buffer, or of a group.
struct Receive {
  Request* request = nullptr;
  std::vector<std::vector<char>> buffers;
  std::vector<void*> data;
  std::vector<size_t> sizes;
  std::vector<int> tags;

  void AddBuffer(size_t size, int tag) {
    buffers.emplace_back(size + 16, '\x5a');
    data.push_back(buffers.back().data());
    sizes.push_back(size);
    tags.push_back(tag);
  }
  int CountTag(int tag) const {
    return std::count(tags.begin(), tags.end(), tag);
  }
};

// Sends `count` random messages under a few tags while lanes (all but one)
// break; checks each byte, the order per tag, and that nothing is written past
// a message or after it completed.
void RunTraffic(int lanes, int deaths, int count, uint64_t window,
                unsigned seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  Pair pair(lanes, &random, window);
  std::vector<std::pair<int, std::vector<char>>> sent;
  std::map<int, std::deque<size_t>> expected;  // by tag: indices into sent
  // What is sent is freed when the request is complete.
  std::vector<std::pair<Request*, std::unique_ptr<std::vector<char>>>> sends;
  std::vector<std::unique_ptr<Receive>> receives, finished;
  std::map<int, int> to_post;
  int completed = 0;
  for (int i = 0; i < count; ++i) {
    const int tag = random() % 3;
    sent.push_back({tag, RandomBytes(RandomSize(&random), &random)});
    ++to_post[tag];
  }
  size_t next = 0;
  int left_to_break = deaths;
  for (int steps = 0; completed < count || !sends.empty(); ++steps) {
    ASSERT_LT(steps, 5'000'000) << "stuck";
    if (next < sent.size() && random() % 3 == 0) {
      const auto& [tag, bytes] = sent[next];
      auto memory = std::make_unique<std::vector<char>>(bytes);
      auto request = pair.sender->Send(memory->data(), bytes.size(), tag);
      ASSERT_TRUE(request.ok()) << request.status().ToString();
      if (*request != nullptr) {
        sends.push_back({*request, std::move(memory)});
        expected[tag].push_back(next++);
      }
    }
    if (random() % 3 == 0) {
      auto receive = std::make_unique<Receive>();
      for (int n = random() % 2 ? 1 : 1 + random() % kMaxGroup; n > 0; --n) {
        const int tag = random() % 3;
        if (to_post[tag] > receive->CountTag(tag))
          receive->AddBuffer(8 * kFragment + random() % 100, tag);
      }
      if (!receive->data.empty()) {
        auto request =
            pair.receiver->Receive(receive->data.size(), receive->data.data(),
                                   receive->sizes.data(), receive->tags.data());
        ASSERT_TRUE(request.ok()) << request.status().ToString();
        ASSERT_NE(*request, nullptr);
        for (int tag : receive->tags) --to_post[tag];
        receive->request = *request;
        receives.push_back(std::move(receive));
      }
    }
    pair.Step();
    if (left_to_break > 0 && random() % 50 == 0) {
      const size_t wire = left_to_break;  // lane 0 lives
      // Both ends notice, at different times; steps go on in between.
      const int side = pair.wires[wire]->up(0) && random() % 2 ? 0 : 1;
      pair.wires[wire]->Break(pair.wires[wire]->up(side) ? side : 1 - side);
      if (!pair.wires[wire]->up(0) && !pair.wires[wire]->up(1)) --left_to_break;
    }
    for (size_t i = 0; i < sends.size();) {
      uint64_t bytes = 0;
      auto done = pair.sender->Test(sends[i].first, &bytes);
      ASSERT_TRUE(done.ok()) << done.status().ToString();
      if (*done) {
        ASSERT_EQ(bytes, sends[i].second->size());
        std::fill(sends[i].second->begin(), sends[i].second->end(), '\x44');
        sends.erase(sends.begin() + i);
      } else {
        ++i;
      }
    }
    for (size_t i = 0; i < receives.size();) {
      uint64_t bytes[kMaxGroup] = {};
      auto done = pair.receiver->Test(receives[i]->request, bytes);
      ASSERT_TRUE(done.ok()) << done.status().ToString();
      if (!*done) {
        ++i;
        continue;
      }
      Receive& receive = *receives[i];
      for (size_t k = 0; k < receive.tags.size(); ++k) {
        // Equal tags match in post order, so the oldest posted of a tag takes
        // the oldest sent; completion may come in any order.
        size_t nth = 0;
        for (size_t j = 0; j < i; ++j)
          nth += receives[j]->CountTag(receive.tags[k]);
        auto& queue = expected[receive.tags[k]];
        ASSERT_LT(nth, queue.size());
        const auto& want = sent[queue[nth]].second;
        queue.erase(queue.begin() + nth);
        ASSERT_EQ(bytes[k], want.size());
        auto& buffer = receive.buffers[k];
        ASSERT_TRUE(std::equal(want.begin(), want.end(), buffer.begin()));
        for (size_t j = want.size(); j < buffer.size(); ++j)
          ASSERT_EQ(buffer[j], '\x5a') << "byte " << j;
        std::fill(buffer.begin(), buffer.end(), '\x33');
        ++completed;
      }
      finished.push_back(std::move(receives[i]));
      receives.erase(receives.begin() + i);
    }
  }
  while (pair.Step()) {
  }
  for (const auto& receive : finished)
    for (const auto& buffer : receive->buffers)
      for (char c : buffer) ASSERT_EQ(c, '\x33') << "late byte";
  EXPECT_EQ(pair.sender->unacknowledged(), 0);
  EXPECT_EQ(pair.broker.outstanding(0), 0);
  EXPECT_EQ(pair.broker.outstanding(1), 0);
  EXPECT_EQ(pair.owner.failed, 0);
}

TEST(Connection, RandomTrafficOverOneLane) {
  const unsigned seed = std::random_device()();
  for (int i = 0; i < kRounds; ++i) RunTraffic(1, 0, 150, 1 << 20, seed + i);
}

TEST(Connection, RandomTrafficOverFourLanesInASmallWindow) {
  const unsigned seed = std::random_device()();
  for (int i = 0; i < kRounds; ++i)
    RunTraffic(4, 0, 150, 3 * kFragment, seed + i);
}

TEST(Connection, EachByteOnceWhileLanesDie) {
  const unsigned seed = std::random_device()();
  for (int i = 0; i < 5 * kRounds; ++i) RunTraffic(4, 3, 80, 1 << 20, seed + i);
}

class ConnectionTest : public testing::Test {
 protected:
  std::mt19937 random_{std::random_device()()};
  Pair pair_{1, &random_};
};

TEST_F(ConnectionTest, TakesAWindowOfSendsWithoutAReceive) {
  const std::vector<char> small(100), large(5 * kFragment);
  for (uint32_t i = 0; i < kMessageWindow; ++i) {
    const auto& data = i % 2 ? small : large;
    auto request = pair_.sender->Send(data.data(), data.size(), 7);
    ASSERT_TRUE(request.ok());
    ASSERT_NE(*request, nullptr) << i;
    while (pair_.Step()) {
    }
  }
  auto request = pair_.sender->Send(small.data(), small.size(), 7);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(*request, nullptr);
}

TEST_F(ConnectionTest, AMessageLargerThanItsReceiveFailsTheConnection) {
  for (size_t bytes : {size_t{200}, 2 * kFragment}) {
    Pair pair(1, &random_);
    const std::vector<char> data(bytes);
    std::vector<char> buffer(100);
    auto received = pair.receiver->Receive(buffer.data(), buffer.size(), 1);
    ASSERT_TRUE(received.ok());
    ASSERT_TRUE(pair.sender->Send(data.data(), bytes, 1).ok());
    while (pair.Step()) {
    }
    uint64_t size;
    auto done = pair.receiver->Test(*received, &size);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(pair.owner.failed, 1);
    EXPECT_EQ(pair.log.lines, 1);
  }
}

TEST_F(ConnectionTest, DeregisteredMemoryIsNeverWrittenAgain) {
  const std::vector<char> data(4 * kFragment, 'x');
  std::vector<char> buffer(4 * kFragment);
  auto received = pair_.receiver->Receive(buffer.data(), buffer.size(), 1);
  ASSERT_TRUE(received.ok());
  ASSERT_TRUE(pair_.sender->Send(data.data(), data.size(), 1).ok());
  for (int i = 0; i < 6; ++i) pair_.Step();  // in the middle of it
  pair_.receiver->OnMemoryGone(buffer.data(), buffer.data() + 1);
  std::fill(buffer.begin(), buffer.end(), 'o');
  while (pair_.Step()) {
  }
  for (char c : buffer) ASSERT_EQ(c, 'o');
  uint64_t bytes;
  EXPECT_FALSE(pair_.receiver->Test(*received, &bytes).ok());
}

// Frames of a hostile peer: the connection fails or shrugs, and memory around
// the posted buffer stays untouched.
TEST_F(ConnectionTest, SurvivesRandomFrames) {
  for (int round = 0; round < 500 * kRounds; ++round) {
    Pair pair(1, &random_);
    std::vector<char> buffer(3 * kFragment, '\x5a');
    std::vector<char> payload(kMaxEagerBytes);
    ASSERT_TRUE(
        pair.receiver->Receive(buffer.data() + 64, 2 * kFragment, 1).ok());
    ASSERT_TRUE(pair.sender->Send(payload.data(), 100, 1).ok());
    ASSERT_TRUE(pair.sender->Send(payload.data(), 3 * kEager, 1).ok());
    for (int i = 0; i < 8; ++i) {
      uint8_t wire[kFrameBytes];
      Frame frame;
      frame.type = static_cast<FrameType>(random_() % 7);
      frame.lane = random_() % 10;
      frame.seq = random_() % 3 - (random_() % 5 == 0);
      frame.tag = random_() % 2;
      frame.offset = random_() % 3 * kFragment + (random_() % 4 == 0);
      frame.size = random_() % 2 ? kFragment : random_() % (4 * kFragment);
      if (frame.type == FrameType::kEager || frame.type == FrameType::kAnnounce)
        frame.offset = frame.seq + (random_() % 4 == 0);
      if (frame.type == FrameType::kEager || frame.type == FrameType::kData)
        frame.payload_bytes = frame.size;
      EncodeFrame(frame, wire);
      if (random_() % 4 == 0) wire[random_() % kFrameBytes] ^= random_();
      Frame decoded;
      if (!DecodeFrame(wire, &decoded).ok()) continue;
      for (Connection* connection :
           {static_cast<Connection*>(pair.receiver.get()),
            static_cast<Connection*>(pair.sender.get())}) {
        void* target = nullptr;
        if (decoded.payload_bytes > 0) {
          if (!connection->OnFrameHead(nullptr, decoded, &target).ok())
            continue;
          if (target != nullptr) memset(target, 'x', decoded.payload_bytes);
        }
        (void)connection->OnFrame(nullptr, decoded).ok();
      }
    }
    for (size_t i = 0; i < 64; ++i) ASSERT_EQ(buffer[i], '\x5a');
    for (size_t i = 64 + 2 * kFragment; i < buffer.size(); ++i)
      ASSERT_EQ(buffer[i], '\x5a');
  }
}

}  // namespace
}  // namespace ithaca
