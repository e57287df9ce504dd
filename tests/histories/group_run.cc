#include "tests/histories/group_run.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/histories/epoch_ledger.h"
#include "tests/histories/group_watcher.h"

namespace ithaca::histories {

GroupRun::GroupRun(const Options& options) : options_(options) {
  uint64_t seed = options.seed;
  size_t turn = 0;
  const auto socket = [this, &turn] {
    return options_.sockets[turn++ % options_.sockets.size()];
  };
  for (int g = 0; g < options.groups; ++g) {
    recorders_.push_back(std::make_unique<GroupRecorder>(
        absl::StrCat(options.prefix, g), options.group_size, options.away));
    GroupRecorder* recorder = recorders_.back().get();
    for (int i = 0; i < options.actors; ++i) {
      GroupActor::Options actor;
      actor.socket = socket();
      actor.client = i;
      actor.seed = ++seed;
      actor.group_size = options.group_size;
      actor.meetings = options.meetings;
      actor.spares = options.spares;
      actor.deletes = options.deletes;
      actor.sure = options.sure;
      actor.faults_evict = options.faults_evict;
      actor.recorder = recorder;
      actor.faults = options.faults;
      threads_.emplace_back([this, actor] { GroupActor(actor).Run(stop_); });
    }
    for (int i = 0; i < options.watchers; ++i) {
      GroupWatcher watcher{socket(), absl::StrCat("watcher ", i), ++seed,
                           recorder};
      threads_.emplace_back([this, watcher] { watcher.Run(stop_); });
    }
  }
}

GroupRun::~GroupRun() { End(); }

void GroupRun::End() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

GroupReport GroupRun::Finish() {
  End();
  GroupReport sum;
  EpochLedger epochs, incarnations;
  for (const auto& recorder : recorders_) {
    GroupReport report =
        recorder->Check(*options_.faults, &epochs, &incarnations);
    sum.calls += report.calls;
    sum.unknown += report.unknown;
    sum.refused += report.refused;
    sum.commits += report.commits;
    sum.epochs += report.epochs;
    sum.watched += report.watched;
    sum.visited += report.visited;
    sum.gave_up = sum.gave_up || report.gave_up;
    for (std::string& violation : report.violations)
      sum.violations.push_back(std::move(violation));
  }
  for (const EpochLedger* ledger : {&epochs, &incarnations}) {
    for (std::string& violation : ledger->Check())
      sum.violations.push_back(std::move(violation));
  }
  return sum;
}

std::string Summary(const GroupReport& report) {
  return absl::StrCat(report.calls, " calls (", report.unknown,
                      " with unknown outcome, ", report.refused, " refused, ",
                      report.commits, " commits), ", report.epochs,
                      " epochs seen, ", report.watched, " events watched, ",
                      report.visited, " configurations searched, ",
                      report.violations.size(), " violations");
}

}  // namespace ithaca::histories
