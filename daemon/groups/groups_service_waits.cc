// GroupsService: the calls that wait, GetBlob and the streams.

#include <utility>

#include "daemon/groups/convert.h"
#include "daemon/groups/groups_service.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::groups {
namespace {

// A stream that is refused before anything knows of it. Deletes itself.
template <typename Response>
class RefusedStream : public grpc::ServerWriteReactor<Response> {
 public:
  explicit RefusedStream(const Refusal& refusal) {
    this->Finish(ToRpcStatus(refusal));
  }
  void OnDone() override { delete this; }
};

}  // namespace

// ---- waiting

grpc::ServerUnaryReactor* GroupsService::GetBlob(
    grpc::CallbackServerContext* context, const v1::GetBlobRequest* request,
    v1::GetBlobResponse* response) {
  const Result<Caller> caller = Admit(*context, Method("GetBlob"));
  if (!caller.ok()) {
    grpc::ServerUnaryReactor* refused = context->DefaultReactor();
    refused->Finish(ToRpcStatus(caller.refusal()));
    return refused;
  }
  const WaiterId id = ++last_id_;
  const Fence fence = FromMessage(request->fence());
  auto* wait = new BlobWait(response);
  wait->SetHooks({[=] { DropWait(fence.group_id, id); },
                  [=] {
                    engine_->Post(
                        [](GroupEngine::Turn&) {},
                        [wait](const std::optional<Refusal>&) { delete wait; });
                  }});
  using Answer = Result<std::optional<Blob>>;
  // Shared by the two halves of one command, which run one after the other.
  auto answer = std::make_shared<Answer>(Answer(std::optional<Blob>()));
  engine_->Post(
      [=, caller = caller.value(), name = request->name(),
       wait_ms = ToMillis(request->wait())](GroupEngine::Turn& turn) {
        *answer =
            turn.machine.GetBlob(caller, fence, name, id, wait_ms, turn.now);
      },
      [=](const std::optional<Refusal>& failure) {
        if (failure.has_value()) return wait->Complete(*failure);
        if (!answer->ok()) return wait->Complete(answer->refusal());
        if (answer->value().has_value())
          return wait->Complete(*answer->value());
        if (draining_) return wait->Complete(Draining());
        waits_[id] = wait;
      });
  return wait;
}

void GroupsService::DropWait(const std::string& group_id, WaiterId id) {
  engine_->Post(
      [=](GroupEngine::Turn& turn) { turn.machine.CancelWaiter(group_id, id); },
      [=](const std::optional<Refusal>&) {
        const auto found = waits_.find(id);
        if (found == waits_.end()) return;
        BlobWait* wait = found->second;
        waits_.erase(found);
        wait->Abandon();
      });
}

// ---- streams

template <typename Response>
EventStreamReactor<Response>* GroupsService::NewStream(
    StreamId id, const std::string& group_id) {
  EventStream::Hooks hooks;
  hooks.on_broken = [this, id, group_id] { StreamBroken(group_id, id); };
  hooks.on_behind = [this, id, group_id] { StreamBehind(group_id, id); };
  hooks.on_done = [this, id] {
    engine_->Post(
        [](GroupEngine::Turn&) {},
        [this, id](const std::optional<Refusal>&) { hub_.Remove(id); });
  };
  return new EventStreamReactor<Response>(std::move(hooks));
}

void GroupsService::StreamBroken(const std::string& group_id, StreamId id) {
  // What breaks now breaks because we go: members resume.
  if (draining_) return;
  engine_->Post(
      [=](GroupEngine::Turn& turn) {
        turn.machine.StreamBroken(group_id, id, turn.now, &turn.effects);
      },
      [](const std::optional<Refusal>&) {});
}

void GroupsService::StreamBehind(const std::string& group_id, StreamId id) {
  // Shared by the two halves of one command, which run one after the other.
  auto message = std::make_shared<v1::Group>();
  engine_->Post(
      [=](GroupEngine::Turn& turn) {
        const Group* group = turn.machine.Peek(group_id);
        if (group != nullptr) *message = ToMessage(*group);
      },
      [=](const std::optional<Refusal>&) {
        EventStream* stream = hub_.Find(id);
        // Without the group the stream is about to end.
        const bool found = !message->group_id().empty();
        if (stream != nullptr && found) stream->Refill(*message);
      });
}

