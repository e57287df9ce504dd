#include "daemon/groups/groups_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/groups/convert.h"
#include "daemon/groups/plan_source.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::groups {
namespace {

constexpr uint32_t kDefaultPage = 100;
constexpr uint32_t kMaxPage = 1000;

std::string Method(const char* name) {
  return absl::StrCat("/ithaca.groups.v1.GroupsService/", name);
}

Refusal Draining() {
  return Refusal{absl::StatusCode::kUnavailable,
                 "DRAINING",
                 "the daemon is shutting down",
                 "resume when it is back; groups and epochs are kept",
                 {}};
}

// A stream that is refused before anything knows of it. Deletes itself.
template <typename Response>
class RefusedStream : public grpc::ServerWriteReactor<Response> {
 public:
  explicit RefusedStream(const Refusal& refusal) {
    this->Finish(ToRpcStatus(refusal));
  }
  void OnDone() override { delete this; }
};

std::optional<Refusal> AddPlan(GroupEngine::Turn& turn, PlanShelf* shelf,
                               v1::Group* message) {
  const Result<PlanPtr> plan =
      PlanOfHash(message->plan_hash(), shelf, &turn.store);
  if (!plan.ok()) return plan.refusal();
  *message->mutable_plan() = *plan.value();
  return std::nullopt;
}

}  // namespace

// A GetBlob call, which may wait. Owned by gRPC until OnDone, then by the
// answer of the last command about it.
class GroupsService::BlobWait : public grpc::ServerUnaryReactor {
 public:
  BlobWait(GroupsService* service, std::string group_id, WaiterId id,
           v1::GetBlobResponse* response)
      : service_(service),
        group_id_(std::move(group_id)),
        id_(id),
        response_(response) {}

  void Complete(const Result<Blob>& blob) {
    if (!blob.ok()) return Finish(ToRpcStatus(blob.refusal()));
    response_->set_data(*blob.value().data);
    response_->set_publisher_slot(blob.value().publisher_slot);
    Finish(grpc::Status::OK);
  }
  void OnCancel() override { service_->DropWait(group_id_, id_); }
  void OnDone() override {
    service_->engine_->Post(
        [](GroupEngine::Turn&) {},
        [this](const std::optional<Refusal>&) { delete this; });
  }

 private:
  GroupsService* const service_;
  const std::string group_id_;
  const WaiterId id_;
  v1::GetBlobResponse* const response_;
};

absl::StatusOr<std::unique_ptr<GroupsService>> GroupsService::Start(
    Options options) {
  std::unique_ptr<GroupsService> service(new GroupsService(std::move(options)));
  GroupEngine::Options engine;
  engine.limits = service->options_.limits;
  engine.store = service->options_.store;
  engine.listener = service.get();
  engine.clock = service->options_.clock;
  engine.log = service->options_.log;
  auto started = GroupEngine::Start(std::move(engine));
  if (!started.ok()) return started.status();
  service->engine_ = std::move(*started);
  return service;
}

GroupsService::~GroupsService() {
  if (engine_ != nullptr) engine_->Stop();
}

void GroupsService::Drain() {
  if (draining_.exchange(true)) return;
  engine_->Post([](GroupEngine::Turn&) {},
                [this](const std::optional<Refusal>&) {
                  hub_.EndAll(ToRpcStatus(Draining()));
                  for (auto& [id, wait] : std::exchange(waits_, {})) {
                    wait->Complete(Draining());
                  }
                });
}

Result<Caller> GroupsService::Admit(const grpc::ServerContextBase& context,
                                    const std::string& method) {
  if (draining_) return Draining();
  return options_.gate->Admit(context, method);
}

// ------------------------------------------------------------------- engine's
// listener

void GroupsService::Deliver(const Effects& effects) {
  hub_.Deliver(effects.notices);
  for (const Effects::StreamEnd& end : effects.ended) hub_.End(end);
  for (const Effects::BlobAnswer& answer : effects.answers) {
    const auto found = waits_.find(answer.waiter);
    if (found == waits_.end()) continue;
    BlobWait* wait = found->second;
    waits_.erase(found);
    wait->Complete(answer.answer);
  }
}

void GroupsService::WriteFailed(const Effects& effects, const Refusal& why) {
  std::vector<Effects::Notice> suspects;
  for (const Effects::Notice& notice : effects.notices) {
    if (notice.event->type != EventType::kLost) continue;
    auto suspect = std::make_shared<Event>(*notice.event);
    suspect->sequence = 0;
    suspect->type = EventType::kSuspect;
    suspect->epoch = 0;
    suspect->reason_code = "STORE_FAILED";
    suspect->reason =
        absl::StrCat(notice.event->reason, ", and ", why.sentence);
    suspects.push_back({notice.group_id, std::move(suspect)});
  }
  hub_.Deliver(suspects);
  // The machine that knew these is gone.
  for (auto& [id, wait] : std::exchange(waits_, {})) wait->Complete(why);
}

// --------------------------------------------------------------------------
// unary calls

grpc::ServerUnaryReactor* GroupsService::Unary(
    grpc::CallbackServerContext* context, const std::string& method,
    UnaryWork work) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const Result<Caller> caller = Admit(*context, method);
  if (!caller.ok()) {
    reactor->Finish(ToRpcStatus(caller.refusal()));
    return reactor;
  }
  // Shared by the two halves of one command, which run one after the other.
  auto refusal = std::make_shared<std::optional<Refusal>>();
  engine_->Post(
      [refusal, work = std::move(work), caller = caller.value()](
          GroupEngine::Turn& turn) { *refusal = work(caller, turn); },
      [refusal, reactor](const std::optional<Refusal>& failure) {
        const std::optional<Refusal>& no =
            failure.has_value() ? failure : *refusal;
        reactor->Finish(no.has_value() ? ToRpcStatus(*no) : grpc::Status::OK);
      });
  return reactor;
}

