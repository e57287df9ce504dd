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

Refusal DaemonStops() {
  return Refusal{absl::StatusCode::kUnavailable,
                 "DRAINING",
                 "the daemon is shutting down",
                 "resume when it is back; groups and epochs are kept",
                 {}};
}

}  // namespace

std::string GroupsService::Method(const char* name) {
  return absl::StrCat("/ithaca.groups.v1.GroupsService/", name);
}

Refusal GroupsService::Draining() const {
  std::lock_guard<std::mutex> lock(drain_mutex_);
  return drain_why_;
}

std::optional<Refusal> GroupsService::AddPlan(GroupEngine::Turn& turn,
                                              v1::Group* message) {
  const Result<PlanPtr> plan =
      PlanOfHash(message->plan_hash(), options_.plans, &turn.store);
  if (!plan.ok()) return plan.refusal();
  *message->mutable_plan() = *plan.value();
  return std::nullopt;
}

absl::StatusOr<std::unique_ptr<GroupsService>> GroupsService::Start(
    Options options) {
  std::unique_ptr<GroupsService> service(new GroupsService(std::move(options)));
  GroupEngine::Options engine;
  engine.limits = service->options_.limits;
  engine.store = service->options_.store;
  engine.listener = service.get();
  engine.clock = service->options_.clock;
  engine.log = service->options_.log;
  engine.wall_clock = service->options_.wall_clock;
  engine.claim_while = service->options_.claim_while;
  engine.on_claim_lost = service->options_.on_claim_lost;
  engine.may_answer = service->options_.may_answer;
  engine.replanner = service->ReplannerFor({});
  auto started = GroupEngine::Start(std::move(engine));
  if (!started.ok()) return started.status();
  service->engine_ = std::move(*started);
  return service;
}

GroupsService::~GroupsService() {
  if (engine_ != nullptr) engine_->Stop();
}

void GroupsService::Drain(std::optional<Refusal> why) {
  {
    std::lock_guard<std::mutex> lock(drain_mutex_);
    if (draining_) return;
    drain_why_ = why.has_value() ? std::move(*why) : DaemonStops();
    draining_ = true;
  }
  engine_->Post(
      [](GroupEngine::Turn&) {},
      [this](const std::optional<Refusal>&) { EndEverything(Draining()); });
}

void GroupsService::EndEverything(const Refusal& why) {
  hub_.EndAll(ToRpcStatus(why));
  for (auto& [id, wait] : std::exchange(waits_, {})) wait->Complete(why);
}

void GroupsService::ClaimLost(const Refusal& why) {
  {
    std::lock_guard<std::mutex> lock(drain_mutex_);
    if (!draining_) drain_why_ = why;
    draining_ = true;
  }
  EndEverything(why);
}

void GroupsService::Count(std::function<void(const Census&)> done) {
  engine_->Post(
      [done = std::move(done)](GroupEngine::Turn& turn) {
        Census census;
        for (const auto& [id, group] : turn.machine.groups()) {
          ++(group->complete() ? census.complete : census.forming);
          census.members += group->member_count();
          for (const Seat& seat : group->roster().slots()) {
            if (seat.member.has_value()) census.nodes.insert(seat.member->node);
          }
          for (const auto& [life, seat] : group->roster().spares())
            census.nodes.insert(seat.member->node);
        }
        done(census);
      },
      [](const std::optional<Refusal>&) {});
}

Result<Caller> GroupsService::Admit(const grpc::ServerContextBase& context,
                                    const std::string& method) {
  if (draining_) return Draining();
  return options_.gate->Admit(context, method);
}

// ---- engine's listener

void GroupsService::Deliver(const Effects& effects,
                            const GroupMachine& machine) {
  hub_.Deliver(effects, &machine);
  if (options_.observer != nullptr) options_.observer(effects);
  for (const Effects::StreamEnd& end : effects.ended) hub_.End(end);
  for (const Effects::WaitAnswer& answer : effects.answers) {
    const auto found = waits_.find(answer.waiter);
    if (found == waits_.end()) continue;
    UnaryWait* wait = found->second;
    waits_.erase(found);
    wait->Complete(answer.answer);
  }
}

void GroupsService::WriteFailed(const Effects& effects, const Refusal& why) {
  Effects suspects;
  for (const Effects::Notice& notice : effects.notices) {
    if (notice.event->type != EventType::kLost) continue;
    auto suspect = std::make_shared<Event>(*notice.event);
    suspect->sequence = 0;
    suspect->type = EventType::kSuspect;
    suspect->epoch = 0;
    suspect->reason_code = "STORE_FAILED";
    suspect->reason =
        absl::StrCat(notice.event->reason, ", and ", why.sentence);
    suspects.notices.push_back({notice.group_id, std::move(suspect)});
  }
  hub_.Deliver(suspects, nullptr);
  // The machine that knew these is gone.
  for (auto& [id, wait] : std::exchange(waits_, {})) wait->Complete(why);
}

// ---- unary calls

grpc::ServerUnaryReactor* GroupsService::Unary(
    grpc::CallbackServerContext* context, const std::string& method,
    UnaryWork work, const UnaryPrepare& prepare,
    GroupEngine::Batching batching) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const Result<Caller> caller = Admit(*context, method);
  if (!caller.ok()) {
    reactor->Finish(ToRpcStatus(caller.refusal()));
    return reactor;
  }
  if (prepare != nullptr) {
    if (const std::optional<Refusal> no = prepare()) {
      reactor->Finish(ToRpcStatus(*no));
      return reactor;
    }
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
      },
      batching);
  return reactor;
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
                     request->data(), turn.now, &turn.effects);
                 if (!done.ok()) return done.refusal();
                 return std::nullopt;
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
  // Who joined just before is told the group that it joined.
  return Unary(
      context, Method("DeleteGroup"),
      [request](const Caller& caller,
                GroupEngine::Turn& turn) -> std::optional<Refusal> {
        const Result<Done> done = turn.machine.Delete(
            caller, request->group_id(), request->force(), &turn.effects);
        if (!done.ok()) return done.refusal();
        return std::nullopt;
      },
      nullptr, GroupEngine::Batching::kApart);
}

}  // namespace ithaca::groups
