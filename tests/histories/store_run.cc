#include "tests/histories/store_run.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

namespace ithaca::histories {
namespace {

using Kind = StoreCall::Kind;
using store::KeyValue;
using store::Op;

constexpr char kPrefix[] = "h/";
constexpr int kEndTries = 600;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Does the call; its status.
absl::Status Execute(store::Store* store, StoreCall* call) {
  switch (call->kind) {
    case Kind::kGet: {
      auto entry = store->Get(call->key);
      if (!entry.ok()) return entry.status();
      call->entry = std::move(*entry);
      break;
    }
    case Kind::kList: {
      auto list = store->List(call->key, call->after, call->limit);
      if (!list.ok()) return list.status();
      call->list = std::move(*list);
      break;
    }
    case Kind::kTxn: {
      const auto result = store->Txn(call->compares, call->ops);
      if (!result.ok()) return result.status();
      call->txn = *result;
      break;
    }
    case Kind::kRevision: {
      const auto revision = store->Revision();
      if (!revision.ok()) return revision.status();
      call->revision = *revision;
      break;
    }
  }
  return absl::OkStatus();
}

// Makes calls: keys of few, values never twice, compares with what was read
// last.
class Chooser {
 public:
  Chooser(int client, int keys, uint64_t seed)
      : client_(client), keys_(keys), random_(seed) {}

  StoreCall Next() {
    StoreCall call;
    call.key = SomeKey();
    switch (Below(10)) {
      case 0:
      case 1:
      case 2:
        return call;
      case 3:
        call.kind = Kind::kList;
        call.key = kPrefix;
        call.limit = 1 + static_cast<size_t>(Below(keys_ + 1));
        if (Below(3) == 0) call.after = SomeKey();
        return call;
      case 4:
        call.kind = Kind::kRevision;
        return call;
      default:
        return Txn(call.key);
    }
  }

  // What the client now knows.
  void Learn(const StoreCall& call) {
    if (call.kind == Kind::kGet)
      known_[call.key] = call.entry.has_value() ? call.entry->mod_revision : 0;
    if (call.kind != Kind::kTxn || !call.txn.committed) return;
    for (const Op& op : call.ops)
      known_[op.key] = op.kind == Op::Kind::kPut ? call.txn.revision : 0;
  }

 private:
  int64_t Below(int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
  }
  std::string SomeKey() { return absl::StrCat(kPrefix, Below(keys_)); }
  Op SomeOp(const std::string& key) {
    if (Below(6) == 0) return Op::Delete(key);
    return Op::Put(key, absl::StrCat("c", client_, ".", ++value_));
  }

  StoreCall Txn(const std::string& key) {
    StoreCall call;
    call.kind = Kind::kTxn;
    if (Below(4) != 0) call.compares = {{key, known_[key]}};
    call.ops = {SomeOp(key)};
    const std::string other = SomeKey();
    if (Below(3) == 0 && other != key) {
      if (Below(2) == 0) call.compares.push_back({other, known_[other]});
      call.ops.push_back(SomeOp(other));
    }
    return call;
  }

