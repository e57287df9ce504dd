#include "daemon/clients/cc/membership.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/clients/cc/group_view.h"
#include "daemon/clients/cc/patience.h"
#include "daemon/clients/cc/rpc_error.h"

namespace ithaca::client {
namespace {

namespace v1 = groups::v1;

constexpr int64_t kRetryEveryMs = 100;
// How much longer than the daemon a call waits, so that the daemon's answer
// arrives.
constexpr int64_t kMarginMs = 5000;

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

google::protobuf::Duration ToDuration(int64_t ms) {
  google::protobuf::Duration duration;
  duration.set_seconds(ms / 1000);
  duration.set_nanos(static_cast<int32_t>(ms % 1000) * 1'000'000);
  return duration;
}

// Whether a call or stream failed because the daemon, or the one that
// coordinates, is, or just goes, away. A call that reaches a server in the
// moment in which it shuts down is cancelled by it.
bool IsAway(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  return (status.code() == absl::StatusCode::kUnavailable ||
          status.code() == absl::StatusCode::kCancelled) &&
         (reason.empty() || reason == "DRAINING" ||
          reason == "NOT_COORDINATOR");
}

bool IsLoss(const v1::GroupEvent& event) {
  return event.type() == v1::EVENT_TYPE_MEMBER_LOST ||
         event.type() == v1::EVENT_TYPE_MEMBER_LEFT ||
         event.type() == v1::EVENT_TYPE_MEMBER_SUSPECT;
}

}  // namespace

Membership::Membership(std::shared_ptr<grpc::Channel> channel,
                       v1::JoinGroupRequest request, int64_t timeout_ms)
    : stub_(v1::GroupsService::NewStub(channel)),
      timeout_ms_(timeout_ms),
      member_id_(request.member_id()),
      request_(std::move(request)) {}

absl::StatusOr<std::unique_ptr<Membership>> Membership::Join(
    std::shared_ptr<grpc::Channel> channel, const v1::JoinGroupRequest& request,
    int64_t timeout_ms) {
  std::unique_ptr<Membership> member(
      new Membership(std::move(channel), request, timeout_ms));
  member->reader_ = std::thread([raw = member.get()] { raw->Run(); });
  std::unique_lock<std::mutex> lock(member->mutex_);
  member->changed_.wait_for(
      lock, std::chrono::milliseconds(timeout_ms),
      [&member] { return member->joined_ || member->ended_.has_value(); });
  if (member->ended_.has_value()) return *member->ended_;
  if (member->joined_) {
    lock.unlock();
    return member;
  }
  return absl::DeadlineExceededError(absl::StrCat(
      "the daemon did not answer JoinGroup within ", timeout_ms, " ms"));
}

Membership::~Membership() {
  CancelStream();
  if (reader_.joinable()) reader_.join();
}

void Membership::CancelStream() {
  std::lock_guard<std::mutex> lock(mutex_);
  stopping_ = true;
  if (stream_ != nullptr) stream_->TryCancel();
  changed_.notify_all();
}

// ---- the reading thread

void Membership::Run() {
  int64_t give_up_at_ms = 0;
  for (;;) {
    const grpc::Status ended = ReadOneStream();
    if (WaitToRetry(ended, &give_up_at_ms)) continue;
    std::lock_guard<std::mutex> lock(mutex_);
    const absl::Status why = FromRpc(ended);
    ended_ = why.ok()
                 ? absl::FailedPreconditionError("the membership has ended")
                 : why;
    changed_.notify_all();
    return;
  }
}

grpc::Status Membership::ReadOneStream() {
  grpc::ClientContext context;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return grpc::Status::CANCELLED;
    stream_ = &context;
  }
  auto reader = stub_->JoinGroup(&context, request_);
  v1::JoinGroupResponse message;
  while (reader->Read(&message)) {
    const std::vector<v1::GroupEvent> missed = Apply(message);
    CallBack(missed, message);
  }
  const grpc::Status status = reader->Finish();
  std::lock_guard<std::mutex> lock(mutex_);
  stream_ = nullptr;
  return status;
}

