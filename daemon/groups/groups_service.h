// ithaca.groups.v1.GroupsService over gRPC's callback API.
//
// Each handler asks the gate who calls, posts a command to the engine and
// answers when the engine says that it is durable. No handler blocks, and no
// stream holds a thread. Nothing is decided here: that is GroupMachine's.
//
// Registered by ithacad. Threads: handlers run on gRPC's; streams and waiters
// are kept on the engine's. Life: Start; register with a server; Drain; shut
// the server down; then destroy (the server must be gone by then).
#ifndef ITHACA_DAEMON_GROUPS_GROUPS_SERVICE_H_
#define ITHACA_DAEMON_GROUPS_GROUPS_SERVICE_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/groups/gate.h"
#include "daemon/groups/group_engine.h"
#include "daemon/groups/plan_shelf.h"
#include "daemon/groups/process_watch.h"
#include "daemon/groups/stream_hub.h"
#include "daemon/groups/stream_quota.h"
#include "daemon/groups/unary_wait.h"
#include "ithaca/groups/v1/groups.grpc.pb.h"

namespace ithaca::groups {

// The two streams are answered with bytes that were encoded once for many.
using RawStreamsService = v1::GroupsService::WithRawCallbackMethod_JoinGroup<
    v1::GroupsService::WithRawCallbackMethod_WatchGroup<
        v1::GroupsService::CallbackService>>;

class GroupsService final : public RawStreamsService, private EngineListener {
 public:
  struct Options {
    Limits limits;
    // All must outlive the service.
    store::Store* store = nullptr;
    Gate* gate = nullptr;
    PlanShelf* plans = nullptr;
    // Null: that a member's process ended is seen by its stream alone.
    ProcessWatch* processes = nullptr;
    // Monotonic milliseconds.
    std::function<Millis()> clock;
    // Milliseconds since 1970, for people.
    std::function<int64_t()> wall_clock;
    // See GroupEngine::Options.
    std::vector<store::Compare> claim_while;
    std::function<void(const std::string& why)> on_claim_lost;
    std::function<bool()> may_answer;
    std::function<void(const std::string&)> log;
    // Told, on the engine's thread, of what clients were told; may be null.
    std::function<void(const Effects&)> observer;
  };

  // Reads the store. Errors as LoadGroups.
  static absl::StatusOr<std::unique_ptr<GroupsService>> Start(Options options);
  ~GroupsService() override;

  // Refuses what comes, and ends every stream and wait, with `why`; without one
  // with DRAINING. Members stay members: they resume when the daemon is back.
  // Returns at once; only the first call counts.
  void Drain(std::optional<Refusal> why = std::nullopt);

  // How many groups there are. Calls back on the engine's thread; never, when
  // the store is broken.
  struct Census {
    size_t forming = 0;
    size_t complete = 0;
    // Slots that are held.
    size_t members = 0;
    // Nodes through whose daemons members and spares came.
    std::set<std::string> nodes = {};
  };
  void Count(std::function<void(const Census&)> done);
  // A node has been silent for long, is heard again, or is gone: what becomes
  // of the members that came through its daemon. `text` says how that is known,
  // a sentence without a full stop. Any thread.
  using NodeNews = GroupMachine::NodeNews;
  void TellNode(NodeNews news, const std::string& node,
                const std::string& text);

