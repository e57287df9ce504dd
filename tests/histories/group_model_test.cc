// The checker on histories of a group: what is valid passes, what is not is
// found and explained.
#include "tests/histories/group_model.h"

#include <gtest/gtest.h>

#include "tests/histories/group_histories_for_test.h"
#include "tests/histories/linearizer.h"

namespace ithaca::histories {
namespace {

using History = std::vector<Recorded<GroupCall>>;
using Kind = GroupCall::Kind;

constexpr uint32_t kSize = 2;

Recorded<GroupCall> At(int64_t call, int64_t end, GroupCall what) {
  return {{call, end, what.answered, 0}, std::move(what)};
}

GroupView View(uint64_t epoch, uint64_t sequence,
               std::map<uint32_t, MemberSeen> members = {}) {
  return {epoch, sequence, std::move(members), {}, {}, {}};
}

GroupCall Created(uint64_t epoch) {
  GroupCall call;
  call.kind = Kind::kCreate;
  call.created = true;
  call.view = View(epoch, 0);
  return call;
}

GroupCall Joined(const std::string& member, uint32_t slot, uint64_t incarnation,
                 GroupView view) {
  GroupCall call;
  call.kind = Kind::kJoin;
  call.member = member;
  call.got_slot = slot;
  call.got_incarnation = incarnation;
  call.view = std::move(view);
  return call;
}

GroupCall Seen(GroupView view) {
  GroupCall call;
  call.view = std::move(view);
  return call;
}

GroupCall Fenced(Kind kind, const std::string& member, uint64_t incarnation,
                 uint64_t epoch) {
  GroupCall call;
  call.kind = kind;
  call.member = member;
  call.incarnation = incarnation;
  call.epoch = epoch;
  return call;
}

GroupCall Left(const std::string& member, uint64_t incarnation, uint64_t epoch,
               uint64_t next) {
  GroupCall call = Fenced(Kind::kLeave, member, incarnation, epoch);
  call.told_epoch = next;
  return call;
}

GroupCall Blob(Kind kind, const std::string& member, uint64_t incarnation,
               uint64_t epoch, const std::string& data) {
  GroupCall call = Fenced(kind, member, incarnation, epoch);
  call.name = "id";
  (kind == Kind::kPublish ? call.data : call.got_data) = data;
  return call;
}

GroupCall Vote(Kind kind, const std::string& member, uint64_t incarnation,
               uint64_t epoch, const std::string& data) {
  GroupCall call = Fenced(kind, member, incarnation, epoch);
  call.meeting = {kCommit, "1"};
  call.data = data;
  call.attempt = 1;
  if (kind == Kind::kArrive) call.answered = false;
  return call;
}

GroupCall Refused(GroupCall call, const std::string& reason,
                  uint64_t told_epoch = 0) {
  call.reason = reason;
  call.told_epoch = told_epoch;
  return call;
}

GroupCall Lost(const std::string& member, uint64_t incarnation) {
  GroupCall call = Fenced(Kind::kLost, member, incarnation, 0);
  call.answered = false;
  return call;
}

const MemberSeen kA{"a", 1}, kB{"b", 2};

// Both are there under epoch 10: event 3 (joined, joined, complete).
History Formed() {
  return {At(0, 1, Created(10)),
          At(2, 3, Joined("a", 0, 1, View(10, 1, {{0, kA}}))),
          At(4, 5, Joined("b", 1, 2, View(10, 3, {{0, kA}, {1, kB}})))};
}

History After(History history, std::vector<Recorded<GroupCall>> more) {
  history.insert(history.end(), more.begin(), more.end());
  return history;
}

Finding Check(const History& history) {
  return CheckLinearizable(GroupModel(kSize), history, GroupState());
}

void ExpectValid(const History& history) {
  const Finding finding = Check(history);
  EXPECT_EQ(finding.verdict, Verdict::kLinearizable) << finding.text;
}

void ExpectViolation(const History& history, const std::string& culprit) {
  const Finding finding = Check(history);
  ASSERT_EQ(finding.verdict, Verdict::kViolation) << finding.text;
  const std::string first = finding.text.substr(0, finding.text.find("states"));
  EXPECT_NE(first.find(culprit), std::string::npos) << finding.text;
}

TEST(SeededTest, FormingAndLeavingIsValid) {
  ExpectValid(After(Formed(), {At(6, 7, Left("a", 1, 10, 12)),
                               At(8, 9, Seen(View(12, 4, {{1, kB}})))}));
}

TEST(SeededTest, EpochThatRepeatsIsFound) {
  ExpectViolation(After(Formed(), {At(6, 7, Left("a", 1, 10, 10))}), "Leave");
}

TEST(SeededTest, EpochThatGoesBackIsFound) {
  ExpectViolation(After(Formed(), {At(6, 7, Left("a", 1, 10, 12)),
                                   At(8, 9, Seen(View(11, 4, {{1, kB}})))}),
                  "Get");
}

TEST(SeededTest, TwoInOneSlotAreFound) {
  ExpectViolation({At(0, 1, Created(10)),
                   At(2, 5, Joined("a", 0, 1, View(10, 1, {{0, kA}}))),
                   At(2, 6, Joined("b", 0, 2, View(10, 2, {{0, kB}})))},
                  "Join");
}

TEST(SeededTest, LossWithoutAReasonIsFound) {
  const auto gone = At(6, 7, Seen(View(12, 4, {{1, kB}})));
  ExpectViolation(After(Formed(), {gone}), "Get");
  ExpectValid(After(Formed(), {At(5, kNever, Lost("a", 1)), gone}));
}

TEST(SeededTest, LossBeforeItsReasonIsFound) {
  ExpectViolation(After(Formed(), {At(6, 7, Seen(View(12, 4, {{1, kB}}))),
                                   At(8, kNever, Lost("a", 1))}),
                  "Get");
}

TEST(SeededTest, MemberThatComesBackFromTheDeadIsFound) {
  ExpectViolation(
      After(Formed(), {At(5, kNever, Lost("a", 1)),
                       At(6, 7, Seen(View(12, 4, {{1, kB}}))),
                       At(8, 9, Blob(Kind::kPublish, "a", 1, 12, "x"))}),
      "PublishBlob");
}

TEST(SeededTest, StaleCallThatIsServedIsFound) {
  ExpectViolation(
      After(Formed(), {At(6, 7, Left("a", 1, 10, 12)),
                       At(8, 9, Blob(Kind::kPublish, "b", 2, 10, "x"))}),
      "PublishBlob");
}

TEST(SeededTest, RefusalOfWhatWasNotStaleIsFound) {
  const GroupCall publish = Blob(Kind::kPublish, "b", 2, 10, "x");
  const auto refused = At(6, 7, Refused(publish, "STALE_EPOCH", 12));
  ExpectViolation(After(Formed(), {refused}), "STALE_EPOCH");
  ExpectValid(After(Formed(), {At(5, kNever, Lost("a", 1)), refused}));
  // The epoch that it tells must be the one in force.
  ExpectViolation(
      After(Formed(), {At(6, 7, Left("a", 1, 10, 12)),
                       At(8, 9, Refused(publish, "STALE_EPOCH", 11))}),
      "STALE_EPOCH");
}

TEST(SeededTest, LifeThatIsRefusedWithoutAReasonIsFound) {
  const GroupCall resume = Fenced(Kind::kResume, "a", 1, 0);
  ExpectViolation(
      After(Formed(), {At(6, 7, Refused(resume, "STALE_INCARNATION"))}),
      "STALE_INCARNATION");
  ExpectViolation(
      After(Formed(),
            {At(6, 7,
                Refused(Fenced(Kind::kLeave, "a", 1, 10), "NOT_A_MEMBER"))}),
      "NOT_A_MEMBER");
}

TEST(SeededTest, ResumeInAnotherSlotIsFound) {
  GroupCall resume = Fenced(Kind::kResume, "a", 1, 0);
  resume.got_slot = 1;
  resume.view = View(10, 4, {{0, kA}, {1, kB}});
  ExpectViolation(After(Formed(), {At(6, 7, resume)}), "Resume");
  resume.got_slot = 0;
  ExpectValid(After(Formed(), {At(6, 7, resume)}));
}

TEST(SeededTest, BlobThatChangesIsFound) {
  const auto published = At(6, 7, Blob(Kind::kPublish, "a", 1, 10, "x"));
  ExpectValid(After(
      Formed(), {published, At(8, 9, Blob(Kind::kGetBlob, "b", 2, 10, "x"))}));
  ExpectViolation(
      After(Formed(),
            {published, At(8, 9, Blob(Kind::kGetBlob, "b", 2, 10, "y"))}),
      "GetBlob");
  ExpectViolation(
      After(Formed(),
            {published, At(8, 9, Blob(Kind::kPublish, "b", 2, 10, "y"))}),
      "PublishBlob");
  ExpectViolation(
      After(Formed(),
            {published, At(8, 9,
                           Refused(Blob(Kind::kGetBlob, "b", 2, 10, ""),
                                   "BLOB_NOT_PUBLISHED"))}),
      "BLOB_NOT_PUBLISHED");
}

TEST(SeededTest, BlobOfAnOldEpochIsFound) {
  GroupView view = View(12, 4, {{1, kB}});
  view.blobs = {"id"};
  ExpectViolation(
      After(Formed(), {At(6, 7, Blob(Kind::kPublish, "a", 1, 10, "x")),
                       At(8, 9, Left("a", 1, 10, 12)), At(10, 11, Seen(view))}),
      "Get");
}

TEST(SeededTest, EventThatIsMissingIsFound) {
  ExpectViolation(
      After(Formed(), {At(6, 7, Seen(View(10, 2, {{0, kA}, {1, kB}})))}),
      "Get");
}

// ---- commits

History Voted(const std::string& a, const std::string& b) {
  return After(Formed(), {At(6, 9, Vote(Kind::kArrive, "a", 1, 10, a)),
                          At(6, 9, Vote(Kind::kArrive, "b", 2, 10, b))});
}

TEST(SeededTest, CommitOfAllIsValid) {
  GroupView view = View(10, 3, {{0, kA}, {1, kB}});
  view.commit = {10, "1", "x"};
  ExpectValid(After(
      Voted("x", "x"),
      {At(6, 9, Vote(Kind::kMeet, "a", 1, 10, "x")),
       At(6, 9, Vote(Kind::kMeet, "b", 2, 10, "x")), At(10, 11, Seen(view))}));
}

TEST(SeededTest, CommitOfOneAloneIsFound) {
  ExpectViolation(
      After(Formed(), {At(6, 9, Vote(Kind::kArrive, "a", 1, 10, "x")),
                       At(6, 9, Vote(Kind::kMeet, "a", 1, 10, "x"))}),
      "Meet");
}

TEST(SeededTest, CommitOfDifferentBytesIsFound) {
  ExpectViolation(
      After(Voted("x", "y"), {At(6, 9, Vote(Kind::kMeet, "a", 1, 10, "x"))}),
      "Meet");
  ExpectValid(After(
      Voted("x", "y"),
      {At(6, 9,
          Refused(Vote(Kind::kMeet, "a", 1, 10, "x"), "COMMIT_DIFFERS"))}));
  ExpectViolation(
      After(Voted("x", "x"), {At(6, 9,
                                 Refused(Vote(Kind::kMeet, "a", 1, 10, "x"),
                                         "COMMIT_DIFFERS"))}),
      "COMMIT_DIFFERS");
}

TEST(SeededTest, WithdrawnVoteThatCountsIsFound) {
  const GroupCall a = Vote(Kind::kMeet, "a", 1, 10, "x");
  ExpectViolation(
      After(Formed(), {At(6, 7, Vote(Kind::kArrive, "a", 1, 10, "x")),
                       At(6, 7, Refused(a, "COMMIT_TIMEOUT")),
                       At(8, 9, Vote(Kind::kArrive, "b", 2, 10, "x")),
                       At(8, 9, Vote(Kind::kMeet, "b", 2, 10, "x"))}),
      "Meet");
}

// Two sides of a partition: one lives on under a new epoch, the other commits
// under the old one.
TEST(SeededTest, CommitUnderTwoEpochsIsFound) {
  ExpectViolation(
      After(Voted("x", "x"), {At(5, kNever, Lost("b", 2)),
                              At(6, 7, Seen(View(12, 4, {{0, kA}}))),
                              At(8, 9, Vote(Kind::kMeet, "b", 2, 10, "x"))}),
      "Meet");
}

TEST(SeededTest, CommitThatIsForgottenIsFound) {
  ExpectViolation(After(Voted("x", "x"),
                        {At(6, 9, Vote(Kind::kMeet, "a", 1, 10, "x")),
                         At(10, 11, Seen(View(10, 3, {{0, kA}, {1, kB}})))}),
                  "Get");
}

// ---- spares

TEST(SeededTest, SpareTakesTheSlotInTheSameMoment) {
  GroupCall spare = Joined("c", 0, 3, View(10, 4, {{0, kA}, {1, kB}}));
  spare.may_park = spare.parked = true;
  spare.view.spares = {{"c", 3}};
  const MemberSeen c{"c", 3};
  const History parked = After(Formed(), {At(6, 7, spare)});
  const auto left = At(8, 9, Left("a", 1, 10, 12));
  ExpectValid(
      After(parked, {left, At(10, 11, Seen(View(12, 6, {{0, c}, {1, kB}})))}));
  ExpectViolation(
      After(parked, {left, At(10, 11, Seen(View(12, 6, {{1, kB}})))}), "Get");
}

// ---- random histories

TEST(RandomTest, ValidHistoriesPass) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  for (int round = 0; round < 100; ++round) {
    const Finding finding = CheckLinearizable(
        GroupModel(3), RandomGroup(seed + round, 3).Make(5, 30), GroupState());
    ASSERT_EQ(finding.verdict, Verdict::kLinearizable)
        << "round " << round << "\n"
        << finding.text;
  }
}

TEST(RandomTest, NearlyAllMutationsAreFound) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  int mutated = 0, found = 0;
  for (int round = 0; round < 200; ++round) {
    RandomGroup random(seed + round, 3);
    History history = random.Make(4, 25);
    auto& victim = history[random.Below(history.size())];
    if (!victim.span.answered || !random.Mutate(&victim.call)) continue;
    ++mutated;
    const Finding finding =
        CheckLinearizable(GroupModel(3), history, GroupState());
    if (finding.verdict == Verdict::kViolation) ++found;
  }
  std::printf("%d of %d mutations found\n", found, mutated);
  ASSERT_GT(mutated, 80);
  EXPECT_GE(found * 4, mutated * 3);
}

}  // namespace
}  // namespace ithaca::histories
