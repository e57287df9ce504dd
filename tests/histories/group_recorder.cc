#include "tests/histories/group_recorder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/histories/group_seen.h"

namespace ithaca::histories {

void FaultLog::Break() {
  std::lock_guard<std::mutex> lock(mutex_);
  breaks_.insert(NowNs());
}

void FaultLog::OverNow(int64_t given_up_ns) {
  std::lock_guard<std::mutex> lock(mutex_);
  overs_[given_up_ns] = NowNs();
}

std::optional<int64_t> FaultLog::BreakBefore(int64_t at_ns) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto after = breaks_.upper_bound(at_ns);
  if (after == breaks_.begin()) return std::nullopt;
  return *std::prev(after);
}

std::optional<int64_t> FaultLog::BreakAfter(int64_t at_ns) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto after = breaks_.lower_bound(at_ns);
  if (after == breaks_.end()) return std::nullopt;
  return *after;
}

int64_t FaultLog::OverAfter(int64_t at_ns) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto after = overs_.lower_bound(at_ns);
  return after == overs_.end() ? kNever : after->second;
}

void GroupRecorder::Add(int client, int64_t call_ns, int64_t end_ns,
                        const GroupCall& call) {
  std::lock_guard<std::mutex> lock(mutex_);
  calls_.push_back({{call_ns, end_ns, call.answered, client}, call});
}

void GroupRecorder::AddBounded(int client, int64_t call_ns, int64_t end_ns,
                               const GroupCall& call) {
  std::lock_guard<std::mutex> lock(mutex_);
  bounded_.push_back({{call_ns, end_ns, false, client}, call});
}

void GroupRecorder::MayBeLost(const std::string& member, uint64_t incarnation,
                              int64_t since_ns) {
  GroupCall loss;
  loss.kind = GroupCall::Kind::kLost;
  loss.member = member;
  loss.incarnation = incarnation;
  loss.answered = false;
  std::lock_guard<std::mutex> lock(mutex_);
  for (const Recorded<GroupCall>& other : bounded_) {
    // An older reason that holds is reason enough; but of unknown lives there
    // may be several.
    if (incarnation != 0 && other.call.kind == loss.kind &&
        other.call.member == member && other.call.incarnation == incarnation &&
        other.span.end_ns == kNever)
      return;
  }
  bounded_.push_back({{since_ns, kNever, false, -1}, loss});
}

void GroupRecorder::Settle(const std::string& member, int64_t at_ns) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (Recorded<GroupCall>& loss : bounded_) {
    if (loss.call.kind == GroupCall::Kind::kLost &&
        loss.call.member == member && loss.span.call_ns < at_ns)
      loss.span.end_ns = std::min(loss.span.end_ns, at_ns);
  }
}

void GroupRecorder::AddViolation(const std::string& text) {
  std::lock_guard<std::mutex> lock(mutex_);
  violations_.push_back(text);
}

void GroupRecorder::AddWatch(WatchLog log) {
  std::lock_guard<std::mutex> lock(mutex_);
  watches_.push_back(std::move(log));
}

GroupRecorder::History GroupRecorder::Finish(const FaultLog& faults) const {
  History history = bounded_;
  for (Recorded<GroupCall> call : calls_) {
    if (!call.span.answered)
      call.span.end_ns = faults.OverAfter(call.span.end_ns);
    history.push_back(std::move(call));
  }
  std::stable_sort(history.begin(), history.end(),
                   [](const auto& a, const auto& b) {
                     return a.span.call_ns < b.span.call_ns;
                   });
  return history;
}

void GroupRecorder::Note(const History& history, EpochLedger* epochs,
                         EpochLedger* incarnations, GroupReport* report) const {
  std::set<uint64_t> seen;
  for (const auto& [span, call] : history) {
    if (call.kind == GroupCall::Kind::kLost ||
        call.kind == GroupCall::Kind::kArrive)
      continue;
    ++report->calls;
    if (!span.answered) {
      ++report->unknown;
      continue;
    }
    if (!call.reason.empty()) ++report->refused;
    if (call.kind == GroupCall::Kind::kMeet && call.reason.empty() &&
        call.meeting.first == kCommit)
      ++report->commits;
    const uint64_t epoch =
        call.view.epoch != 0 ? call.view.epoch : call.told_epoch;
    if (epoch == 0) continue;
    seen.insert(epoch);
    if (call.kind == GroupCall::Kind::kCreate && call.created) {
      epochs->Made(epoch, group_, span.call_ns, span.end_ns);
    } else {
      epochs->Saw(epoch, group_, span.call_ns, span.end_ns);
    }
    if (call.kind == GroupCall::Kind::kJoin && call.reason.empty())
      incarnations->Made(
          call.got_incarnation,
          absl::StrCat(group_, "/", call.member, "/", call.got_incarnation),
          span.call_ns, span.end_ns);
  }
  report->epochs = seen.size();
}

GroupReport GroupRecorder::Check(const FaultLog& faults, EpochLedger* epochs,
                                 EpochLedger* incarnations) {
  std::lock_guard<std::mutex> lock(mutex_);
  GroupReport report;
  report.violations = violations_;
  const History history = Finish(faults);
  Note(history, epochs, incarnations, &report);
  GroupState initial;
  initial.silent_events = away_;
  const Finding finding =
      CheckLinearizable(GroupModel(size_, away_), history, initial);
  report.visited = finding.visited;
  report.gave_up = finding.verdict == Verdict::kUnknown;
  if (finding.verdict != Verdict::kLinearizable)
    report.violations.push_back(
        absl::StrCat("group ", group_, ": ", finding.text));
  for (const WatchLog& log : watches_) {
    for (const WatchItem& item : log.items)
      report.watched += item.events.size();
  }
  for (std::string& violation : CheckWatches(watches_, {}, true))
    report.violations.push_back(
        absl::StrCat("group ", group_, ": ", violation));
  return report;
}

}  // namespace ithaca::histories
