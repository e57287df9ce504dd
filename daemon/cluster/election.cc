#include "daemon/cluster/election.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ithaca::cluster {
namespace {

constexpr Millis kNever = std::numeric_limits<Millis>::max();

}  // namespace

bool operator==(const Holder& a, const Holder& b) {
  return a.node == b.node && a.address == b.address &&
         a.incarnation == b.incarnation;
}

Election::Election(Options options, Millis now)
    : options_(std::move(options)),
      quiet_since_(now),
      hold_back_ms_(options_.hold_back_ms),
      why_("the store has not been read yet") {}

bool Election::Mine() const {
  return holder_.has_value() && *holder_ == options_.self;
}

// ---- events

void Election::SignOfLife(Millis now) {
  quiet_since_ = now;
  alive_at_ = now;
}

void Election::Learn(const std::optional<Holder>& holder, int64_t revision,
                     Millis now) {
  const bool signed_anew = holder.has_value() && revision != revision_;
  if (!holder.has_value() && holder_.has_value()) quiet_since_ = now;
  holder_ = holder;
  revision_ = std::max(revision_, revision);
  if (!holder_.has_value() || Mine()) return;
  last_other_ = holder_;
  if (signed_anew) SignOfLife(now);
}

void Election::RecordSeen(const std::optional<Holder>& holder, int64_t revision,
                          Millis now) {
  if (revision <= revision_) return;
  Learn(holder, revision, now);
}

void Election::RecordRead(const std::optional<Holder>& holder, int64_t revision,
                          Millis now) {
  must_read_ = false;
  if (holder.has_value() && revision < revision_) return;
  Learn(holder, revision, now);
}

void Election::Written(int64_t revision, Millis sent_at, Millis now) {
  holder_ = options_.self;
  revision_ = std::max(revision_, revision);
  answer_until_ = sent_at + options_.answer_ms;
  sign_at_ = sent_at + options_.sign_every_ms;
  quiet_since_ = now;
}

void Election::NotWritten(Millis now) {
  must_read_ = true;
  read_at_ = now;
}

void Election::StoreFailed(const std::string& why, Millis now) {
  must_read_ = true;
  read_at_ = now + options_.retry_ms;
  // Nobody's signatures could have been seen.
  quiet_since_ = now;
  if (!coordinating_) why_ = absl::StrCat("the store does not answer: ", why);
}

void Election::LeaseChanged(bool held, Millis) { lease_ = held; }

void Election::CoordinatorHeard(uint64_t incarnation, Millis now) {
  if (!holder_.has_value() || Mine()) return;
  if (holder_->incarnation == incarnation) SignOfLife(now);
}

void Election::Reports(size_t reporting, size_t live, Millis now) {
  const bool heard = live < 2 || 2 * (1 + reporting) >= 1 + live;
  if (heard) {
    unheard_since_.reset();
    if (live > 0) hold_back_ms_ = options_.hold_back_ms;
  } else if (!unheard_since_.has_value()) {
    unheard_since_ = now;
  }
}

void Election::CoordinatingEnded(const std::string& why, Millis) {
  if (coordinating_) ended_ = why;
}

void Election::Retire() { retired_ = true; }

// ---- steps

Step Election::WaitUntil(Millis until) const {
  Step step;
  step.until = until;
  step.why = why_;
  return step;
}

Step Election::Read(Millis now) {
  if (now < read_at_) return WaitUntil(read_at_);
  Step step;
  step.kind = Step::Kind::kRead;
  return step;
}

Step Election::Take(int64_t revision, std::string why) {
  Step step;
  step.kind = Step::Kind::kTake;
  step.revision = revision;
  step.why = why_ = std::move(why);
  return step;
}

