// Matching by tag: order, groups, bounds, and random traffic against a model.
#include "plugin/transport/posted_receives.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace ithaca {
namespace {

using Arrival = PostedReceives::Arrival;
using Buffer = PostedReceives::Buffer;
using Receive = PostedReceives::Receive;

class PostedReceivesTest : public testing::Test {
 protected:
  // A receive of buffers with these tags, every buffer posted; none is met by
  // a message.
  Receive* Post(std::vector<int> tags) {
    Receive* const receive = Open(tags);
    for (size_t i = 0; receive != nullptr && i < tags.size(); ++i)
      EXPECT_EQ(posted_.Post(&receive->buffers[i]), nullptr);
    return receive;
  }
  Receive* Open(const std::vector<int>& tags) {
    void* data[kMaxGroup];
    size_t sizes[kMaxGroup];
    for (int i = 0; i < kMaxGroup; ++i) {
      data[i] = memory_ + 16 * i;
      sizes[i] = 16;
    }
    return posted_.Open(tags.size(), data, sizes, tags.data());
  }
  Buffer* Arrive(int tag) {
    messages_.emplace_back().tag = tag;
    return posted_.Arrive(&messages_.back());
  }

  char memory_[16 * kMaxGroup];
  PostedReceives posted_{nullptr};
  std::deque<Arrival> messages_;
};

TEST_F(PostedReceivesTest, EqualTagsOfAGroupMatchInTheOrderOfItsBuffers) {
  Receive* const receive = Post({7, 9, 7, 7});
  EXPECT_EQ(Arrive(7), &receive->buffers[0]);
  EXPECT_EQ(Arrive(7), &receive->buffers[2]);
  EXPECT_EQ(Arrive(9), &receive->buffers[1]);
  EXPECT_EQ(Arrive(7), &receive->buffers[3]);
  EXPECT_EQ(Arrive(7), nullptr);
}

TEST_F(PostedReceivesTest, AGroupTakesItsTurnWithTheOthers) {
  Receive* const first = Post({1});
  Receive* const group = Post({1, 2, 1});
  Receive* const last = Post({1});
  EXPECT_EQ(Arrive(1), &first->buffers[0]);
  EXPECT_EQ(Arrive(1), &group->buffers[0]);
  EXPECT_EQ(Arrive(1), &group->buffers[2]);
  EXPECT_EQ(Arrive(1), &last->buffers[0]);
  EXPECT_EQ(Arrive(2), &group->buffers[1]);
}

TEST_F(PostedReceivesTest, MessagesWaitInTheOrderInWhichTheyWereSent) {
  for (int tag : {5, 6, 5}) EXPECT_EQ(Arrive(tag), nullptr);
  Receive* const group = Open({5, 5, 6, 5});
  EXPECT_EQ(posted_.Post(&group->buffers[0]), &messages_[0]);
  EXPECT_EQ(posted_.Post(&group->buffers[1]), &messages_[2]);
  EXPECT_EQ(posted_.Post(&group->buffers[2]), &messages_[1]);
  EXPECT_EQ(posted_.Post(&group->buffers[3]), nullptr);
  EXPECT_EQ(Arrive(5), &group->buffers[3]);
}

TEST_F(PostedReceivesTest, IsDoneWithItsLastBufferWhicheverThatIs) {
  Receive* const receive = Post({1, 2, 3});
  for (int i : {2, 0, 1}) {
    EXPECT_EQ(receive->state, Request::State::kActive);
    EXPECT_EQ(posted_.pending(), 1);
    posted_.Fill(&receive->buffers[i], 10 + i);
  }
  EXPECT_EQ(receive->state, Request::State::kDone);
  EXPECT_EQ(posted_.pending(), 0);
  EXPECT_EQ(receive->count, 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(receive->bytes[i], 10 + i);
}

TEST_F(PostedReceivesTest, HoldsNcclsRequestsTimesAGroupAndNoMore) {
  std::vector<Receive*> all;
  for (size_t i = 0; i < PostedReceives::kMaxRequests; ++i) {
    all.push_back(Post(std::vector<int>(kMaxGroup, i % 5)));
    ASSERT_NE(all.back(), nullptr);
  }
  EXPECT_EQ(Post({1}), nullptr);
  for (int i = 0; i < kMaxGroup; ++i) posted_.Fill(&all[9]->buffers[i], 0);
  EXPECT_EQ(Post({1}), nullptr) << "nobody has seen yet that it is done";
  posted_.Close(all[9]);
  EXPECT_EQ(Open({1}), all[9]);
}

TEST_F(PostedReceivesTest, KnowsWhichMemoryIsInUse) {
  Receive* const receive = Post({1, 2});
  EXPECT_TRUE(posted_.Uses(memory_ + 31, memory_ + 32));
  EXPECT_FALSE(posted_.Uses(memory_ + 32, memory_ + 64));
  posted_.Fill(&receive->buffers[1], 4);
  EXPECT_FALSE(posted_.Uses(memory_ + 31, memory_ + 32));
  EXPECT_TRUE(posted_.Uses(memory_ + 15, memory_ + 32));
  posted_.Fill(&receive->buffers[0], 4);
  EXPECT_FALSE(posted_.Uses(memory_, memory_ + 64));
}

TEST_F(PostedReceivesTest, ANullBufferHoldsNothing) {
  void* data[] = {nullptr, memory_};
  const size_t sizes[] = {1000, 4};
  const int tags[] = {1, 1};
  Receive* const receive = posted_.Open(2, data, sizes, tags);
  EXPECT_EQ(receive->buffers[0].bytes, 0);
  EXPECT_EQ(receive->buffers[1].bytes, 4);
  EXPECT_FALSE(posted_.Uses(nullptr, memory_));
}

// Random groups and messages, checked against plain queues; far more tags than
// wait at a time, so that idle ones are swept.
TEST_F(PostedReceivesTest, MatchesLikePlainQueues) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::map<int, std::deque<Buffer*>> buffers;
  std::map<int, std::deque<Arrival*>> messages;
  auto fill = [&](Buffer* buffer) {
    posted_.Fill(buffer, 1);
    if (buffer->receive->state == Request::State::kDone)
      posted_.Close(buffer->receive);
  };
  int matched = 0;
  auto arrive = [&](int tag) {
    Buffer* const buffer = Arrive(tag);
    auto& waiting = buffers[tag];
    if (waiting.empty()) {
      ASSERT_EQ(buffer, nullptr);
      messages[tag].push_back(&messages_.back());
      return;
    }
    ASSERT_EQ(buffer, waiting.front());
    waiting.pop_front();
    ++matched;
    fill(buffer);
  };
  for (int step = 0; step < 100'000; ++step) {
    const int base = step / 1000 * 3;  // the tags in use wander
    if (step % 1000 == 0) {            // and what was posted for them is used
      for (const auto& [tag, waiting] : buffers)
        while (!waiting.empty() && !HasFailure()) arrive(tag);
    }
    if (random() % 3 != 0) {
      arrive(base + random() % 4);
      continue;
    }
    std::vector<int> tags(1 + random() % kMaxGroup);
    if (random() % 4 != 0) tags.resize(1);
    for (int& tag : tags) tag = base + random() % 4;
    Receive* const receive = Open(tags);
    if (receive == nullptr) continue;
    std::vector<Buffer*> met;
    for (size_t i = 0; i < tags.size(); ++i) {
      Buffer* const buffer = &receive->buffers[i];
      Arrival* const message = posted_.Post(buffer);
      auto& waiting = messages[tags[i]];
      if (waiting.empty()) {
        ASSERT_EQ(message, nullptr);
        buffers[tags[i]].push_back(buffer);
      } else {
        ASSERT_EQ(message, waiting.front());
        waiting.pop_front();
        ++matched;
        met.push_back(buffer);
      }
    }
    for (Buffer* buffer : met) fill(buffer);
  }
  EXPECT_GT(matched, 10'000);
}

}  // namespace
}  // namespace ithaca