  const int client_;
  const int keys_;
  std::mt19937_64 random_;
  int value_ = 0;
  std::map<std::string, int64_t> known_;
};

}  // namespace

StoreRun::StoreRun(const Options& options) : options_(options) {
  size_t turn = 0;
  const auto next = [&] {
    return options.stores[turn++ % options.stores.size()];
  };
  for (int i = 0; i < options.actors; ++i) {
    actors_.emplace_back([this, i, store = next()] {
      Act(i, store, options_.seed + static_cast<uint64_t>(i));
    });
  }
  for (int i = 0; i < options.watchers; ++i)
    watchers_.push_back(std::make_unique<StoreWatcher>(
        next(), absl::StrCat("watcher ", i), kPrefix,
        options.seed + 1000 + static_cast<uint64_t>(i)));
}

StoreRun::~StoreRun() { EndActors(); }

void StoreRun::EndActors() {
  stop_ = true;
  for (std::thread& actor : actors_) actor.join();
  actors_.clear();
}

void StoreRun::Act(int client, store::Store* store, uint64_t seed) {
  Chooser chooser(client, options_.keys, seed);
  while (!stop_) {
    StoreCall call = chooser.Next();
    const int64_t call_ns = NowNs();
    const absl::Status status = Execute(store, &call);
    const int64_t end_ns = NowNs();
    if (status.ok()) {
      chooser.Learn(call);
      Add({{call_ns, end_ns, true, client}, call});
      continue;
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ++failed_;
      // A full disk has changed nothing; a store that cannot be reached may
      // yet.
      if (status.code() != absl::StatusCode::kUnavailable &&
          status.code() != absl::StatusCode::kResourceExhausted)
        violations_.push_back(absl::StrCat("error: ", status.ToString()));
    }
    call.answered = false;
    if (call.kind == Kind::kTxn &&
        status.code() == absl::StatusCode::kUnavailable)
      Add({{call_ns, kNever, false, client}, call});
  }
}

void StoreRun::Add(const Recorded<StoreCall>& call) {
  std::lock_guard<std::mutex> lock(mutex_);
  history_.push_back(call);
}

// What every watcher has put together is what is there.
void StoreRun::CheckEnd(StoreReport* report) {
  absl::StatusOr<store::ListResult> list = absl::UnavailableError("");
  for (int i = 0; i < kEndTries && !list.ok(); ++i) {
    if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    list = options_.stores[0]->List(kPrefix, "", 1000);
  }
  if (!list.ok()) {
    report->violations.push_back("the store does not come back: " +
                                 list.status().ToString());
    return;
  }
  std::map<std::string, std::string> there;
  int64_t last = 0;
  for (const KeyValue& entry : list->entries) {
    there[entry.key] = entry.value;
    last = std::max(last, entry.mod_revision);
  }
  for (const auto& watcher : watchers_) {
    if (!watcher->WaitFor(last)) {
      report->violations.push_back(watcher->log().watcher +
                                   " was never told the end");
    }
    watcher->Stop();
    if (watcher->contents() != there)
      report->violations.push_back(
          watcher->log().watcher +
          " put together something else than is there");
  }
}

StoreReport StoreRun::Finish() {
  EndActors();
  StoreReport report;
  CheckEnd(&report);
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<WatchEvent> written;
  for (const auto& [span, call] : history_) {
    ++report.calls;
    if (!span.answered) ++report.unknown;
    if (call.kind != Kind::kTxn || !span.answered || !call.txn.committed)
      continue;
    ++report.writes;
    for (const Op& op : call.ops) {
      if (op.kind == Op::Kind::kPut)
        written.push_back({call.txn.revision, op.key, op.value});
    }
  }
  report.failed = failed_;
  report.violations.insert(report.violations.end(), violations_.begin(),
                           violations_.end());
  std::vector<WatchLog> logs;
  for (const auto& watcher : watchers_) {
    logs.push_back(watcher->log());
    for (const WatchItem& item : logs.back().items)
      report.watched += item.events.size();
  }
  for (std::string& violation : CheckWatches(logs, written, false))
    report.violations.push_back(std::move(violation));
  std::stable_sort(history_.begin(), history_.end(),
                   [](const auto& a, const auto& b) {
                     return a.span.call_ns < b.span.call_ns;
                   });
  const Finding finding = CheckLinearizable(StoreModel(options_.dense),
                                            history_, StoreModel::State());
  report.visited = finding.visited;
  if (finding.verdict != Verdict::kLinearizable)
    report.violations.push_back(finding.text);
  return report;
}

std::string Summary(const StoreReport& report) {
  return absl::StrCat(report.calls, " calls (", report.writes, " writes, ",
                      report.unknown, " with unknown outcome), ", report.failed,
                      " failed, ", report.watched, " events watched, ",
                      report.visited, " configurations searched, ",
                      report.violations.size(), " violations");
}

}  // namespace ithaca::histories
