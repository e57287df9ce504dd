#include "daemon/cluster/election.h"

#include <gtest/gtest.h>

#include <string>

namespace ithaca::cluster {
namespace {

const Holder kA{"a", "10.0.0.1:1", 5};
const Holder kB{"b", "10.0.0.2:1", 6};

Election::Options OptionsOf(const Holder& self) {
  Election::Options options;
  options.self = self;
  return options;
}

class ElectionTest : public testing::Test {
 protected:
  // Asks until something other than a pause is to be done, or `until`.
  Step StepBefore(Millis until) {
    Step step = election_.Next(now_);
    while (step.kind == Step::Kind::kWait && now_ < until) {
      now_ += 10;
      step = election_.Next(now_);
    }
    return step;
  }
  void ExpectStep(Step::Kind kind, Millis within = 0) {
    const Step step = StepBefore(now_ + within);
    ASSERT_EQ(step.kind, kind) << step.why;
    last_ = step;
  }
  // A follower of b, which signed at revision 3.
  void Follow() {
    election_.LeaseChanged(true, now_);
    ExpectStep(Step::Kind::kRead);
    election_.RecordRead(kB, 3, now_);
    ExpectStep(Step::Kind::kWait);
    EXPECT_EQ(election_.place().kind, Place::Kind::kThere);
    EXPECT_EQ(election_.place().address, kB.address);
  }
  void Coordinate() {
    election_.LeaseChanged(true, now_);
    ExpectStep(Step::Kind::kRead);
    election_.RecordRead(std::nullopt, 0, now_);
    ExpectStep(Step::Kind::kTake);
    EXPECT_EQ(last_.revision, 0);
    election_.Written(10, now_, now_);
    ExpectStep(Step::Kind::kCoordinate);
    EXPECT_EQ(last_.revision, 10);
    EXPECT_EQ(election_.place().kind, Place::Kind::kHere);
  }

