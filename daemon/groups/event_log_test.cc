#include "daemon/groups/event_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "ithaca/groups/v1/groups.pb.h"

namespace ithaca::groups {
namespace {

Event Make(uint64_t sequence, EventType type, const std::string& member = "m") {
  Event event;
  event.sequence = sequence;
  event.type = type;
  event.epoch = 1;
  event.member.emplace();
  event.member->id = member;
  return event;
}

v1::JoinGroupResponse Parse(const std::vector<grpc::Slice>& slices) {
  std::string bytes;
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  v1::JoinGroupResponse message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  EXPECT_FALSE(message.has_group());
  EXPECT_FALSE(message.has_joined());
  return message;
}

// Everything that the reader is given, one number per event.
std::vector<uint64_t> TakeAll(const EventLog& log, EventLog::Reader* reader,
                              size_t max_bytes = 1 << 20) {
  std::vector<uint64_t> numbers;
  std::vector<grpc::Slice> slices;
  while (log.Take(reader, max_bytes, &slices)) {
    const v1::JoinGroupResponse message = Parse(slices);
    for (const v1::GroupEvent& event : message.events())
      numbers.push_back(event.sequence());
    slices.clear();
  }
  EXPECT_TRUE(slices.empty());
  return numbers;
}

TEST(EventLog, GivesWhatTheReaderDoesNotKnow) {
  EventLog log;
  for (uint64_t i = 1; i <= 5; ++i) log.Append(Make(i, EventType::kJoined));
  EventLog::Reader fresh;
  EXPECT_EQ(TakeAll(log, &fresh), (std::vector<uint64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(fresh.sequence, 5u);
  EventLog::Reader knows;
  knows.sequence = 3;
  EXPECT_EQ(TakeAll(log, &knows), (std::vector<uint64_t>{4, 5}));
  // A reader that is ahead of the log skips what comes by its number.
  EventLog::Reader ahead;
  ahead.position = log.end();
  ahead.sequence = 7;
  log.Append(Make(6, EventType::kJoined));
  log.Append(Make(7, EventType::kComplete));
  EXPECT_EQ(TakeAll(log, &ahead), (std::vector<uint64_t>{}));
  log.Append(Make(8, EventType::kLost));
  EXPECT_EQ(TakeAll(log, &ahead), (std::vector<uint64_t>{8}));
}

TEST(EventLog, AdvisoryEventsAreGivenWhateverTheReaderKnows) {
  EventLog log;
  log.Append(Make(1, EventType::kJoined));
  log.Append(Make(0, EventType::kSuspect));
  EventLog::Reader reader;
  reader.sequence = 1;
  EXPECT_EQ(TakeAll(log, &reader), (std::vector<uint64_t>{0}));
  EXPECT_EQ(log.After(0), 0u);
  EXPECT_EQ(log.After(1), 1u);
  EXPECT_EQ(log.After(2), 2u);
}

TEST(EventLog, QuietReadersHearOfEpochsAndEndsOnly) {
  EventLog log;
  log.Append(Make(1, EventType::kJoined));
  log.Append(Make(2, EventType::kLost));
  log.Append(Make(3, EventType::kJoined));
  log.Append(Make(4, EventType::kResumed));
  log.Append(Make(5, EventType::kLeft));
  log.Append(Make(6, EventType::kComplete));
  log.Append(Make(7, EventType::kDeleted));
  EventLog::Reader quiet;
  quiet.quiet = true;
  EXPECT_EQ(TakeAll(log, &quiet), (std::vector<uint64_t>{2, 5, 7}));
  EXPECT_EQ(quiet.position, log.end());
}

TEST(EventLog, AnEventMayBeLargerThanAChunk) {
  EventLog log;
  const std::string large(100'000, 'x');
  log.Append(Make(1, EventType::kJoined));
  log.Append(Make(2, EventType::kJoined, large));
  log.Append(Make(3, EventType::kJoined));
  EventLog::Reader reader;
  std::vector<grpc::Slice> slices;
  // At least one event at a time, whatever its size.
  ASSERT_TRUE(log.Take(&reader, 1, &slices));
  EXPECT_EQ(Parse(slices).events_size(), 1);
  slices.clear();
  ASSERT_TRUE(log.Take(&reader, 1, &slices));
  EXPECT_EQ(Parse(slices).events(0).member().member_id(), large);
}

TEST(EventLog, WhatWasTakenOutlivesTheLog) {
  std::vector<grpc::Slice> slices;
  {
    EventLog log;
    for (uint64_t i = 1; i <= 1000; ++i)
      log.Append(Make(i, EventType::kJoined));
    EventLog::Reader reader;
    ASSERT_TRUE(log.Take(&reader, 1 << 20, &slices));
    log.Trim(0, log.end());
    EXPECT_EQ(log.bytes(), 0u);
  }
  EXPECT_EQ(Parse(slices).events_size(), 1000);
}

// Readers that come and go at random, against the plain list of events.
TEST(EventLog, RandomReadersSeeEachEventOnceInOrder) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    EventLog log;
    uint64_t last = 0;
    struct Model {
      EventLog::Reader reader;
      uint64_t next = 0;
    };
    std::vector<Model> readers;
    for (int step = 0; step < 400; ++step) {
      const unsigned action = random() % 8;
      if (action < 4) {
        const std::string member(random() % 200, 'y');
        log.Append(Make(++last, EventType::kJoined, member));
      } else if (action == 4) {
        log.Trim(random() % 20'000, log.end() - random() % 5 % (last + 1));
        ASSERT_LE(log.forgotten(), last);
        ASSERT_EQ(log.begin(), log.forgotten());
      } else if (action == 5) {
        const uint64_t known = last == 0 ? 0 : random() % last;
        if (known < log.forgotten()) continue;
        readers.push_back({{log.After(known), known, false}, known + 1});
      } else if (!readers.empty()) {
        Model& model = readers[random() % readers.size()];
        if (model.reader.position < log.begin()) continue;
        for (uint64_t number : TakeAll(log, &model.reader, random() % 3000))
          ASSERT_EQ(number, model.next++);
        if (model.reader.position == log.end()) continue;
        // Only because nothing may be taken at a time.
        ASSERT_LE(model.reader.sequence, last);
      }
    }
  }
}

}  // namespace
}  // namespace ithaca::groups