  grpc::ServerUnaryReactor* CreateGroup(
      grpc::CallbackServerContext* context,
      const v1::CreateGroupRequest* request,
      v1::CreateGroupResponse* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* JoinGroup(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* LeaveGroup(
      grpc::CallbackServerContext* context,
      const v1::LeaveGroupRequest* request,
      v1::LeaveGroupResponse* response) override;
  grpc::ServerUnaryReactor* PublishBlob(
      grpc::CallbackServerContext* context,
      const v1::PublishBlobRequest* request,
      v1::PublishBlobResponse* response) override;
  grpc::ServerUnaryReactor* GetBlob(grpc::CallbackServerContext* context,
                                    const v1::GetBlobRequest* request,
                                    v1::GetBlobResponse* response) override;
  grpc::ServerUnaryReactor* Barrier(grpc::CallbackServerContext* context,
                                    const v1::BarrierRequest* request,
                                    v1::BarrierResponse* response) override;
  grpc::ServerUnaryReactor* Commit(grpc::CallbackServerContext* context,
                                   const v1::CommitRequest* request,
                                   v1::CommitResponse* response) override;
  grpc::ServerUnaryReactor* ReplanGroup(
      grpc::CallbackServerContext* context,
      const v1::ReplanGroupRequest* request,
      v1::ReplanGroupResponse* response) override;
  grpc::ServerUnaryReactor* ExplainGroup(
      grpc::CallbackServerContext* context,
      const v1::ExplainGroupRequest* request,
      v1::ExplainGroupResponse* response) override;
  grpc::ServerUnaryReactor* GetGroup(grpc::CallbackServerContext* context,
                                     const v1::GetGroupRequest* request,
                                     v1::GetGroupResponse* response) override;
  grpc::ServerUnaryReactor* ListGroups(
      grpc::CallbackServerContext* context,
      const v1::ListGroupsRequest* request,
      v1::ListGroupsResponse* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchGroup(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* DeleteGroup(
      grpc::CallbackServerContext* context,
      const v1::DeleteGroupRequest* request,
      v1::DeleteGroupResponse* response) override;

 private:
  // What takes computing and needs no group: done on gRPC's thread, for those
  // who may call. Then the work, on the engine's; it fills the response. A
  // refusal refuses the call.
  using UnaryPrepare = std::function<std::optional<Refusal>()>;
  using UnaryWork =
      std::function<std::optional<Refusal>(const Caller&, GroupEngine::Turn&)>;

  static std::string Method(const char* name);
  // What a draining service says.
  Refusal Draining() const;
  // Adds the plan that message->plan_hash() names.
  std::optional<Refusal> AddPlan(GroupEngine::Turn& turn, v1::Group* message);

  explicit GroupsService(Options options)
      : options_(std::move(options)),
        hub_(FanoutOptions()),
        quota_(options_.limits) {}

  Fanout::Options FanoutOptions();
  void Deliver(const Effects& effects, const GroupMachine& machine) override;
  void WriteFailed(const Effects& effects, const Refusal& why) override;
  void Reattach(GroupMachine* machine) override;
  void ClaimLost(const Refusal& why) override;
  void EndEverything(const Refusal& why);

  Result<Caller> Admit(const grpc::ServerContextBase& context,
                       const std::string& method);
  grpc::ServerUnaryReactor* Unary(
      grpc::CallbackServerContext* context, const std::string& method,
      UnaryWork work, const UnaryPrepare& prepare = nullptr,
      GroupEngine::Batching batching = GroupEngine::Batching::kTogether);
  std::optional<Refusal> Create(const Caller& caller,
                                const v1::CreateGroupRequest& request,
                                const planner::v1::Plan& plan,
                                GroupEngine::Turn& turn,
                                v1::CreateGroupResponse* response);
  // Makes plans for what is left of groups, as `asked` says.
  Replanner ReplannerFor(const v1::ReplanGroupRequest& asked);
  std::optional<Refusal> FillReplan(const v1::ReplanGroupRequest& request,
                                    const ReplanOutcome& outcome,
                                    GroupEngine::Turn& turn,
                                    v1::ReplanGroupResponse* response);
  // A call that may wait for others of the group: `work` gives what it waits
  // for, or nothing, and then the waiter is answered by an effect.
  using WaitWork = std::function<Result<std::optional<Waited>>(
      const Caller&, GroupEngine::Turn&, WaiterId)>;
  grpc::ServerUnaryReactor* Await(grpc::CallbackServerContext* context,
                                  const std::string& method,
                                  const std::string& group_id, WaitWork work,
                                  UnaryWait::Fill fill);
  EventStream* NewStream(StreamId id, const std::string& group_id,
                         const grpc::ServerContextBase* context);
  // The plan that the group runs, encoded; empty when it is not wanted.
  Result<grpc::Slice> PlanBytes(const Caller& caller,
                                const std::string& group_id,
                                GroupEngine::Turn& turn);
  void StreamsBehind(const std::string& group_id);
  void StreamBroken(const std::string& group_id, StreamId id, StreamFate fate);
  // A process that ended may have left its connection open to a child.
  void WatchProcess(const Caller& caller, const std::string& group_id,
                    StreamId id);
  void ProcessExited(const std::string& group_id, StreamId id);
  void RemoveStream(StreamId id);
  void DropWait(const std::string& group_id, WaiterId id);

  const Options options_;
  std::unique_ptr<GroupEngine> engine_;
  std::atomic<bool> draining_{false};
  mutable std::mutex drain_mutex_;
  Refusal drain_why_;  // guarded by drain_mutex_
  std::atomic<uint64_t> last_id_{0};

  // Below: the engine's thread only.
  StreamHub hub_;
  StreamQuota quota_;
  // The plan that was encoded last: all members of a group want the same.
  std::pair<std::string, grpc::Slice> last_plan_;
  std::unordered_map<StreamId, ProcessWatch::Id> process_of_stream_;
  bool told_of_unwatched_ = false;
  std::map<WaiterId, UnaryWait*> waits_;
  // Nodes that are silent or gone, and why, for a machine that is read again.
  std::map<std::string, std::pair<NodeNews, std::string>> node_news_;
};

}  // namespace ithaca::groups

#endif  // ITHACA_DAEMON_GROUPS_GROUPS_SERVICE_H_
