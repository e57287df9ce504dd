#include "daemon/cluster/forwarder.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/cluster/caller_header.h"
#include "daemon/cluster/forward_wire.h"
#include "daemon/groups/refused_call.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::cluster {

using groups::Refusal;
using groups::StreamFate;

namespace {

Refusal Draining() {
  return Refusal{absl::StatusCode::kUnavailable,
                 "DRAINING",
                 "the daemon is shutting down",
                 "resume when it is back; groups and epochs are kept",
                 {}};
}

Refusal ProcessExited() {
  return Refusal{absl::StatusCode::kAborted,
                 "PROCESS_EXITED",
                 "the process that joined has ended",
                 "join again, on a connection of your own",
                 {}};
}

bool IsMembership(const std::string& method) {
  return absl::EndsWith(method, "/JoinGroup");
}

}  // namespace

Forwarder::Forwarder(Options options) : options_(std::move(options)) {
  place_.why = "the daemon has just been started";
}

Forwarder::~Forwarder() {
  Drain();
  std::unique_lock<std::mutex> lock(mutex_);
  gone_.wait(lock, [this] { return calls_.empty(); });
}

size_t Forwarder::calls() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return calls_.size();
}

void Forwarder::SetPlace(const Place& place) {
  // Outlives the lock: the last owner of a call takes it too.
  std::vector<std::shared_ptr<ForwardedCall>> over, waited, others;
  ForwardedCall::Target target;
  std::string from;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const bool same = place_.SameAs(place);
    from = std::exchange(place_, place).node;
    if (same) return;
    target_ = {};
    if (place.kind != Place::Kind::kNowhere) {
      target_ = {options_.connect(place), place.kind == Place::Kind::kHere};
    }
    target = target_;
    for (auto& [id, entry] : calls_) {
      auto call = entry.call.lock();
      if (call == nullptr) continue;
      if (!entry.waiting) {
        over.push_back(std::move(call));
      } else if (target.channel != nullptr) {
        entry.waiting = false;
        waited.push_back(std::move(call));
      } else {
        others.push_back(std::move(call));
      }
    }
  }
  const grpc::Status moved = groups::ToRpcStatus(NotCoordinator(
      absl::StrCat("node ", from.empty() ? "?" : from,
                   " no longer coordinates the groups: ", place.why),
      place.node));
  for (const auto& call : over) call->End(moved, StreamFate::kLinkBroke);
  for (const auto& call : waited) call->Begin(target);
}

std::optional<Refusal> Forwarder::WhyNot(bool from_daemon) const {
  if (draining_) return Draining();
  if (calls_.size() >= options_.max_calls) {
    return Refusal{absl::StatusCode::kResourceExhausted,
                   "LIMIT_EXCEEDED",
                   absl::StrCat("more than ", options_.max_calls,
                                " calls and streams of groups are open through "
                                "this daemon"),
                   "close some, or call again later",
                   {}};
  }
  if (from_daemon && place_.kind != Place::Kind::kHere) {
    return NotCoordinator(
        absl::StrCat("node ", options_.node,
                     " does not coordinate the groups: ", place_.why),
        place_.node);
  }
  return std::nullopt;
}

ForwardedCall::Options Forwarder::OptionsFor(
    const grpc::GenericCallbackServerContext& context,
    const groups::Caller& caller, bool from_daemon, uint64_t id) {
  ForwardedCall::Options call;
  call.method = context.method();
  call.caller =
      EncodeCaller({caller.uid, caller.gid, caller.pid,
                    caller.node.empty() ? options_.node : caller.node});
  call.from_daemon = from_daemon;
  call.is_membership = IsMembership(call.method);
  call.deadline = context.deadline();
  call.farewell_ms = options_.farewell_ms;
  call.fates = options_.fates;
  call.on_gone = [this, id] { Gone(id); };
  return call;
}

grpc::ServerGenericBidiReactor* Forwarder::Forward(
    grpc::GenericCallbackServerContext* context, const groups::Caller& caller,
    bool from_daemon) {
  std::shared_ptr<ForwardedCall> call;
  ForwardedCall::Target target;
  grpc::ServerGenericBidiReactor* down = nullptr;
  std::string why;
  uint64_t id = 0;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (const auto no = WhyNot(from_daemon))
      return new groups::RefusedCall(*no);
    id = ++last_id_;
    call = std::make_shared<ForwardedCall>(
        OptionsFor(*context, caller, from_daemon, id));
    target = target_;
    why = place_.why;
    // First, as SetPlace may end a call as soon as it is in the list.
    down = call->Down();
    calls_[id] = {call, target.channel == nullptr};
  }
  if (target.channel != nullptr) {
    call->Begin(std::move(target));
  } else {
    call->EndUnlessBegun(
        options_.wait_ms,
        groups::ToRpcStatus(NotCoordinator(
            absl::StrCat("no daemon coordinates the groups: ", why), "")));
  }
  if (!from_daemon && IsMembership(context->method())) Watch(call, id, caller);
  return down;
}

void Forwarder::Watch(const std::shared_ptr<ForwardedCall>& call, uint64_t id,
                      const groups::Caller& caller) {
  if (options_.watch_process == nullptr || caller.pid == 0) return;
  std::shared_ptr<void> watch = options_.watch_process(
      caller, [weak = std::weak_ptr<ForwardedCall>(call)] {
        if (const auto held = weak.lock())
          held->End(groups::ToRpcStatus(ProcessExited()),
                    StreamFate::kProcessExited);
      });
  std::lock_guard<std::mutex> lock(mutex_);
  // It may be over already.
  if (calls_.count(id) != 0) watched_[id] = std::move(watch);
}

void Forwarder::Gone(uint64_t id) {
  std::shared_ptr<void> watch;
  std::lock_guard<std::mutex> lock(mutex_);
  calls_.erase(id);
  const auto found = watched_.find(id);
  if (found != watched_.end()) {
    watch = std::move(found->second);
    watched_.erase(found);
  }
  gone_.notify_all();
}

void Forwarder::Drain() {
  std::vector<std::shared_ptr<ForwardedCall>> over;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    draining_ = true;
    for (auto& [id, entry] : calls_) {
      if (auto call = entry.call.lock()) over.push_back(std::move(call));
    }
  }
  const grpc::Status status = groups::ToRpcStatus(Draining());
  for (const auto& call : over) call->End(status, StreamFate::kLinkBroke);
}

}  // namespace ithaca::cluster