  Millis now_ = 1000;
  Election election_{OptionsOf(kA), 1000};
  Step last_;
};

TEST_F(ElectionTest, TakesWhatNobodyHas) { Coordinate(); }

TEST_F(ElectionTest, TakesNothingWithoutALease) {
  ExpectStep(Step::Kind::kRead);
  election_.RecordRead(std::nullopt, 0, now_);
  ExpectStep(Step::Kind::kWait, 10'000);
  EXPECT_EQ(election_.place().kind, Place::Kind::kNowhere);
  EXPECT_EQ(election_.place().why, "the store has given it no lease");
}

TEST_F(ElectionTest, SignsAndAnswersWhileItsSignaturesAreFresh) {
  Coordinate();
  EXPECT_EQ(election_.answer_until(), now_ + 1100);
  ExpectStep(Step::Kind::kSign, 400);
  EXPECT_EQ(last_.revision, 10);
  const Millis sent = now_;
  election_.Written(11, sent, sent + 30);
  EXPECT_EQ(election_.answer_until(), sent + 1100);
  // What the watch says late is known already.
  election_.RecordSeen(kA, 10, now_);
  ExpectStep(Step::Kind::kSign, 400);
  EXPECT_EQ(last_.revision, 11);
}

TEST_F(ElectionTest, ASignatureWithoutAnAnswerIsReadBack) {
  Coordinate();
  ExpectStep(Step::Kind::kSign, 400);
  election_.StoreFailed("timeout", now_);
  ExpectStep(Step::Kind::kWait);
  ExpectStep(Step::Kind::kRead, 200);
  election_.RecordRead(kA, 12, now_);
  ExpectStep(Step::Kind::kSign);
  EXPECT_EQ(last_.revision, 12);
}

TEST_F(ElectionTest, StandsDownWhenAnotherTookOver) {
  Coordinate();
  election_.RecordSeen(kB, 11, now_);
  ExpectStep(Step::Kind::kStandDown);
  EXPECT_EQ(last_.why, "b took over");
  EXPECT_FALSE(last_.release);
  EXPECT_EQ(election_.answer_until(), 0);
  EXPECT_EQ(election_.place().kind, Place::Kind::kThere);
}

TEST_F(ElectionTest, StandsDownWithoutALease) {
  Coordinate();
  election_.LeaseChanged(false, now_);
  ExpectStep(Step::Kind::kStandDown);
  EXPECT_FALSE(last_.release);
}

TEST_F(ElectionTest, ReleasesWhenTheClaimIsLost) {
  Coordinate();
  election_.CoordinatingEnded("another engine claimed the store", now_);
  EXPECT_NE(election_.place().kind, Place::Kind::kHere);
  ExpectStep(Step::Kind::kStandDown);
  EXPECT_TRUE(last_.release);
  EXPECT_EQ(last_.revision, 10);
}

TEST_F(ElectionTest, RetiresForGood) {
  Coordinate();
  election_.Retire();
  ExpectStep(Step::Kind::kStandDown);
  EXPECT_TRUE(last_.release);
  ExpectStep(Step::Kind::kWait, 60'000);
}

TEST_F(ElectionTest, TakesOverFromSilence) {
  Follow();
  now_ += 250;
  election_.CoordinatorHeard(kB.incarnation, now_);
  const Millis heard = now_;
  ExpectStep(Step::Kind::kTake, 5000);
  EXPECT_EQ(now_, heard + 1500);
  EXPECT_EQ(last_.revision, 3);
  EXPECT_EQ(last_.why, "b neither answered nor signed for 1500 ms");
  EXPECT_EQ(election_.coordinator_alive_at(), heard);
  EXPECT_EQ(election_.last_other()->node, "b");
}

TEST_F(ElectionTest, ASignatureIsASignOfLife) {
  Follow();
  for (int64_t revision = 4; revision < 40; ++revision) {
    ExpectStep(Step::Kind::kWait, 1400);
    election_.RecordSeen(kB, revision, now_);
  }
  ExpectStep(Step::Kind::kTake, 1500);
  EXPECT_EQ(last_.revision, 39);
}

TEST_F(ElectionTest, AnswersOfAnotherLifeAreNone) {
  Follow();
  ExpectStep(Step::Kind::kWait, 1400);
  election_.CoordinatorHeard(kB.incarnation - 1, now_);
  ExpectStep(Step::Kind::kTake, 100);
}

TEST_F(ElectionTest, OwnPauseAndAStoreThatFailsAreNotItsSilence) {
  Follow();
  now_ += 5000;
  ExpectStep(Step::Kind::kWait, 1400);
  election_.StoreFailed("timeout", now_);
  ExpectStep(Step::Kind::kWait, 150);
  ExpectStep(Step::Kind::kRead, 100);
  election_.RecordRead(kB, 3, now_);
  ExpectStep(Step::Kind::kWait, 1200);
}

TEST_F(ElectionTest, WhoLosesTheRaceReads) {
  Follow();
  ExpectStep(Step::Kind::kTake, 1500);
  election_.NotWritten(now_);
  ExpectStep(Step::Kind::kRead);
  const Holder c{"c", "10.0.0.3:1", 9};
  election_.RecordRead(c, 8, now_);
  ExpectStep(Step::Kind::kWait, 1400);
  EXPECT_EQ(election_.place().node, "c");
}

TEST_F(ElectionTest, AnEarlierLifeIsReplacedAtOnce) {
  election_.LeaseChanged(true, now_);
  ExpectStep(Step::Kind::kRead);
  election_.RecordRead(Holder{"a", "10.0.0.1:1", 4}, 3, now_);
  ExpectStep(Step::Kind::kTake);
  EXPECT_EQ(last_.revision, 3);
}

TEST_F(ElectionTest, ResignsWhenMostDoNotReachIt) {
  Coordinate();
  const Millis since = now_;
  Step step;
  for (;;) {
    election_.Reports(0, 2, now_);
    step = election_.Next(now_);
    if (step.kind == Step::Kind::kSign) {
      election_.Written(step.revision + 1, now_, now_);
    } else if (step.kind != Step::Kind::kWait) {
      break;
    }
    now_ += 10;
  }
  ASSERT_EQ(step.kind, Step::Kind::kStandDown);
  EXPECT_EQ(now_, since + 5000);
  EXPECT_TRUE(step.release);
  ExpectStep(Step::Kind::kRead);
  election_.RecordRead(std::nullopt, 0, now_);
  // It lets the others go first, but does not leave the place empty.
  ExpectStep(Step::Kind::kWait, 2900);
  ExpectStep(Step::Kind::kTake, 200);
}

TEST_F(ElectionTest, StaysWhenHalfReachIt) {
  Coordinate();
  for (const Millis end = now_ + 20'000; now_ < end; now_ += 10) {
    election_.Reports(1, 3, now_);
    const Step step = election_.Next(now_);
    if (step.kind == Step::Kind::kSign) {
      election_.Written(step.revision + 1, now_, now_);
    } else {
      ASSERT_EQ(step.kind, Step::Kind::kWait) << step.why;
    }
  }
}

}  // namespace
}  // namespace ithaca::cluster