grpc::ServerUnaryReactor* GroupsService::CreateGroup(
    grpc::CallbackServerContext* context, const v1::CreateGroupRequest* request,
    v1::CreateGroupResponse* response) {
  return Unary(
      context, Method("CreateGroup"),
      [this, request, response](const Caller& caller, GroupEngine::Turn& turn)
          -> std::optional<Refusal> {
        Result<PlanPtr> plan = PlanOfRequest(*request, options_.plans);
        if (plan.ok() && plan.value() == nullptr) {
          plan = PlanOfHash(request->plan_hash(), options_.plans, &turn.store);
        }
        if (!plan.ok()) return plan.refusal();
        const planner::v1::Plan& chosen = *plan.value();
        const Result<bool> created = turn.machine.Create(
            caller,
            {request->group_id(), static_cast<uint32_t>(chosen.ranks_size()),
             chosen.hash(), options_.wall_clock()},
            turn.now, &turn.effects);
        if (!created.ok()) return created.refusal();
        if (created.value())
          turn.plans[chosen.hash()] = chosen.SerializeAsString();
        *response->mutable_group() =
            ToMessage(*turn.machine.Peek(request->group_id()));
        if (request->include_plan())
          *response->mutable_group()->mutable_plan() = chosen;
        response->set_created(created.value());
        return std::nullopt;
      });
}

grpc::ServerUnaryReactor* GroupsService::LeaveGroup(
    grpc::CallbackServerContext* context, const v1::LeaveGroupRequest* request,
    v1::LeaveGroupResponse* response) {
  return Unary(
      context, Method("LeaveGroup"),
      [request, response](const Caller& caller,
                          GroupEngine::Turn& turn) -> std::optional<Refusal> {
        const Result<uint64_t> epoch = turn.machine.Leave(
            caller, FromMessage(request->fence()), turn.now, &turn.effects);
        if (!epoch.ok()) return epoch.refusal();
        response->set_epoch(epoch.value());
        return std::nullopt;
      });
}

grpc::ServerUnaryReactor* GroupsService::PublishBlob(
    grpc::CallbackServerContext* context, const v1::PublishBlobRequest* request,
    v1::PublishBlobResponse*) {
  return Unary(context, Method("PublishBlob"),
               [request](const Caller& caller,
                         GroupEngine::Turn& turn) -> std::optional<Refusal> {
                 const Result<Done> done = turn.machine.Publish(
                     caller, FromMessage(request->fence()), request->name(),
                     request->data(), &turn.effects);
                 if (!done.ok()) return done.refusal();
                 return std::nullopt;
               });
}

grpc::ServerUnaryReactor* GroupsService::GetGroup(
    grpc::CallbackServerContext* context, const v1::GetGroupRequest* request,
    v1::GetGroupResponse* response) {
  return Unary(
      context, Method("GetGroup"),
      [this, request, response](const Caller& caller, GroupEngine::Turn& turn)
          -> std::optional<Refusal> {
        const auto group = turn.machine.Find(caller, request->group_id());
        if (!group.ok()) return group.refusal();
        *response->mutable_group() = ToMessage(*group.value());
        if (!request->include_plan()) return std::nullopt;
        return AddPlan(turn, options_.plans, response->mutable_group());
      });
}

grpc::ServerUnaryReactor* GroupsService::ListGroups(
    grpc::CallbackServerContext* context, const v1::ListGroupsRequest* request,
    v1::ListGroupsResponse* response) {
  return Unary(
      context, Method("ListGroups"),
      [request, response](const Caller& caller,
                          GroupEngine::Turn& turn) -> std::optional<Refusal> {
        if (request->page_size() > kMaxPage) {
          return InvalidRequest(absl::StrCat("page_size: is above ", kMaxPage),
                                "ask for less");
        }
        const size_t size =
            request->page_size() == 0 ? kDefaultPage : request->page_size();
        auto page = turn.machine.List(caller, request->page_token(), size + 1);
        const bool more = page.size() > size;
        if (more) page.pop_back();
        for (const Group* group : page)
          *response->add_groups() = ToSummary(*group);
        if (more) response->set_next_page_token(page.back()->record().id);
        return std::nullopt;
      });
}

grpc::ServerUnaryReactor* GroupsService::DeleteGroup(
    grpc::CallbackServerContext* context, const v1::DeleteGroupRequest* request,
    v1::DeleteGroupResponse*) {
  return Unary(context, Method("DeleteGroup"),
               [request](const Caller& caller,
                         GroupEngine::Turn& turn) -> std::optional<Refusal> {
                 const Result<Done> done =
                     turn.machine.Delete(caller, request->group_id(),
                                         request->force(), &turn.effects);
                 if (!done.ok()) return done.refusal();
                 return std::nullopt;
               });
}

// ------------------------------------------------------------------------------
// waiting

grpc::ServerUnaryReactor* GroupsService::GetBlob(
    grpc::CallbackServerContext* context, const v1::GetBlobRequest* request,
    v1::GetBlobResponse* response) {
  const WaiterId id = ++last_id_;
  const Fence fence = FromMessage(request->fence());
  auto* wait = new BlobWait(this, fence.group_id, id, response);
  const Result<Caller> caller = Admit(*context, Method("GetBlob"));
  if (!caller.ok()) {
    wait->Complete(caller.refusal());
    return wait;
  }
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
        wait->Finish(grpc::Status::CANCELLED);
      });
}

// ------------------------------------------------------------------------------
// streams

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
        if (stream != nullptr) stream->Refill(*message);
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
          state->refusal = AddPlan(turn, options_.plans, &plan_only);
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
