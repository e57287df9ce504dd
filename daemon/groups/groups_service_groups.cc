// GroupsService: groups as a whole, made, planned again, explained.

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/groups/convert.h"
#include "daemon/groups/groups_service.h"
#include "daemon/groups/plan_source.h"
#include "daemon/groups/replan_source.h"
#include "daemon/groups/sub_groups.h"

namespace ithaca::groups {
namespace {

constexpr uint32_t kDefaultDecisions = 32;

CreateCommand CommandFor(const v1::CreateGroupRequest& request,
                         const planner::v1::Plan& plan, int64_t wall_unix_ms) {
  CreateCommand command{request.group_id(),
                        static_cast<uint32_t>(plan.ranks_size()), plan.hash(),
                        wall_unix_ms};
  command.on_loss = FromMessage(request.on_loss());
  command.min_size = request.min_size();
  command.constraints = KeptConstraints(request);
  command.mesh = MeshOf(plan);
  return command;
}

}  // namespace

grpc::ServerUnaryReactor* GroupsService::CreateGroup(
    grpc::CallbackServerContext* context, const v1::CreateGroupRequest* request,
    v1::CreateGroupResponse* response) {
  // Shared by the two halves, which run one after the other. Null: by hash.
  auto plan = std::make_shared<PlanPtr>();
  const UnaryPrepare prepare = [this, plan,
                                request]() -> std::optional<Refusal> {
    const Result<PlanPtr> found = PlanOfRequest(*request, options_.plans);
    if (!found.ok()) return found.refusal();
    *plan = found.value();
    return std::nullopt;
  };
  const UnaryWork work =
      [this, plan, request, response](
          const Caller& caller,
          GroupEngine::Turn& turn) -> std::optional<Refusal> {
    if (*plan == nullptr) {
      const Result<PlanPtr> found =
          PlanOfHash(request->plan_hash(), options_.plans, &turn.store);
      if (!found.ok()) return found.refusal();
      *plan = found.value();
    }
    return Create(caller, *request, **plan, turn, response);
  };
  return Unary(context, Method("CreateGroup"), work, prepare);
}

std::optional<Refusal> GroupsService::Create(
    const Caller& caller, const v1::CreateGroupRequest& request,
    const planner::v1::Plan& plan, GroupEngine::Turn& turn,
    v1::CreateGroupResponse* response) {
  CreateCommand command = CommandFor(request, plan, options_.wall_clock());
  // Only for the one that makes it: a thousand ranks may call.
  if (turn.machine.Peek(request.group_id()) == nullptr)
    command.plan = plan.SerializeAsString();
  const Result<bool> created =
      turn.machine.Create(caller, command, turn.now, &turn.effects);
  if (!created.ok()) return created.refusal();
  const Group& group = *turn.machine.Peek(request.group_id());
  *response->mutable_group() = ToMessage(group);
  response->set_created(created.value());
  if (!request.include_plan()) return std::nullopt;
  if (group.record().plan_hash != plan.hash())
    return AddPlan(turn, response->mutable_group());
  *response->mutable_group()->mutable_plan() = plan;
  return std::nullopt;
}

// ---- another plan

Replanner GroupsService::ReplannerFor(const v1::ReplanGroupRequest& asked) {
  return [this, asked](const ReplanQuestion& question) {
    return AnswerReplan(question, asked, options_.plans, options_.store);
  };
}

grpc::ServerUnaryReactor* GroupsService::ReplanGroup(
    grpc::CallbackServerContext* context, const v1::ReplanGroupRequest* request,
    v1::ReplanGroupResponse* response) {
  return Unary(context, Method("ReplanGroup"),
               [this, request, response](
                   const Caller& caller,
                   GroupEngine::Turn& turn) -> std::optional<Refusal> {
                 Result<ReplanOutcome> outcome = turn.machine.Replan(
                     caller, FromMessage(*request), ReplannerFor(*request),
                     turn.now, &turn.effects);
                 if (!outcome.ok()) return outcome.refusal();
                 return FillReplan(*request, outcome.value(), turn, response);
               });
}

std::optional<Refusal> GroupsService::FillReplan(
    const v1::ReplanGroupRequest& request, const ReplanOutcome& outcome,
    GroupEngine::Turn& turn, v1::ReplanGroupResponse* response) {
  v1::Group* group = response->mutable_group();
  *group = ToMessage(*turn.machine.Peek(request.fence().group_id()));
  group->set_plan_hash(outcome.answer.plan_hash);
  group->set_size(static_cast<uint32_t>(outcome.answer.old_ranks.size()));
  for (const ReplanOutcome::Move& from : outcome.moves) {
    v1::SlotMove* move = response->add_moves();
    move->set_member_id(from.member_id);
    move->set_old_slot(from.old_slot);
    if (from.new_slot.has_value()) move->set_new_slot(*from.new_slot);
  }
  response->set_moved_tokens(outcome.answer.moved_tokens);
  response->set_text(outcome.answer.text + ".");
  if (request.include_plan() &&
      !group->mutable_plan()->ParseFromString(outcome.answer.plan)) {
    return AddPlan(turn, group);
  }
  return std::nullopt;
}

// ---- reading

grpc::ServerUnaryReactor* GroupsService::ExplainGroup(
    grpc::CallbackServerContext* context,
    const v1::ExplainGroupRequest* request,
    v1::ExplainGroupResponse* response) {
  return Unary(context, Method("ExplainGroup"),
               [this, request, response](
                   const Caller& caller,
                   GroupEngine::Turn& turn) -> std::optional<Refusal> {
                 const auto found =
                     turn.machine.Find(caller, request->group_id());
                 if (!found.ok()) return found.refusal();
                 const Group& group = *found.value();
                 const Clocks clocks{turn.now, options_.wall_clock()};
                 *response->mutable_group() = ToMessage(group);
                 const auto& decisions = group.decisions();
                 const size_t wanted = request->max_decisions() != 0
                                           ? request->max_decisions()
                                           : kDefaultDecisions;
                 const size_t skipped =
                     decisions.size() > wanted ? decisions.size() - wanted : 0;
                 for (size_t i = skipped; i < decisions.size(); ++i)
                   *response->add_decisions() = ToMessage(decisions[i], clocks);
                 for (const Waiting& waiting : group.Waits())
                   *response->add_waits() = ToMessage(waiting, clocks);
                 return std::nullopt;
               });
}

grpc::ServerUnaryReactor* GroupsService::GetGroup(
    grpc::CallbackServerContext* context, const v1::GetGroupRequest* request,
    v1::GetGroupResponse* response) {
  return Unary(context, Method("GetGroup"),
               [this, request, response](
                   const Caller& caller,
                   GroupEngine::Turn& turn) -> std::optional<Refusal> {
                 const auto group =
                     turn.machine.Find(caller, request->group_id());
                 if (!group.ok()) return group.refusal();
                 v1::Group* message = response->mutable_group();
                 *message = ToMessage(*group.value());
                 if (request->include_sub_groups()) {
                   for (v1::SubGroup& sub_group :
                        AllSubGroups(group.value()->record().mesh)) {
                     *message->add_sub_groups() = std::move(sub_group);
                   }
                 }
                 if (!request->include_plan()) return std::nullopt;
                 return AddPlan(turn, message);
               });
}

}  // namespace ithaca::groups