// Only a daemon that is away is worth waiting for, and only by one who was in.
bool Membership::WaitToRetry(const grpc::Status& ended,
                             int64_t* give_up_at_ms) {
  std::unique_lock<std::mutex> lock(mutex_);
  // Who joins waits as it is told, for as long as Join does.
  if (const auto later = RetryAfter(ended)) {
    changed_.wait_for(lock, *later, [this] { return stopping_; });
    return !stopping_;
  }
  // A store that fails may work again before others take us for lost.
  const absl::Status status = FromRpc(ended);
  const bool worth_it = IsAway(status) || ReasonOf(status) == "STORE_FAILED";
  if (stopping_ || !joined_ || !worth_it) return false;
  const int64_t now = NowMs();
  if (request_.incarnation() == 0) {
    request_.set_incarnation(place_.incarnation());
    *give_up_at_ms = 0;
  }
  if (*give_up_at_ms == 0) *give_up_at_ms = now + kResumeMs;
  if (now >= *give_up_at_ms) return false;
  changed_.wait_for(lock, std::chrono::milliseconds(kRetryEveryMs),
                    [this] { return stopping_; });
  return !stopping_;
}

// Returns losses that no event tells: they happened while the daemon, or this
// reader, was away.
std::vector<v1::GroupEvent> Membership::Apply(
    const v1::JoinGroupResponse& message) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<v1::GroupEvent> missed;
  if (message.has_group()) {
    v1::Group fresh = message.group();
    if (joined_) missed = LossesBetween(group_, message);
    if (!fresh.has_plan() && group_.has_plan() &&
        fresh.plan_hash() == group_.plan_hash()) {
      fresh.mutable_plan()->Swap(group_.mutable_plan());
    }
    group_ = std::move(fresh);
  }
  for (const v1::GroupEvent& event : message.events())
    ApplyEvent(event, &group_);
  if (message.has_joined()) {
    place_ = message.joined();
    joined_ = true;
    // A later outage gets the whole time again.
    request_.clear_incarnation();
  }
  changed_.notify_all();
  return missed;
}

void Membership::CallBack(const std::vector<v1::GroupEvent>& missed,
                          const v1::JoinGroupResponse& message) {
  LossCallback callback;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    callback = on_loss_;
  }
  if (!callback) return;
  for (const v1::GroupEvent& event : missed) callback(event);
  for (const v1::GroupEvent& event : message.events()) {
    if (IsLoss(event)) callback(event);
  }
}

// ---- for the user

v1::Group Membership::View() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return group_;
}

v1::Joined Membership::Place() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return place_;
}

absl::Status Membership::status() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return ended_.has_value() ? *ended_ : absl::OkStatus();
}

void Membership::OnLoss(LossCallback callback) {
  std::lock_guard<std::mutex> lock(mutex_);
  on_loss_ = std::move(callback);
}

absl::StatusOr<v1::Group> Membership::WaitFor(
    int64_t timeout_ms, const std::function<bool(const v1::Group&)>& done) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                    [&] { return ended_.has_value() || done(group_); });
  if (ended_.has_value()) return *ended_;
  if (done(group_)) return group_;
  return absl::DeadlineExceededError(absl::StrCat(
      "group ", group_.group_id(), ", epoch ", group_.epoch(), ": after ",
      timeout_ms,
      " ms free slots are: ", absl::StrJoin(group_.free_slots(), ", ")));
}

absl::StatusOr<v1::Group> Membership::WaitComplete(int64_t timeout_ms) {
  return WaitFor(timeout_ms, [](const v1::Group& group) {
    return group.state() == v1::GROUP_STATE_COMPLETE;
  });
}

absl::StatusOr<v1::Group> Membership::WaitSlot(int64_t timeout_ms) {
  // Called with the lock held, like every such question.
  return WaitFor(timeout_ms,
                 [this](const v1::Group&) { return !place_.parked(); });
}

