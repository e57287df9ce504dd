// Who coordinates, as one daemon decides it: a state machine over one record in
// the store.
//
// The record names the coordinator, lies under a lease of its daemon, and is
// signed anew every `sign_every_ms`. A daemon takes the record when it is not
// there; when it names an earlier life of itself; or when the coordinator has
// given no sign of life for `takeover_ms`: neither an answer to a heartbeat nor
// a signature. So a daemon that is merely cut off from a coordinator that works
// for others leaves it alone. Every write compares the record's revision.
//
// What makes two coordinators harmless is not this record but the engine's
// claim of the store (group_engine.h). The record's part is that an older
// coordinator has stopped answering from memory before a newer one can begin:
// it answers until `answer_ms` after it sent the last signature that was
// written, and takeover_ms, counted from when others saw that signature, is
// longer.
//
// A coordinator resigns, and holds back for a while, when most of the daemons
// that reach the store do not reach it.
//
// Pure: events and time in, steps and reasons out; no clock, no I/O, no locks.
// The caller does each step and reports how it went before it asks for the
// next. Used by Coordinator. Threads: confined to the caller's.
#ifndef ITHACA_DAEMON_CLUSTER_ELECTION_H_
#define ITHACA_DAEMON_CLUSTER_ELECTION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/cluster/liveness.h"
#include "daemon/cluster/place.h"

namespace ithaca::cluster {

// Whom the record names.
struct Holder {
  std::string node;
  std::string address;
  uint64_t incarnation = 0;
};
bool operator==(const Holder& a, const Holder& b);

// What the caller is to do next.
struct Step {
  enum class Kind {
    // Nothing until `until`, or the next event.
    kWait,
    // Read the record, and report it with RecordRead (or StoreFailed).
    kRead,
    // Write the record, naming this daemon, if its revision is `revision` (0:
    // if it is not there), and report with Written, NotWritten or StoreFailed.
    kTake,
    // The same, for a record that is this daemon's already.
    kSign,
    // Begin to coordinate. Report with CoordinatingEnded if that fails, or
    // whenever it ends by itself.
    kCoordinate,
    // Cease to coordinate; then, if `release`, delete the record if its
    // revision
    // is `revision`.
    kStandDown,
  };
  Kind kind = Kind::kWait;
  Millis until = 0;
  int64_t revision = 0;
  bool release = false;
  // A sentence, for people.
  std::string why;
};

class Election {
 public:
  struct Options {
    Holder self;
    Millis takeover_ms = 1500;
    Millis sign_every_ms = 400;
    Millis answer_ms = 1100;
    // Added to takeover_ms: not the same for all daemons, so that they do not
    // all write at once.
    Millis jitter_ms = 0;
    // Between two attempts at a store that fails.
    Millis retry_ms = 200;
    // How long most daemons must have been unheard before it resigns.
    Millis resign_ms = 5000;
    // How long it holds back after that: the first time, and at most (doubled
    // each time).
    Millis hold_back_ms = 10'000;
    Millis max_hold_back_ms = 300'000;
    // Between two calls of Next that are further apart, this process was
    // stopped.
    Millis pause_ms = 300;
  };

  Election(Options options, Millis now);

  // The watch says that the record is now this (nothing: it was deleted), by
  // the transaction of that revision.
  void RecordSeen(const std::optional<Holder>& holder, int64_t revision,
                  Millis now);
  // A read, begun after everything reported before, gave this.
  void RecordRead(const std::optional<Holder>& holder, int64_t revision,
                  Millis now);
  // kTake or kSign, sent at `sent_at`, made this revision.
  void Written(int64_t revision, Millis sent_at, Millis now);
  // It was refused: the record has another revision.
  void NotWritten(Millis now);
  // The store did not answer: what was sent may have been done or not.
  void StoreFailed(const std::string& why, Millis now);
  // Whether this daemon has a lease to write under.
  void LeaseChanged(bool held, Millis now);
  // This life of the coordinator answered a heartbeat.
  void CoordinatorHeard(uint64_t incarnation, Millis now);
  // Of `live` other daemons that reach the store, `reporting` report to this
  // one. Only while it coordinates.
  void Reports(size_t reporting, size_t live, Millis now);
  // Coordinating ended, or could not begin: the claim went to another engine,
  // or the store failed.
  void CoordinatingEnded(const std::string& why, Millis now);
  // The daemon stops: never take the record again, and release it.
  void Retire();

  Step Next(Millis now);

  // Where calls go, now.
  Place place() const;
  // Until when it may answer from memory; 0: not at all.
  Millis answer_until() const { return coordinating_ ? answer_until_ : 0; }
  // When the present, or last, coordinator gave its last sign of life; nothing:
  // it never did.
  std::optional<Millis> coordinator_alive_at() const { return alive_at_; }
  // Whom the record named last, other than this daemon.
  const std::optional<Holder>& last_other() const { return last_other_; }

 private:
  void Learn(const std::optional<Holder>& holder, int64_t revision, Millis now);
  void SignOfLife(Millis now);
  void NoticeOwnPause(Millis now);
  Step NextAsCoordinator(Millis now);
  Step NextAsFollower(Millis now);
  Step Read(Millis now);
  Step Take(int64_t revision, std::string why);
  Step StandDown(bool release, std::string why, Millis now);
  Step WaitUntil(Millis until) const;
  void HoldBack(Millis now);
  bool Mine() const;

  const Options options_;
  // The record as known. `revision_` is that of the newest transaction that is
  // known to have written or deleted it.
  std::optional<Holder> holder_;
  int64_t revision_ = 0;
  std::optional<Holder> last_other_;
  // It may have changed without us knowing how.
  bool must_read_ = true;
  Millis read_at_ = 0;
  bool lease_ = false;
  bool retired_ = false;

  bool coordinating_ = false;
  bool begun_ = false;
  std::optional<std::string> ended_;
  Millis answer_until_ = 0;
  Millis sign_at_ = 0;
  std::optional<Millis> unheard_since_;

  // Since when the coordinator gave no sign of life, or nobody coordinates, as
  // far as we could have noticed.
  Millis quiet_since_ = 0;
  std::optional<Millis> alive_at_;
  Millis hold_back_until_ = 0;
  Millis hold_back_ms_ = 0;
  std::optional<Millis> last_next_;
  std::string why_;
};

}  // namespace ithaca::cluster

#endif  // ITHACA_DAEMON_CLUSTER_ELECTION_H_
