#include "plugin/transport/frame_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace ithaca {
namespace {

QueuedFrame Payload(uint32_t seq, uint32_t bytes, uint32_t number) {
  static const uint8_t kByte = 0;
  QueuedFrame frame;
  frame.frame.type = FrameType::kData;
  frame.frame.seq = seq;
  frame.frame.payload_bytes = bytes;
  frame.payload = &kByte;
  frame.number = number;
  return frame;
}

TEST(FrameQueueTest, ForgetTakesOutOneMessage) {
  FrameQueue queue;
  QueuedFrame ack;
  ack.frame.seq = 7;
  queue.Push(Payload(7, 100, 0));
  queue.Push(Payload(8, 50, 1));
  queue.Push(ack);
  queue.Push(Payload(7, 10, 3));
  EXPECT_EQ(queue.Forget(7), 2 * kFrameBytes + 110);
  ASSERT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.front().frame.seq, 8u);
  queue.Pop();
  EXPECT_EQ(queue.front().frame.type, FrameType::kAck);
}

TEST(FrameQueueTest, AFrameThatWasBegunBecomesAnAbort) {
  FrameQueue queue;
  queue.Push(Payload(7, 100, 5));
  queue.front().begun = true;
  queue.front().handed_over = 30;
  EXPECT_EQ(queue.Forget(7), 70u);
  ASSERT_EQ(queue.size(), 1u);
  EXPECT_TRUE(queue.front().aborted);
  EXPECT_EQ(queue.front().payload, nullptr);
  EXPECT_EQ(queue.front().number, 5u);
  EXPECT_EQ(queue.Forget(7), 0u);  // once
  EXPECT_EQ(queue.size(), 1u);
}

TEST(FrameQueueTest, BehavesLikeADeque) {
  constexpr uint32_t kSeed = 99;
  std::mt19937 random(kSeed);
  FrameQueue queue;
  std::deque<uint32_t> model;  // message numbers
  uint32_t next = 0;
  for (int step = 0; step < 100000; ++step) {
    const uint32_t what = random() % 100;
    if (what < 52) {
      queue.Push(Payload(next % 9, 1, next));
      model.push_back(next++);
    } else if (what < 99) {
      if (model.empty()) continue;
      ASSERT_EQ(queue.front().number, model.front()) << "seed " << kSeed;
      queue.Pop();
      model.pop_front();
    } else {
      const uint32_t seq = random() % 9;
      queue.Forget(seq);
      std::deque<uint32_t> kept;
      for (const uint32_t n : model)
        if (n % 9 != seq) kept.push_back(n);
      model.swap(kept);
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(queue.empty(), model.empty());
  }
  queue.Clear();
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace ithaca
