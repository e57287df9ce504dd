// GroupsService: the streams.

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/groups/convert.h"
#include "daemon/groups/encode.h"
#include "daemon/groups/groups_service.h"
#include "daemon/groups/plan_source.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::groups {
namespace {

const BrokenBy kProcessExited{"PROCESS_EXITED", "its process ended"};

// Missed events beyond this are replaced by the whole group.
constexpr size_t kMaxMissedBytes = size_t{1} << 20;

// A stream that is refused before anything knows of it. Deletes itself.
class RefusedStream : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  explicit RefusedStream(const Refusal& refusal) {
    Finish(ToRpcStatus(refusal));
  }
  void OnDone() override { delete this; }
};

template <typename Request>
bool Parse(const grpc::ByteBuffer& bytes, Request* request) {
  // Reading uses up the handle, not the bytes.
  grpc::ByteBuffer handle = bytes;
  return grpc::SerializationTraits<Request>::Deserialize(&handle, request).ok();
}

Refusal NotARequest() {
  return InvalidRequest("request: is not a message of this method",
                        "use a client of ithaca.groups.v1");
}

Fanout::Start StartOfWatch(const Group& group, uint64_t after, StreamHub* hub) {
  Fanout::Start start;
  start.sequence = group.record().sequence;
  const auto missed = after != 0 ? group.EventsAfter(after) : std::nullopt;
  if (missed.has_value()) start.first.push_back(EncodeEvents(*missed));
  if (!missed.has_value() || start.first[0].size() > kMaxMissedBytes) {
    start.first = {hub->SnapshotOf(group)->bytes};
  } else {
    start.first.push_back(EncodeBookmark(start.sequence));
  }
  return start;
}

}  // namespace

Fanout::Options GroupsService::FanoutOptions() {
  Fanout::Options options;
  options.behind = [this](const std::string& group_id) {
    StreamsBehind(group_id);
  };
  return options;
}

EventStream* GroupsService::NewStream(StreamId id, const std::string& group_id,
                                      const grpc::ServerContextBase* context) {
  return hub_.NewStream(
      id,
      [this, id, group_id, context] {
        StreamBroken(group_id, id, options_.gate->WhyEnded(*context));
      },
      [this, id] {
        engine_->Post(
            [](GroupEngine::Turn&) {},
            [this, id](const std::optional<Refusal>&) { RemoveStream(id); });
      });
}

void GroupsService::RemoveStream(StreamId id) {
  const auto process = process_of_stream_.find(id);
  if (process != process_of_stream_.end()) {
    options_.processes->Cancel(process->second);
    process_of_stream_.erase(process);
  }
  quota_.Leave(id);
  hub_.Remove(id);
}

void GroupsService::WatchProcess(const Caller& caller,
                                 const std::string& group_id, StreamId id) {
  // One that cannot be seen, or of another node, is known by its stream only.
  if (options_.processes == nullptr || caller.pid == 0 || !caller.node.empty())
    return;
  const auto watch = options_.processes->Watch(
      static_cast<pid_t>(caller.pid), caller.process_started,
      [=] { ProcessExited(group_id, id); });
  if (watch.ok()) {
    process_of_stream_[id] = *watch;
  } else if (!std::exchange(told_of_unwatched_, true)) {
    options_.log(absl::StrCat(
        "process ", caller.pid,
        " is known by its connection only: ", watch.status().message()));
  }
}

void GroupsService::ProcessExited(const std::string& group_id, StreamId id) {
  if (draining_) return;
  engine_->Post(
      [=](GroupEngine::Turn& turn) {
        turn.machine.StreamBroken(group_id, id, turn.now, &turn.effects,
                                  kProcessExited);
      },
      [=](const std::optional<Refusal>&) {
        hub_.End({id, Refusal{absl::StatusCode::kAborted,
                              "PROCESS_EXITED",
                              "the process that joined has ended",
                              "join again, on a connection of your own",
                              {}}});
      });
}

void GroupsService::StreamBroken(const std::string& group_id, StreamId id,
                                 StreamFate fate) {
  // What breaks now breaks because we go: members resume.
  if (draining_) return;
  engine_->Post(
      [=](GroupEngine::Turn& turn) {
        if (fate == StreamFate::kLinkBroke) {
          turn.machine.Detach(group_id, id, options_.limits.detach_grace_ms,
                              "the connection to its node broke", turn.now,
                              &turn.effects);
        } else {
          turn.machine.StreamBroken(
              group_id, id, turn.now, &turn.effects,
              fate == StreamFate::kProcessExited ? kProcessExited : BrokenBy{});
        }
      },
      [](const std::optional<Refusal>&) {});
}

void GroupsService::TellNode(NodeNews news, const std::string& node,
                             const std::string& text) {
  engine_->Post(
      [=](GroupEngine::Turn& turn) {
        node_news_[node] = {news, text};
        if (news == NodeNews::kBack) node_news_.erase(node);
        turn.machine.TellNode(news, node, text);
      },
      [](const std::optional<Refusal>&) {});
}