absl::StatusOr<v1::Group> Membership::WaitEpochAfter(uint64_t epoch,
                                                     int64_t timeout_ms) {
  return WaitFor(timeout_ms, [epoch](const v1::Group& group) {
    return group.epoch() > epoch;
  });
}

v1::Fence Membership::FenceAt(uint64_t epoch) const {
  v1::Fence fence;
  std::lock_guard<std::mutex> lock(mutex_);
  fence.set_group_id(group_.group_id());
  fence.set_epoch(epoch);
  fence.set_member_id(member_id_);
  fence.set_incarnation(place_.incarnation());
  return fence;
}

absl::Status Membership::Call(
    int64_t wait_ms,
    const std::function<grpc::Status(grpc::ClientContext*)>& call) const {
  const auto deadline = std::chrono::system_clock::now() +
                        std::chrono::milliseconds(timeout_ms_ + wait_ms);
  for (;;) {
    absl::Status status =
        FromRpc(CallPatiently(deadline, [&](grpc::ClientContext* context) {
          context->set_wait_for_ready(true);
          return call(context);
        }));
    if (!IsAway(status) || std::chrono::system_clock::now() >= deadline)
      return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(kRetryEveryMs));
  }
}

absl::Status Membership::PublishBlob(uint64_t epoch, const std::string& name,
                                     const std::string& data) {
  v1::PublishBlobRequest request;
  *request.mutable_fence() = FenceAt(epoch);
  request.set_name(name);
  request.set_data(data);
  return Call(0, [&](grpc::ClientContext* context) {
    v1::PublishBlobResponse response;
    return stub_->PublishBlob(context, request, &response);
  });
}

absl::StatusOr<std::string> Membership::GetBlob(uint64_t epoch,
                                                const std::string& name,
                                                int64_t wait_ms) {
  v1::GetBlobRequest request;
  *request.mutable_fence() = FenceAt(epoch);
  request.set_name(name);
  *request.mutable_wait() = ToDuration(wait_ms);
  v1::GetBlobResponse response;
  const absl::Status status = Call(wait_ms, [&](grpc::ClientContext* context) {
    return stub_->GetBlob(context, request, &response);
  });
  if (!status.ok()) return status;
  return std::move(*response.mutable_data());
}

absl::Status Membership::Barrier(uint64_t epoch, const std::string& name,
                                 int64_t wait_ms, uint64_t round) {
  v1::BarrierRequest request;
  *request.mutable_fence() = FenceAt(epoch);
  request.set_name(name);
  request.set_round(round);
  *request.mutable_wait() = ToDuration(wait_ms);
  return Call(wait_ms, [&](grpc::ClientContext* context) {
    v1::BarrierResponse response;
    return stub_->Barrier(context, request, &response);
  });
}

absl::StatusOr<v1::Committed> Membership::Commit(uint64_t epoch,
                                                 const std::string& hash,
                                                 int64_t wait_ms,
                                                 uint64_t round) {
  v1::CommitRequest request;
  *request.mutable_fence() = FenceAt(epoch);
  request.set_hash(hash);
  request.set_round(round);
  *request.mutable_wait() = ToDuration(wait_ms);
  v1::CommitResponse response;
  const absl::Status status = Call(wait_ms, [&](grpc::ClientContext* context) {
    return stub_->Commit(context, request, &response);
  });
  if (!status.ok()) return status;
  return response.committed();
}

absl::Status Membership::Leave() {
  uint64_t epoch = View().epoch();
  absl::Status status;
  // Others may leave at the same time, each of which makes a new epoch.
  do {
    v1::LeaveGroupRequest request;
    *request.mutable_fence() = FenceAt(epoch);
    status = Call(0, [&](grpc::ClientContext* context) {
      v1::LeaveGroupResponse response;
      return stub_->LeaveGroup(context, request, &response);
    });
    epoch = CurrentEpochOf(status);
  } while (ReasonOf(status) == "STALE_EPOCH" && epoch != 0);
  CancelStream();
  if (std::this_thread::get_id() == reader_.get_id()) return status;
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return ended_.has_value(); });
  return status;
}

}  // namespace ithaca::client
