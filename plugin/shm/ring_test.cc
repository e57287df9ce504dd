#include "plugin/shm/ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace ithaca {
namespace {

constexpr uint32_t kRingBytes = 4096;

// Both ends use one mapping here, so that ThreadSanitizer sees them meet.
struct Memory {
  alignas(kShmLine) ChannelHead head = {};
  alignas(kShmLine) uint8_t ring[kRingBytes] = {};
  Channel channel() { return {&head, ring, kRingBytes}; }
};

Record RecordOf(uint32_t bytes) {
  Record record = {};
  record.kind = RecordKind::kMore;
  record.bytes = bytes;
  return record;
}

TEST(Ring, EmptyUntilWrittenAndInOrder) {
  auto memory = std::make_unique<Memory>();
  RingWriter writer(memory->channel());
  RingReader reader(memory->channel());
  Record record;
  const uint8_t* payload = nullptr;
  EXPECT_FALSE(reader.Next(&record, &payload).value());
  for (uint8_t i = 0; i < 5; ++i) {
    ASSERT_EQ(writer.Room(1), 1);
    writer.Write(RecordOf(1), &i);
  }
  for (uint8_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(reader.Next(&record, &payload).value());
    EXPECT_EQ(record.bytes, 1);
    EXPECT_EQ(*payload, i);
    reader.Pop();
  }
  EXPECT_FALSE(reader.Next(&record, &payload).value());
}

TEST(Ring, WhatIsSmallCostsOneLine) {
  auto memory = std::make_unique<Memory>();
  RingWriter writer(memory->channel());
  for (uint32_t i = 0; i < kRingBytes / kShmLine; ++i) {
    ASSERT_EQ(writer.Room(8), 8) << i;
    writer.Write(RecordOf(8), "8 bytes");
  }
  EXPECT_EQ(writer.Room(0), -1);
}

TEST(Ring, AFullRingWakesItsWriterOnceThereIsRoom) {
  auto memory = std::make_unique<Memory>();
  RingWriter writer(memory->channel());
  RingReader reader(memory->channel());
  const std::vector<uint8_t> data(kRingBytes);
  ASSERT_EQ(writer.Room(kRingBytes), kRingBytes - kShmLine);
  writer.Write(RecordOf(kRingBytes - kShmLine), data.data());
  EXPECT_EQ(writer.WaitForRoom(0), -1);
  Record record;
  const uint8_t* payload = nullptr;
  ASSERT_TRUE(reader.Next(&record, &payload).value());
  EXPECT_FALSE(reader.Publish());
  EXPECT_EQ(writer.Room(0), -1) << "the record is still in use";
  EXPECT_EQ(writer.WaitForRoom(0), -1);
  reader.Pop();
  EXPECT_TRUE(reader.Publish());
  EXPECT_FALSE(reader.Publish());
  EXPECT_EQ(writer.Room(8), 8);
}

TEST(Ring, CountersThatMakeNoSenseAreErrors) {
  for (const uint64_t written : {uint64_t{1}, uint64_t{kRingBytes} + kShmLine,
                                 ~uint64_t{0}, ~uint64_t{0} - 63}) {
    auto memory = std::make_unique<Memory>();
    memory->head.written = written;
    RingReader reader(memory->channel());
    Record record;
    const uint8_t* payload = nullptr;
    EXPECT_EQ(reader.Next(&record, &payload).status().code(), Code::kDataLoss)
        << written;
  }
  const std::vector<uint8_t> data(kRingBytes);
  for (const uint64_t read :
       {uint64_t{1}, uint64_t{kRingBytes} + kShmLine, ~uint64_t{0}}) {
    auto memory = std::make_unique<Memory>();
    RingWriter writer(memory->channel());
    const int64_t room = writer.Room(kRingBytes);
    writer.Write(RecordOf(room), data.data());
    memory->head.read = read;
    EXPECT_EQ(writer.WaitForRoom(0), -1);
    EXPECT_EQ(writer.error().code(), Code::kDataLoss) << read;
  }
}

TEST(Ring, ARecordLongerThanWhatStandsThereIsAnError) {
  auto memory = std::make_unique<Memory>();
  RingWriter writer(memory->channel());
  ASSERT_EQ(writer.Room(8), 8);
  writer.Write(RecordOf(8), "8 bytes");
  for (const uint32_t bytes : {25u, 4096u, ~0u}) {
    const Record bad = RecordOf(bytes);
    memcpy(memory->ring, &bad, kRecordHeadBytes);
    RingReader reader(memory->channel());
    Record record;
    const uint8_t* payload = nullptr;
    EXPECT_EQ(reader.Next(&record, &payload).status().code(), Code::kDataLoss)
        << bytes;
  }
}

// A stream of bytes cut into records of random sizes, between two threads that
// also use what tells the writer to go on.
TEST(Ring, CarriesEveryByteBetweenThreads) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  constexpr uint32_t kTotal = 8 << 20;
  auto memory = std::make_unique<Memory>();
  std::thread sender([&] {
    std::mt19937 random(seed);
    RingWriter writer(memory->channel());
    std::vector<uint8_t> data(kRingBytes);
    for (uint32_t sent = 0; sent < kTotal;) {
      const uint32_t wanted = std::min<uint32_t>(
          random() % (random() % 8 == 0 ? 3000 : 60), kTotal - sent);
      int64_t room = writer.Room(wanted);
      if (room < 0) room = writer.WaitForRoom(wanted);
      while (room < 0) {
        // Asleep until the reader's wake-up, which must not be lost.
        while (memory->head.wake_at.load() != 0) std::this_thread::yield();
        room = writer.WaitForRoom(wanted);
      }
      for (int64_t i = 0; i < room; ++i) data[i] = (sent + i) * 131 >> 3;
      writer.Write(RecordOf(room), data.data());
      sent += room;
    }
  });
  RingReader reader(memory->channel());
  uint32_t wrong = 0;
  for (uint32_t got = 0; got < kTotal;) {
    Record record;
    const uint8_t* payload = nullptr;
    const StatusOr<bool> next = reader.Next(&record, &payload);
    ASSERT_TRUE(next.ok()) << next.status().ToString();
    if (!*next) {
      reader.Publish();
      std::this_thread::yield();
      continue;
    }
    for (uint32_t i = 0; i < record.bytes; ++i)
      wrong += payload[i] != static_cast<uint8_t>((got + i) * 131 >> 3);
    got += record.bytes;
    reader.Pop();
  }
  reader.Publish();
  sender.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace ithaca