Step Election::StandDown(bool release, std::string why, Millis now) {
  Step step;
  step.kind = Step::Kind::kStandDown;
  step.revision = revision_;
  step.release = release && Mine();
  step.why = why_ = std::move(why);
  coordinating_ = begun_ = false;
  ended_.reset();
  unheard_since_.reset();
  answer_until_ = 0;
  quiet_since_ = now;
  // The record may be ours still: under a lease that is lost, or not released.
  must_read_ = true;
  read_at_ = now;
  hold_back_until_ = std::max(hold_back_until_, now + options_.retry_ms);
  return step;
}

void Election::HoldBack(Millis now) {
  hold_back_until_ = now + hold_back_ms_;
  hold_back_ms_ = std::min(2 * hold_back_ms_, options_.max_hold_back_ms);
}

void Election::NoticeOwnPause(Millis now) {
  if (last_next_.has_value() && now - *last_next_ > options_.pause_ms)
    quiet_since_ = now;
  last_next_ = now;
}

Step Election::Next(Millis now) {
  NoticeOwnPause(now);
  return coordinating_ ? NextAsCoordinator(now) : NextAsFollower(now);
}

Step Election::NextAsCoordinator(Millis now) {
  if (retired_) return StandDown(true, "the daemon stops", now);
  if (ended_.has_value()) return StandDown(true, *ended_, now);
  if (!lease_) return StandDown(false, "its lease in the store ran out", now);
  if (!holder_.has_value())
    return StandDown(false, "its record in the store is gone", now);
  if (!Mine())
    return StandDown(false, absl::StrCat(holder_->node, " took over"), now);
  if (unheard_since_.has_value() &&
      now - *unheard_since_ >= options_.resign_ms) {
    HoldBack(now);
    return StandDown(true,
                     absl::StrCat("most daemons reach the store but not this "
                                  "one; it holds back for ",
                                  hold_back_until_ - now, " ms"),
                     now);
  }
  if (must_read_) return Read(now);
  Step step;
  if (!begun_) {
    begun_ = true;
    step.kind = Step::Kind::kCoordinate;
    step.revision = revision_;
    step.why = why_;
    return step;
  }
  if (now < sign_at_) return WaitUntil(sign_at_);
  step.kind = Step::Kind::kSign;
  step.revision = revision_;
  return step;
}

Step Election::NextAsFollower(Millis now) {
  if (retired_) return WaitUntil(kNever);
  if (must_read_) return Read(now);
  if (!lease_) {
    why_ = "the store has given it no lease";
    return WaitUntil(kNever);
  }
  if (Mine()) {
    // What it wrote last was written after all, or not deleted.
    if (now < hold_back_until_) return WaitUntil(hold_back_until_);
    coordinating_ = true;
    return NextAsCoordinator(now);
  }
  const Millis silent_ms = now - quiet_since_;
  const Millis limit_ms = options_.takeover_ms + options_.jitter_ms;
  // Who holds back lets the others go first, but does not leave the place
  // empty.
  const Millis held = std::min(hold_back_until_, quiet_since_ + 2 * limit_ms);
  if (!holder_.has_value()) {
    if (now < held) return WaitUntil(held);
    return Take(0, "nobody coordinated");
  }
  if (holder_->node == options_.self.node &&
      holder_->address == options_.self.address) {
    return Take(revision_, "an earlier life of this daemon coordinated");
  }
  why_ = absl::StrCat(holder_->node, " coordinates");
  if (now < hold_back_until_) return WaitUntil(hold_back_until_);
  if (silent_ms < limit_ms) return WaitUntil(quiet_since_ + limit_ms);
  return Take(revision_,
              absl::StrCat(holder_->node, " neither answered nor signed for ",
                           silent_ms, " ms"));
}

Place Election::place() const {
  Place place;
  place.why = why_;
  if (coordinating_ && begun_ && !ended_.has_value()) {
    place.kind = Place::Kind::kHere;
  } else if (holder_.has_value() && !Mine()) {
    place.kind = Place::Kind::kThere;
  } else {
    return place;
  }
  place.node = holder_->node;
  place.address = holder_->address;
  place.incarnation = holder_->incarnation;
  return place;
}

}  // namespace ithaca::cluster
