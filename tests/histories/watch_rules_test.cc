// Each rule of watches: a log that breaks it is found; those that hold pass.
#include "tests/histories/watch_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace ithaca::histories {
namespace {

using Kind = WatchItem::Kind;

WatchItem Start(int64_t after) { return {Kind::kStart, after, "", {}}; }
WatchItem Bookmark(int64_t at) { return {Kind::kBookmark, at, "", {}}; }
WatchItem Whole(int64_t at, const std::string& content,
                std::vector<WatchEvent> events = {}) {
  return {Kind::kWhole, at, content, std::move(events)};
}
WatchItem Events(std::vector<WatchEvent> events) {
  return {Kind::kEvents, 0, "", std::move(events)};
}
WatchEvent Put(int64_t at, const std::string& key = "a") {
  return {at, key, key + std::to_string(at)};
}

std::vector<std::string> Check(const std::vector<WatchItem>& items,
                               bool numbered,
                               const std::vector<WatchEvent>& also_true = {}) {
  return CheckWatches({{"w", items}}, also_true, numbered);
}

// One fault may break several rules; this one is among them.
void ExpectRule(const std::vector<std::string>& violations,
                const std::string& rule) {
  EXPECT_THAT(violations, testing::Contains(testing::StartsWith(rule + ": ")));
}

TEST(WatchRulesTest, ValidWatchPasses) {
  EXPECT_EQ(Check({Start(0), Whole(3, "x"), Events({Put(4), Put(5)}),
                   Bookmark(5), Start(5), Events({Put(6)}), Start(0),
                   Whole(9, "y", {Put(8), Put(9)}), Events({Put(10)})},
                  true),
            std::vector<std::string>());
  // Revisions of a store are not dense.
  EXPECT_EQ(Check({Start(3), Events({Put(5, "a"), Put(5, "b"), Put(9)}),
                   Bookmark(12), Start(12), Events({Put(20)})},
                  false),
            std::vector<std::string>());
}

TEST(WatchRulesTest, Ordered) {
  ExpectRule(Check({Start(3), Events({Put(5), Put(4)})}, false), "ordered");
  ExpectRule(
      Check({Start(3), Events({Put(5)}), Start(5), Events({Put(4)})}, false),
      "ordered");
  ExpectRule(Check({Start(3), Bookmark(5), Whole(4, "x")}, false), "ordered");
}

TEST(WatchRulesTest, Unique) {
  ExpectRule(Check({Start(3), Events({Put(4)}), Events({Put(4)})}, true),
             "unique");
  ExpectRule(Check({Start(3), Events({Put(4), Put(4)})}, false), "unique");
}

TEST(WatchRulesTest, Reliable) {
  ExpectRule(Check({Start(3), Events({Put(4), Put(6)})}, true), "reliable");
  // Where numbers have gaps of their own, others were told, or it was written.
  const WatchLog gap{"w", {Start(3), Events({Put(4), Put(6)})}};
  const WatchLog all{"v", {Start(3), Events({Put(4), Put(5), Put(6)})}};
  EXPECT_EQ(CheckWatches({gap}, {}, false), std::vector<std::string>());
  ExpectRule(CheckWatches({gap, all}, {}, false), "reliable");
  ExpectRule(CheckWatches({gap}, {Put(5)}, false), "reliable");
}

TEST(WatchRulesTest, Atomic) {
  ExpectRule(
      Check({Start(3), Events({Put(4, "a")}), Events({Put(4, "b")})}, false),
      "atomic");
  ExpectRule(Check({Start(3), Events({Put(4, "a")})}, false, {Put(4, "b")}),
             "atomic");
}

TEST(WatchRulesTest, Resumable) {
  ExpectRule(
      Check({Start(3), Events({Put(4)}), Start(4), Events({Put(6)})}, true),
      "reliable");
  ExpectRule(
      Check({Start(3), Events({Put(4)}), Start(3), Events({Put(5)})}, true),
      "resumable");
  ExpectRule(Check({Start(0), Events({Put(4)})}, true), "resumable");
}

TEST(WatchRulesTest, Bookmarkable) {
  ExpectRule(Check({Start(3), Bookmark(5)}, false, {Put(5)}), "bookmarkable");
  ExpectRule(Check({Start(3), Events({Put(4)}), Bookmark(6)}, true),
             "bookmarkable");
  ExpectRule(Check({Start(3), Bookmark(5), Events({Put(5)})}, false),
             "bookmarkable");
}

TEST(WatchRulesTest, Agreed) {
  const WatchLog one{"w", {Start(3), Events({{4, "a", "x"}})}};
  const WatchLog other{"v", {Start(3), Events({{4, "a", "y"}})}};
  ExpectRule(CheckWatches({one, other}, {}, true), "agreed");
  const WatchLog whole{"w", {Start(0), Whole(4, "x")}};
  const WatchLog another{"v", {Start(0), Whole(4, "y")}};
  ExpectRule(CheckWatches({whole, another}, {}, true), "agreed");
}

// Logs of random messages over one truth pass; without one event, or with two
// changed places, they do not.
class RandomWatch {
 public:
  explicit RandomWatch(uint64_t seed) : random_(seed) {}

  std::vector<WatchItem> Make(int count) {
    std::vector<WatchItem> items = {Start(10)};
    for (int64_t at = 11; at < 11 + count;) {
      WatchItem item = Events({});
      for (int64_t i = Below(4); i >= 0 && at < 11 + count; --i)
        item.events.push_back(Put(at++));
      items.push_back(std::move(item));
      if (Below(4) == 0) items.push_back(Bookmark(at - 1));
      if (Below(4) == 0) items.push_back(Start(at - 1));
    }
    return items;
  }
  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }

 private:
  std::mt19937_64 random_;
};

TEST(RandomTest, ValidPassAndMutationsAreFound) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  for (int round = 0; round < 200; ++round) {
    RandomWatch random(seed + round);
    std::vector<WatchItem> items = random.Make(40);
    ASSERT_EQ(Check(items, true), std::vector<std::string>());
    std::vector<size_t> told;
    // Not the last one: that nothing more was told is no fault.
    for (size_t i = 0; i + 1 < items.size(); ++i) {
      if (items[i].kind == Kind::kEvents) told.push_back(i);
    }
    const size_t victim = told[random.Below(told.size())];
    if (victim + 2 >= items.size()) continue;
    auto& events = items[victim].events;
    if (random.Below(2) == 0) {
      events.erase(events.begin() + random.Below(events.size()));
    } else {
      events.push_back(events[random.Below(events.size())]);
    }
    bool more = false;
    for (size_t i = victim + 1; i < items.size(); ++i)
      more = more || items[i].kind != Kind::kStart;
    if (more) EXPECT_FALSE(Check(items, true).empty());
  }
}

}  // namespace
}  // namespace ithaca::histories
