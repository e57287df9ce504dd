#include "daemon/groups/group_engine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/groups/claim.h"
#include "daemon/groups/record_keys.h"
#include "daemon/groups/records.h"

namespace ithaca::groups {
namespace {

// How long to wait before the store is read again after it could not be.
constexpr Millis kReloadEveryMs = 1000;
// A member whose loss could not be written is lost this long after the next
// reading.
constexpr Millis kRetryLossMs = 1000;

Refusal StoreFailed(const absl::Status& status) {
  return Refusal{
      absl::StatusCode::kUnavailable,
      "STORE_FAILED",
      absl::StrCat("the daemon cannot record the change, and made none: ",
                   status.message()),
      "call again when that is repaired",
      {}};
}

Refusal NotCoordinator(const std::string& why) {
  return Refusal{absl::StatusCode::kUnavailable,
                 "NOT_COORDINATOR",
                 absl::StrCat("this daemon does not coordinate: ", why),
                 "call again; groups and epochs are kept",
                 {}};
}

Refusal Stopped() {
  return Refusal{absl::StatusCode::kUnavailable,
                 "DRAINING",
                 "the daemon is shutting down",
                 "call again when it is back; groups and epochs are kept",
                 {}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<GroupEngine>> GroupEngine::Start(
    Options options) {
  std::unique_ptr<GroupEngine> engine(new GroupEngine(std::move(options)));
  if (absl::Status status = engine->Load(false); !status.ok()) return status;
  engine->thread_ = std::thread([raw = engine.get()] { raw->Loop(); });
  return engine;
}

GroupEngine::GroupEngine(Options options)
    : options_(std::move(options)), claim_(NewClaimName()) {}

GroupEngine::~GroupEngine() { Stop(); }

absl::Status GroupEngine::Load(bool again) {
  // A full disk can still be read, and alone it has what it had.
  const bool claims = !again || options_.on_claim_lost != nullptr;
  absl::StatusOr<int64_t> claimed = 0;
  if (claims) {
    ClaimRequest request;
    request.name = claim_;
    request.again = again;
    if (!again) request.holds = options_.claim_while;
    if (options_.wall_clock != nullptr)
      request.wall_unix_ms = options_.wall_clock();
    claimed = ClaimStore(*options_.store, request);
    if (!claimed.ok()) return claimed.status();
  }
  auto loaded = LoadGroups(*options_.store, options_.limits, options_.clock());
  if (!loaded.ok()) return loaded.status();
  if (claims && loaded->counters_revision != *claimed)
    return absl::AbortedError("another daemon claimed the store");
  machine_ = std::move(loaded->machine);
  if (options_.replanner != nullptr) machine_->SetReplanner(options_.replanner);
  counters_revision_ = loaded->counters_revision;
  return absl::OkStatus();
}

void GroupEngine::Post(Work work, Answer answer, Batching batching) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!stopping_) {
      queue_.push_back({std::move(work), std::move(answer), batching});
      wake_.notify_one();
      return;
    }
  }
  answer(Stopped());
}

void GroupEngine::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

// Empty: nothing was posted, but something is due.
std::deque<GroupEngine::Command> GroupEngine::WaitForCommands() {
  std::optional<Millis> due;
  if (machine_ != nullptr) {
    due = machine_->NextDeadline();
  } else if (!claim_lost_) {
    due = next_reload_;
  }
  std::unique_lock<std::mutex> lock(mutex_);
  const auto ready = [this] { return stopping_ || !queue_.empty(); };
  if (due.has_value()) {
    const Millis wait = std::max<Millis>(0, *due - options_.clock());
    wake_.wait_for(lock, std::chrono::milliseconds(wait), ready);
  } else {
    wake_.wait(lock, ready);
  }
  return std::exchange(queue_, {});
}

void GroupEngine::Loop() {
  for (;;) {
    std::deque<Command> commands = WaitForCommands();
    if (commands.empty()) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_ && queue_.empty()) return;
    }
    if (machine_ == nullptr) TryReload();
    Tick();
    RunAll(std::move(commands));
  }
}

void GroupEngine::Tick() {
  if (machine_ == nullptr) return;
  Batch batch;
  machine_->Tick(options_.clock(), &batch.effects);
  Commit(&batch);
}

