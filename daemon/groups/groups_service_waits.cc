// GroupsService: the calls that wait.

#include <utility>

#include "daemon/groups/convert.h"
#include "daemon/groups/groups_service.h"
#include "daemon/groups/rpc_status.h"

namespace ithaca::groups {
grpc::ServerUnaryReactor* GroupsService::Await(
    grpc::CallbackServerContext* context, const std::string& method,
    const std::string& group_id, WaitWork work, UnaryWait::Fill fill) {
  const Result<Caller> caller = Admit(*context, method);
  if (!caller.ok()) {
    grpc::ServerUnaryReactor* refused = context->DefaultReactor();
    refused->Finish(ToRpcStatus(caller.refusal()));
    return refused;
  }
  const WaiterId id = ++last_id_;
  auto* wait = new UnaryWait(std::move(fill));
  wait->SetHooks({[=] { DropWait(group_id, id); },
                  [=] {
                    engine_->Post(
                        [](GroupEngine::Turn&) {},
                        [wait](const std::optional<Refusal>&) { delete wait; });
                  }});
  using Answer = Result<std::optional<Waited>>;
  // Shared by the two halves of one command, which run one after the other.
  auto answer = std::make_shared<Answer>(Answer(std::optional<Waited>()));
  engine_->Post(
      [=, caller = caller.value(), work = std::move(work)](
          GroupEngine::Turn& turn) { *answer = work(caller, turn, id); },
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

grpc::ServerUnaryReactor* GroupsService::GetBlob(
    grpc::CallbackServerContext* context, const v1::GetBlobRequest* request,
    v1::GetBlobResponse* response) {
  return Await(
      context, Method("GetBlob"), request->fence().group_id(),
      [request](const Caller& caller, GroupEngine::Turn& turn,
                WaiterId id) -> Result<std::optional<Waited>> {
        auto blob = turn.machine.GetBlob(caller, FromMessage(request->fence()),
                                         request->name(), id,
                                         ToMillis(request->wait()), turn.now);
        if (!blob.ok()) return blob.refusal();
        if (!blob.value().has_value()) return std::optional<Waited>();
        return std::make_optional(Waited{*blob.value()});
      },
      [response](const Waited& waited) {
        response->set_data(*waited.blob.data);
        response->set_publisher_slot(waited.blob.publisher_slot);
      });
}

grpc::ServerUnaryReactor* GroupsService::Barrier(
    grpc::CallbackServerContext* context, const v1::BarrierRequest* request,
    v1::BarrierResponse*) {
  return Await(
      context, Method("Barrier"), request->fence().group_id(),
      [request](const Caller& caller, GroupEngine::Turn& turn,
                WaiterId id) -> Result<std::optional<Waited>> {
        const auto passed = turn.machine.Barrier(
            caller, FromMessage(request->fence()), request->name(),
            request->round(), id, ToMillis(request->wait()), turn.now,
            &turn.effects);
        if (!passed.ok()) return passed.refusal();
        return passed.value() ? std::make_optional(Waited{}) : std::nullopt;
      },
      [](const Waited&) {});
}

grpc::ServerUnaryReactor* GroupsService::Commit(
    grpc::CallbackServerContext* context, const v1::CommitRequest* request,
    v1::CommitResponse* response) {
  return Await(
      context, Method("Commit"), request->fence().group_id(),
      [this, request](const Caller& caller, GroupEngine::Turn& turn,
                      WaiterId id) -> Result<std::optional<Waited>> {
        auto committed = turn.machine.Commit(
            caller, FromMessage(request->fence()),
            {request->hash(), request->round(), options_.wall_clock()}, id,
            ToMillis(request->wait()), turn.now, &turn.effects);
        if (!committed.ok()) return committed.refusal();
        if (!committed.value().has_value()) return std::optional<Waited>();
        return std::make_optional(Waited{{}, *committed.value()});
      },
      [response](const Waited& waited) {
        *response->mutable_committed() = ToMessage(waited.committed);
      });
}

void GroupsService::DropWait(const std::string& group_id, WaiterId id) {
  engine_->Post(
      [=](GroupEngine::Turn& turn) { turn.machine.CancelWaiter(group_id, id); },
      [=](const std::optional<Refusal>&) {
        const auto found = waits_.find(id);
        if (found == waits_.end()) return;
        UnaryWait* wait = found->second;
        waits_.erase(found);
        wait->Abandon();
      });
}

}  // namespace ithaca::groups