grpc::ServerWriteReactor<v1::JoinGroupResponse>* GroupsService::JoinGroup(
    grpc::CallbackServerContext* context, const v1::JoinGroupRequest* request) {
  const Result<Caller> caller = Admit(*context, Method("JoinGroup"));
  if (!caller.ok())
    return new RefusedStream<v1::JoinGroupResponse>(caller.refusal());
  const StreamId id = ++last_id_;
  const JoinCommand command = FromMessage(*request);
  auto* stream = NewStream<v1::JoinGroupResponse>(id, command.group_id);
  struct State {
    std::optional<Refusal> refusal;
    v1::JoinGroupResponse first;
  };
  // Shared by the two halves of one command, which run one after the other.
  auto state = std::make_shared<State>();
  engine_->Post(
      [=, caller = caller.value(),
       include_plan = request->include_plan()](GroupEngine::Turn& turn) {
        v1::Group plan_only;
        if (include_plan) {
          const auto group = turn.machine.Find(caller, command.group_id);
          if (!group.ok()) {
            state->refusal = group.refusal();
            return;
          }
          plan_only.set_plan_hash(group.value()->record().plan_hash);
          state->refusal = AddPlan(turn, &plan_only);
          if (state->refusal.has_value()) return;
        }
        const auto joined =
            turn.machine.Join(caller, command, id, turn.now, &turn.effects);
        if (!joined.ok()) {
          state->refusal = joined.refusal();
          return;
        }
        v1::Group* group = state->first.mutable_group();
        *group = ToMessage(*turn.machine.Peek(command.group_id));
        if (include_plan) group->mutable_plan()->Swap(plan_only.mutable_plan());
        v1::Joined* message = state->first.mutable_joined();
        message->set_slot(joined.value().slot);
        message->set_incarnation(joined.value().incarnation);
        message->set_resumed(joined.value().resumed);
      },
      [=](const std::optional<Refusal>& failure) {
        const v1::Joined& joined = state->first.joined();
        std::optional<Refusal> no =
            failure.has_value() ? failure : state->refusal;
        if (draining_) no = Draining();
        std::optional<StreamHub::Life> life;
        if (!no.has_value()) life = {command.member_id, joined.incarnation()};
        hub_.Add(id, command.group_id, life,
                 std::unique_ptr<EventStream>(stream));
        if (no.has_value()) return stream->End(ToRpcStatus(*no));
        const uint64_t sequence = state->first.group().sequence();
        stream->Start(std::move(state->first), sequence);
      });
  return stream;
}

grpc::ServerWriteReactor<v1::WatchGroupResponse>* GroupsService::WatchGroup(
    grpc::CallbackServerContext* context,
    const v1::WatchGroupRequest* request) {
  const Result<Caller> caller = Admit(*context, Method("WatchGroup"));
  if (!caller.ok())
    return new RefusedStream<v1::WatchGroupResponse>(caller.refusal());
  const StreamId id = ++last_id_;
  auto* stream = NewStream<v1::WatchGroupResponse>(id, request->group_id());
  struct State {
    std::optional<Refusal> refusal;
    std::optional<v1::WatchGroupResponse> first;
    uint64_t sequence = 0;
    std::vector<EventPtr> missed;
  };
  // Shared by the two halves of one command, which run one after the other.
  auto state = std::make_shared<State>();
  engine_->Post(
      [=, caller = caller.value(), group_id = request->group_id(),
       after = request->after_sequence()](GroupEngine::Turn& turn) {
        const auto group = turn.machine.Find(caller, group_id);
        if (!group.ok()) {
          state->refusal = group.refusal();
          return;
        }
        auto missed =
            after != 0 ? group.value()->EventsAfter(after) : std::nullopt;
        state->sequence =
            missed.has_value() ? after : group.value()->record().sequence;
        if (missed.has_value()) {
          state->missed = *std::move(missed);
        } else {
          state->first.emplace();
          *state->first->mutable_group() = ToMessage(*group.value());
        }
      },
      [=,
       group_id = request->group_id()](const std::optional<Refusal>& failure) {
        std::optional<Refusal> no =
            failure.has_value() ? failure : state->refusal;
        if (draining_) no = Draining();
        hub_.Add(id, group_id, std::nullopt,
                 std::unique_ptr<EventStream>(stream));
        if (no.has_value()) return stream->End(ToRpcStatus(*no));
        stream->Start(std::move(state->first), state->sequence);
        stream->Push(state->missed);
      });
  return stream;
}

}  // namespace ithaca::groups
