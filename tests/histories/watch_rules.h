// What every watch must hold, checked over what watchers wrote down.
//
// The rules have the names of etcd's guarantees:
//   ordered     positions never go down, and never back in time after a resume
//   unique      no event comes twice
//   reliable    no event between two that a watcher was told is left out
//   atomic      what happened under one position comes in one message
//   resumable   after a broken stream the next event comes, as if it had not
//               broken
//   bookmarkable  a bookmark is the truth: everything up to it was told, and
//               nothing up to it follows
//   agreed      two watchers are told the same of one position
// A position is a revision of a store, or the number of a group's event.
//
// Used by the tests of this folder. Threads: pure functions over values.
#ifndef ITHACA_TESTS_HISTORIES_WATCH_RULES_H_
#define ITHACA_TESTS_HISTORIES_WATCH_RULES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace ithaca::histories {

struct WatchEvent {
  int64_t position = 0;
  // What it is about, and what happened to it; both as text without line ends.
  std::string key;
  std::string content;
};

// A message that a watcher got, or what it did.
struct WatchItem {
  enum class Kind {
    // The watch begins, or begins again, after `position`. 0: with a kWhole.
    kStart,
    kEvents,
    // Everything up to `position` was told.
    kBookmark,
    // The whole as it was at `position`, in `content`, in place of the events
    // up
    // to it (but the newest of them may come along).
    kWhole,
  };
  Kind kind = Kind::kEvents;
  int64_t position = 0;
  std::string content;
  std::vector<WatchEvent> events;
};

struct WatchLog {
  std::string watcher;
  std::vector<WatchItem> items;
};

// One text for each violation, which names the rule, the watcher, the message
// and what was expected; empty: none. `also_true` are events that happened
// without a doubt, whoever was told. `numbered`: events are numbered 1, 2, ...,
// so that one is missing even when nobody was told.
std::vector<std::string> CheckWatches(const std::vector<WatchLog>& logs,
                                      const std::vector<WatchEvent>& also_true,
                                      bool numbered);

}  // namespace ithaca::histories

#endif  // ITHACA_TESTS_HISTORIES_WATCH_RULES_H_