void GroupsService::Reattach(GroupMachine* machine) {
  hub_.Reattach(machine);
  for (const auto& [node, news] : node_news_)
    machine->TellNode(news.first, node, news.second);
}

void GroupsService::StreamsBehind(const std::string& group_id) {
  engine_->Post([](GroupEngine::Turn&) {},
                [=](const std::optional<Refusal>& failure) {
                  if (failure.has_value()) return;
                  // Without the group the streams are about to end.
                  const Group* group = engine_->machine().Peek(group_id);
                  if (group != nullptr) hub_.Offer(*group);
                });
}

Result<grpc::Slice> GroupsService::PlanBytes(const Caller& caller,
                                             const std::string& group_id,
                                             GroupEngine::Turn& turn) {
  const auto group = turn.machine.Find(caller, group_id);
  if (!group.ok()) return group.refusal();
  const std::string& hash = group.value()->record().plan_hash;
  if (last_plan_.first != hash) {
    const Result<PlanPtr> plan = PlanOfHash(hash, options_.plans, &turn.store);
    if (!plan.ok()) return plan.refusal();
    last_plan_ = {hash, EncodePlan(*plan.value())};
  }
  return last_plan_.second;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* GroupsService::JoinGroup(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) {
  const Result<Caller> caller = Admit(*context, Method("JoinGroup"));
  if (!caller.ok()) return new RefusedStream(caller.refusal());
  v1::JoinGroupRequest request;
  if (!Parse(*bytes, &request)) return new RefusedStream(NotARequest());
  const StreamId id = ++last_id_;
  const JoinCommand command = FromMessage(request);
  EventStream* stream = NewStream(id, command.group_id, context);
  struct State {
    std::optional<Refusal> refusal;
    v1::Joined joined;
    grpc::Slice plan;
  };
  // Shared by the two halves of one command, which run one after the other.
  auto state = std::make_shared<State>();
  engine_->Post(
      [=, caller = caller.value(),
       include_plan = request.include_plan()](GroupEngine::Turn& turn) {
        state->refusal = quota_.Enter(id, caller, command.group_id, false);
        if (state->refusal.has_value()) return;
        if (include_plan) {
          const auto plan = PlanBytes(caller, command.group_id, turn);
          if (!plan.ok()) {
            state->refusal = plan.refusal();
            return;
          }
          state->plan = plan.value();
        }
        const auto joined =
            turn.machine.Join(caller, command, id, turn.now, &turn.effects);
        if (!joined.ok()) {
          state->refusal = joined.refusal();
          return;
        }
        // It is there, whatever was said of it before.
        node_news_.erase(caller.node);
        const Group& group = *turn.machine.Peek(command.group_id);
        state->joined =
            JoinedOf(group, *group.roster().Find(command.member_id)->member);
        state->joined.set_resumed(joined.value().resumed);
      },
      [=, caller = caller.value(), quiet = request.quiet_formation()](
          const std::optional<Refusal>& failure) {
        std::optional<Refusal> no =
            failure.has_value() ? failure : state->refusal;
        if (draining_) no = Draining();
        if (no.has_value()) return hub_.Refuse(id, *no, stream);
        Fanout::Start start;
        start.member = true;
        start.plan = state->plan;
        start.first.push_back(EncodeJoined(state->joined));
        // Deletions are apart, so it is there.
        const Group& group = *engine_->machine().Peek(command.group_id);
        start.sequence = group.record().sequence;
        start.quiet = quiet && !group.complete();
        start.first.push_back(start.quiet ? EncodeSummary(group)
                                          : hub_.SnapshotOf(group)->bytes);
        hub_.Add(
            id, command.group_id,
            StreamHub::Life{command.member_id, state->joined.incarnation()},
            std::move(start), stream);
        WatchProcess(caller, command.group_id, id);
      });
  return stream;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* GroupsService::WatchGroup(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) {
  const Result<Caller> caller = Admit(*context, Method("WatchGroup"));
  if (!caller.ok()) return new RefusedStream(caller.refusal());
  v1::WatchGroupRequest request;
  if (!Parse(*bytes, &request)) return new RefusedStream(NotARequest());
  const StreamId id = ++last_id_;
  const std::string group_id = request.group_id();
  EventStream* stream = NewStream(id, group_id, context);
  // Shared by the two halves of one command, which run one after the other.
  auto refusal = std::make_shared<std::optional<Refusal>>();
  engine_->Post(
      [=, caller = caller.value()](GroupEngine::Turn& turn) {
        const auto group = turn.machine.Find(caller, group_id);
        *refusal = group.ok() ? quota_.Enter(id, caller, group_id, true)
                              : group.refusal();
      },
      [=, after =
              request.after_sequence()](const std::optional<Refusal>& failure) {
        std::optional<Refusal> no = failure.has_value() ? failure : *refusal;
        if (draining_) no = Draining();
        if (no.has_value()) return hub_.Refuse(id, *no, stream);
        // Deletions are apart, so it is there.
        const Group& group = *engine_->machine().Peek(group_id);
        hub_.Add(id, group_id, std::nullopt, StartOfWatch(group, after, &hub_),
                 stream);
      });
  return stream;
}

}  // namespace ithaca::groups
