// A slot of a group, held for as long as the object lives.
//
//   auto view = member->WaitComplete(60'000);       // everybody is there:
//   view->epoch if (member->slot() == 0) member->PublishBlob(view->epoch,
//   "nccl_id", id); auto id = member->GetBlob(view->epoch, "nccl_id", 60'000);
//   ...
//   member->Leave();
//
// With may_park in the request it may be a spare at first (parked()), and wait
// for a slot (WaitSlot).
//
// A loss of another member ends the epoch: calls under the old one fail with
// STALE_EPOCH, the loss callback runs, and WaitComplete waits for the next
// complete epoch. When the daemon is restarted, the membership resumes by
// itself, in the same slot and epoch.
//
// Threads: every method from any. One thread of its own reads the stream; the
// callback runs on it, without a lock held, and must not destroy the object.
// Life: from JoinGroup to Leave, or to the destructor, which the others see as
// a loss.
#ifndef ITHACA_DAEMON_CLIENTS_CC_MEMBERSHIP_H_
#define ITHACA_DAEMON_CLIENTS_CC_MEMBERSHIP_H_

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ithaca/groups/v1/groups.grpc.pb.h"

namespace ithaca::client {

class Membership {
 public:
  // What a membership runs on when a loss is seen: a member was lost or left
  // (then event.epoch() is the new epoch), or is suspected to be gone.
  using LossCallback = std::function<void(const groups::v1::GroupEvent& event)>;

  // How long it tries to resume after the daemon went away, ms.
  static constexpr int64_t kResumeMs = 60'000;

  // Opens the stream and waits for the slot. Used by Client::JoinGroup.
  static absl::StatusOr<std::unique_ptr<Membership>> Join(
      std::shared_ptr<grpc::Channel> channel,
      const groups::v1::JoinGroupRequest& request, int64_t timeout_ms);
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  // Its slot, whether it is parked instead, and its sub-groups along each axis
  // of the plan's mesh. A spare gets a slot when one is free, and a new plan
  // numbers slots anew, each time under a new epoch: ask again after
  // WaitEpochAfter, WaitSlot or WaitComplete.
  groups::v1::Joined Place() const;
  uint32_t slot() const { return Place().slot(); }
  bool parked() const { return Place().parked(); }
  uint64_t incarnation() const { return Place().incarnation(); }

  // The group as known now; its plan, the one in force, if the request asked
  // for it.
  groups::v1::Group View() const;

  // Waits until every slot is held. The group then; or DEADLINE_EXCEEDED, which
  // names the free slots; or why the membership ended.
  absl::StatusOr<groups::v1::Group> WaitComplete(int64_t timeout_ms);

  // Waits until it has a slot: at once, unless it is a spare. The group then;
  // DEADLINE_EXCEEDED; or why the membership ended.
  absl::StatusOr<groups::v1::Group> WaitSlot(int64_t timeout_ms);

  // Waits until the epoch is another one than `epoch`, e.g. because a member
  // was lost. The group then; DEADLINE_EXCEEDED; or why the membership ended.
  absl::StatusOr<groups::v1::Group> WaitEpochAfter(uint64_t epoch,
                                                   int64_t timeout_ms);

  // Calls `callback` for every loss from now on; losses before this call are in
  // View.
  void OnLoss(LossCallback callback);

  // Why the membership ended; OK: it has not.
  absl::Status status() const;

  // 1 to 65536 bytes for the other members of `epoch`.
  absl::Status PublishBlob(uint64_t epoch, const std::string& name,
                           const std::string& data);
  // Such bytes, waiting up to `wait_ms` for them.
  absl::StatusOr<std::string> GetBlob(uint64_t epoch, const std::string& name,
                                      int64_t wait_ms);

  // Waits until all members of `epoch` have called it with the same name and
  // round. DEADLINE_EXCEEDED with BARRIER_TIMEOUT names who has not.
  absl::Status Barrier(uint64_t epoch, const std::string& name, int64_t wait_ms,
                       uint64_t round = 0);
  // Succeeds when all members of `epoch` gave the same 1 to 64 bytes, which is
  // on record then. COMMIT_TIMEOUT names who gave none, COMMIT_DIFFERS who gave
  // others. `round` tells votes apart, see CommitRequest.round.
  absl::StatusOr<groups::v1::Committed> Commit(uint64_t epoch,
                                               const std::string& hash,
                                               int64_t wait_ms,
                                               uint64_t round = 0);

  // Gives up the slot; afterwards the membership has ended.
  absl::Status Leave();

 private:
  Membership(std::shared_ptr<grpc::Channel> channel,
             groups::v1::JoinGroupRequest request, int64_t timeout_ms);

  void Run();
  grpc::Status ReadOneStream();
  bool WaitToRetry(const grpc::Status& ended, int64_t* give_up_at_ms);
  std::vector<groups::v1::GroupEvent> Apply(
      const groups::v1::JoinGroupResponse& message);
  void CallBack(const std::vector<groups::v1::GroupEvent>& missed,
                const groups::v1::JoinGroupResponse& message);
  absl::StatusOr<groups::v1::Group> WaitFor(
      int64_t timeout_ms,
      const std::function<bool(const groups::v1::Group&)>& done);
  groups::v1::Fence FenceAt(uint64_t epoch) const;
  // Calls again while the daemon is away, for the client's timeout plus
  // `wait_ms`.
  absl::Status Call(
      int64_t wait_ms,
      const std::function<grpc::Status(grpc::ClientContext*)>& call) const;
  void CancelStream();

  const std::unique_ptr<groups::v1::GroupsService::Stub> stub_;
  const int64_t timeout_ms_;
  const std::string member_id_;
  groups::v1::JoinGroupRequest request_;  // the reading thread's, after Join

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All below guarded by mutex_.
  groups::v1::Group group_;
  groups::v1::Joined place_;
  bool joined_ = false;
  bool stopping_ = false;
  std::optional<absl::Status> ended_;
  LossCallback on_loss_;
  grpc::ClientContext* stream_ = nullptr;

  std::thread reader_;
};

}  // namespace ithaca::client

#endif  // ITHACA_DAEMON_CLIENTS_CC_MEMBERSHIP_H_