void GroupEngine::RunAll(std::deque<Command> commands) {
  Batch batch;
  for (Command& command : commands) {
    if (command.batching == Batching::kApart) Commit(&batch);
    if (machine_ == nullptr) {
      command.answer(broken_);
      continue;
    }
    Turn turn{*machine_, *options_.store, options_.clock(), batch.effects};
    command.work(turn);
    batch.answers.push_back(std::move(command.answer));
    if (batch.effects.dirty.full()) Commit(&batch);
  }
  Commit(&batch);
}

void GroupEngine::Commit(Batch* batch) {
  // Then nothing was done either.
  if (machine_ == nullptr) return;
  Batch done = std::exchange(*batch, Batch{});
  std::optional<Refusal> failure;
  if (!done.effects.dirty.empty()) {
    failure = Write(done);
    if (failure.has_value()) {
      WriteFailed(done, *failure);
      return;
    }
  } else {
    failure = CannotTell();
  }
  for (const Answer& answer : done.answers) answer(failure);
  options_.listener->Deliver(done.effects, *machine_);
}

std::optional<Refusal> GroupEngine::Write(const Batch& batch) {
  const std::vector<store::Op> ops = EncodeDirty(batch.effects, *machine_);
  const auto result =
      options_.store->Txn({{kCountersKey, counters_revision_}}, ops);
  if (!result.ok()) return StoreFailed(result.status());
  if (!result->committed) {
    claim_lost_ = options_.on_claim_lost != nullptr;
    return claim_lost_ ? NotCoordinator("another daemon claimed the store")
                       : StoreFailed(absl::AbortedError(
                             "another process wrote to the store"));
  }
  if (batch.effects.dirty.counters) counters_revision_ = result->revision;
  if (broken_.has_value()) options_.log("the store works again");
  broken_.reset();
  return std::nullopt;
}

// A write proves that nobody else has written; without one, somebody must know.
std::optional<Refusal> GroupEngine::CannotTell() const {
  if (options_.may_answer == nullptr || options_.may_answer())
    return std::nullopt;
  return NotCoordinator("it has not heard from the store for too long");
}

// The machine knows more than the store; nothing of it may be told.
void GroupEngine::LoseClaim(const std::string& why) {
  claim_lost_ = true;
  machine_.reset();
  broken_ = NotCoordinator(why);
  options_.listener->ClaimLost(*broken_);
  options_.on_claim_lost(why);
}

void GroupEngine::WriteFailed(const Batch& batch, const Refusal& why) {
  if (!broken_.has_value()) options_.log(why.Message());
  broken_ = why;
  for (const Answer& answer : batch.answers) answer(why);
  if (claim_lost_) {
    LoseClaim("another daemon claimed the store");
    return;
  }
  options_.listener->WriteFailed(batch.effects, why);
  next_reload_ = 0;
  TryReload();
}

void GroupEngine::TryReload() {
  const Millis now = options_.clock();
  if (claim_lost_ || now < next_reload_) return;
  next_reload_ = now + kReloadEveryMs;
  const std::unique_ptr<GroupMachine> old = std::move(machine_);
  const absl::Status loaded = Load(true);
  if (absl::IsAborted(loaded) && options_.on_claim_lost != nullptr) {
    LoseClaim(std::string(loaded.message()));
    return;
  }
  if (!loaded.ok()) return;
  CarryGraceOver(old.get());
  options_.listener->Reattach(machine_.get());
}

// Members that were detached before keep their deadline; those that the old
// machine had already dropped in vain are tried again soon.
void GroupEngine::CarryGraceOver(const GroupMachine* old) {
  if (old == nullptr) return;
  const Millis soon = options_.clock() + kRetryLossMs;
  for (const auto& [id, group] : machine_->groups()) {
    const Group* before = old->Peek(id);
    std::vector<uint64_t> lives;
    for (const Seat& seat : group->roster().slots()) {
      if (seat.member.has_value()) lives.push_back(seat.member->incarnation);
    }
    for (const auto& [life, seat] : group->roster().spares())
      lives.push_back(life);
    for (const uint64_t life : lives) {
      const Seat* was =
          before != nullptr ? before->roster().FindLife(life) : nullptr;
      const bool waits = was != nullptr && was->detach_deadline.has_value();
      machine_->SetDetachDeadline(id, life,
                                  waits ? *was->detach_deadline : soon);
    }
  }
}

}  // namespace ithaca::groups
