#include "tests/histories/watch_rules.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"

namespace ithaca::histories {
namespace {

using Kind = WatchItem::Kind;

std::string Show(const WatchEvent& event) {
  return absl::StrCat("event ", event.position, " (", event.key, ": ",
                      event.content, ")");
}

// What happened, as far as anybody was told: key and content by position.
class Truth {
 public:
  void Add(const WatchEvent& event, const std::string& who,
           std::vector<std::string>* violations) {
    auto& known = events_[event.position];
    const auto [it, is_new] = known.emplace(event.key, event.content);
    if (!is_new && it->second != event.content)
      violations->push_back(absl::StrCat("agreed: ", who, " was told ",
                                         Show(event), ", others ", it->second));
  }
  void AddWhole(const WatchItem& item, const std::string& who,
                std::vector<std::string>* violations) {
    const auto [it, is_new] = wholes_.emplace(item.position, item.content);
    if (!is_new && it->second != item.content)
      violations->push_back(absl::StrCat("agreed: ", who, " was told at ",
                                         item.position, " ", item.content,
                                         ", others ", it->second));
  }

  const std::map<int64_t, std::map<std::string, std::string>>& events() const {
    return events_;
  }

 private:
  std::map<int64_t, std::map<std::string, std::string>> events_;
  std::map<int64_t, std::string> wholes_;
};

// Follows one watcher.
class Follower {
 public:
  Follower(const WatchLog& log, const Truth& truth, bool numbered,
           std::vector<std::string>* violations)
      : log_(log),
        truth_(truth),
        numbered_(numbered),
        violations_(violations) {}

  void Run() {
    for (const WatchItem& item : log_.items) {
      ++message_;
      switch (item.kind) {
        case Kind::kStart:
          Start(item);
          break;
        case Kind::kEvents:
          Events(item.events, at_);
          break;
        case Kind::kBookmark:
          Bookmark(item);
          break;
        case Kind::kWhole:
          Whole(item);
          break;
      }
    }
  }

 private:
  void Violation(const char* rule, const std::string& what) {
    violations_->push_back(absl::StrCat(rule, ": ", log_.watcher, ", message ",
                                        message_, ": ", what));
  }

  // A watcher that asks for what it was told already is wrong itself.
  void Start(const WatchItem& item) {
    if (started_ && item.position != 0 && item.position != at_)
      Violation("resumable", absl::StrCat("asked for events after ",
                                          item.position, ", was at ", at_));
    // The whole comes next.
    whole_due_ = item.position == 0;
    if (!started_) at_ = item.position;
    started_ = true;
  }

  void Whole(const WatchItem& item) {
    if (item.position < at_)
      Violation("ordered", absl::StrCat("the whole as of ", item.position,
                                        " after ", at_));
    whole_due_ = false;
    if (!item.events.empty()) {
      // The newest come along: nothing may be missing among them.
      const int64_t first = item.events.front().position;
      Events(item.events, std::max(at_, first - 1));
    }
    at_ = std::max(at_, item.position);
  }

  void Bookmark(const WatchItem& item) {
    if (item.position < at_)
      Violation("ordered",
                absl::StrCat("bookmark ", item.position, " after ", at_));
    if (whole_due_) {
      // A watch without a past begins here.
      whole_due_ = false;
    } else {
      ExpectNothingBetween(at_, item.position + 1, "bookmarkable");
    }
    at_ = std::max(at_, item.position);
  }

  // Events of a message that goes on from `from`.
  void Events(const std::vector<WatchEvent>& events, int64_t from) {
    if (whole_due_ && !events.empty())
      Violation("resumable", "events before the whole");
    for (size_t i = 0; i < events.size();) {
      size_t end = i;
      while (end < events.size() && events[end].position == events[i].position)
        ++end;
      Position({events.begin() + i, events.begin() + end}, from);
      from = std::max(from, events[i].position);
      i = end;
    }
    at_ = std::max(at_, from);
  }

  // Everything of one position.
  void Position(const std::vector<WatchEvent>& events, int64_t from) {
    const WatchEvent& event = events.front();
    if (event.position <= from) {
      const bool again = told_.count({event.position, event.key}) != 0;
      Violation(again ? "unique" : "ordered",
                absl::StrCat(Show(event), " after ", from));
      return;
    }
    ExpectNothingBetween(from, event.position, "reliable");
    std::set<std::string> keys;
    for (const WatchEvent& one : events) {
      told_.insert({one.position, one.key});
      if (!keys.insert(one.key).second) Violation("unique", Show(one));
    }
    const auto whole = truth_.events().find(event.position);
    for (const auto& [key, content] : whole->second) {
      if (keys.count(key) == 0)
        Violation("atomic",
                  absl::StrCat(Show({event.position, key, content}),
                               " is not in the message of ", Show(event)));
    }
  }

  // Nothing happened after `from` and before `to`.
  void ExpectNothingBetween(int64_t from, int64_t to, const char* rule) {
    if (numbered_ && to != from + 1)
      Violation(rule, absl::StrCat("events ", from + 1, " to ", to - 1,
                                   " were not told"));
    for (auto it = truth_.events().upper_bound(from);
         it != truth_.events().end() && it->first < to; ++it) {
      const auto& [key, content] = *it->second.begin();
      Violation(rule, absl::StrCat(Show({it->first, key, content}),
                                   " was not told before ", to));
    }
  }

  const WatchLog& log_;
  const Truth& truth_;
  const bool numbered_;
  std::vector<std::string>* const violations_;
  size_t message_ = 0;
  bool started_ = false;
  bool whole_due_ = false;
  // Everything up to here was told.
  int64_t at_ = 0;
  std::set<std::pair<int64_t, std::string>> told_;
};

}  // namespace

std::vector<std::string> CheckWatches(const std::vector<WatchLog>& logs,
                                      const std::vector<WatchEvent>& also_true,
                                      bool numbered) {
  std::vector<std::string> violations;
  Truth truth;
  for (const WatchEvent& event : also_true)
    truth.Add(event, "the writer", &violations);
  for (const WatchLog& log : logs) {
    for (const WatchItem& item : log.items) {
      for (const WatchEvent& event : item.events)
        truth.Add(event, log.watcher, &violations);
      if (item.kind == Kind::kWhole)
        truth.AddWhole(item, log.watcher, &violations);
    }
  }
  for (const WatchLog& log : logs)
    Follower(log, truth, numbered, &violations).Run();
  return violations;
}

}  // namespace ithaca::histories
