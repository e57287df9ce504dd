#include "tests/histories/group_actor.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/clients/cc/rpc_error.h"
#include "tests/histories/group_seen.h"

namespace ithaca::histories {
namespace {

namespace v1 = groups::v1;

constexpr int64_t kCallMs = 1000;
constexpr int64_t kMeetMs = 200;
constexpr int64_t kLongestFaultNs = 5'000'000'000;

google::protobuf::Duration ToDuration(int64_t ms) {
  google::protobuf::Duration duration;
  duration.set_seconds(ms / 1000);
  duration.set_nanos(static_cast<int32_t>(ms % 1000) * 1'000'000);
  return duration;
}

bool IsRead(const GroupCall& call) {
  return call.kind == GroupCall::Kind::kGet ||
         call.kind == GroupCall::Kind::kGetBlob;
}

}  // namespace

std::shared_ptr<grpc::Channel> ActorChannel(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 50);
  // A connection of its own, so that actors fail one by one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(
      "unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
}

GroupActor::GroupActor(const Options& options)
    : options_(options),
      member_(absl::StrCat("m", options.client)),
      random_(options.seed),
      channel_(ActorChannel(options.socket)),
      stub_(v1::GroupsService::NewStub(channel_)) {}

int64_t GroupActor::Below(int64_t bound) {
  return std::uniform_int_distribution<int64_t>(0, bound - 1)(random_);
}

void GroupActor::Run(const std::atomic<bool>& stop) {
  stop_ = &stop;
  WaitForDaemon();
  while (!stop) {
    if (stream_ != nullptr && stream_->ended()) StreamOver();
    if (incarnation_ == 0) {
      Outside();
    } else if (stream_ == nullptr) {
      // The daemon went away under it.
      OpenStream(incarnation_);
    } else {
      Inside();
    }
  }
  EndLife();
}

void GroupActor::Outside() {
  const int64_t dice = Below(10);
  if (dice == 0) return Create();
  if (dice == 1) return Get();
  if (dice == 2 && options_.deletes && Below(4) == 0) return Delete();
  OpenStream(0);
}

void GroupActor::Inside() {
  const uint64_t epoch = stream_->epoch();
  const int64_t dice = Below(100);
  if (dice < 15) return Publish(epoch);
  if (dice < 35) return GetBlob(epoch);
  if (dice < 45) return Get();
  if (dice < 50) return Publish(epoch - 1);
  if (dice < 53) return Leave();
  // A process that dies.
  if (dice < 56) return EndLife();
  // One whose stream breaks, and one that opens a second.
  if (dice < 60) {
    if (dice < 58) StreamOver();
    return OpenStream(incarnation_);
  }
  if (options_.meetings && stream_->complete()) return Meet(epoch);
  GetBlob(epoch);
}

// ---- what calls share

Outcome GroupActor::Do(
    GroupCall* call, int64_t wait_ms,
    const std::function<grpc::Status(grpc::ClientContext*)>& rpc) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(kCallMs + wait_ms));
  const int64_t call_ns = NowNs();
  const grpc::Status status = rpc(&context);
  const int64_t end_ns = NowNs();
  const Outcome outcome = Conclude(status, options_.sure, call);
  const bool nothing = outcome == Outcome::kNothing ||
                       (outcome == Outcome::kUnknown && IsRead(*call));
  if (call->kind == Kind::kMeet) {
    GroupCall arrival = *call;
    arrival.kind = Kind::kArrive;
    arrival.reason.clear();
    arrival.answered = false;
    if (outcome == Outcome::kUnknown)
      options_.recorder->Add(options_.client, call_ns, end_ns, arrival);
    else if (!nothing)
      options_.recorder->AddBounded(options_.client, call_ns, end_ns, arrival);
    if (call->answered)
      options_.recorder->Add(options_.client, call_ns, end_ns, *call);
  } else if (!nothing) {
    options_.recorder->Add(options_.client, call_ns, end_ns, *call);
  }
  if (outcome == Outcome::kUnknown || outcome == Outcome::kNothing)
    WaitForDaemon();
  // This life is over, whatever the stream says.
  if (call->reason == "STALE_INCARNATION" || call->reason == "NOT_A_MEMBER" ||
      call->reason == "GROUP_NOT_FOUND")
    EndLife();
  return outcome;
}

void GroupActor::WaitForDaemon() {
  const auto soon = [] {
    return std::chrono::system_clock::now() + std::chrono::milliseconds(20);
  };
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  while (!*stop_ && !channel_->WaitForConnected(soon())) {
  }
}

GroupCall GroupActor::Fenced(Kind kind, uint64_t epoch) const {
  GroupCall call;
  call.kind = kind;
  call.member = member_;
  call.incarnation = incarnation_;
  call.epoch = epoch;
  return call;
}

v1::Fence GroupActor::FenceOf(const GroupCall& call) const {
  v1::Fence fence;
  fence.set_group_id(options_.recorder->group());
  fence.set_epoch(call.epoch);
  fence.set_member_id(call.member);
  fence.set_incarnation(call.incarnation);
  return fence;
}

// ---- unary calls

void GroupActor::Create() {
  GroupCall call;
  call.kind = Kind::kCreate;
  v1::CreateGroupRequest request;
  request.set_group_id(options_.recorder->group());
  auto* plan = request.mutable_plan_request();
  plan->mutable_model()->set_hidden_size(512);
  plan->mutable_model()->set_query_heads(8);
  plan->mutable_workload()->set_sequence_length(64);
  plan->mutable_constraints()->set_ranks(options_.group_size);
  Do(&call, kCallMs, [&](grpc::ClientContext* context) {
    v1::CreateGroupResponse response;
    grpc::Status status = stub_->CreateGroup(context, request, &response);
    call.created = response.created();
    call.view = ViewOf(response.group());
    return status;
  });
}

void GroupActor::Get() {
  GroupCall call;
  v1::GetGroupRequest request;
  request.set_group_id(options_.recorder->group());
  Do(&call, 0, [&](grpc::ClientContext* context) {
    v1::GetGroupResponse response;
    grpc::Status status = stub_->GetGroup(context, request, &response);
    call.view = ViewOf(response.group());
    return status;
  });
}

void GroupActor::Delete() {
  GroupCall call;
  call.kind = Kind::kDelete;
  call.force = Below(2) == 0;
  v1::DeleteGroupRequest request;
  request.set_group_id(options_.recorder->group());
  request.set_force(call.force);
  Do(&call, 0, [&](grpc::ClientContext* context) {
    v1::DeleteGroupResponse response;
    return stub_->DeleteGroup(context, request, &response);
  });
}

void GroupActor::Leave() {
  GroupCall call = Fenced(Kind::kLeave, stream_->epoch());
  v1::LeaveGroupRequest request;
  *request.mutable_fence() = FenceOf(call);
  const Outcome outcome = Do(&call, 0, [&](grpc::ClientContext* context) {
    v1::LeaveGroupResponse response;
    grpc::Status status = stub_->LeaveGroup(context, request, &response);
    call.told_epoch = response.epoch();
    return status;
  });
  if (outcome == Outcome::kOk) EndLife();
}

void GroupActor::Publish(uint64_t epoch) {
  GroupCall call = Fenced(Kind::kPublish, epoch);
  call.name = absl::StrCat("b", Below(3));
  call.data = absl::StrCat(member_, ".", ++value_);
  v1::PublishBlobRequest request;
  *request.mutable_fence() = FenceOf(call);
  request.set_name(call.name);
  request.set_data(call.data);
  Do(&call, 0, [&](grpc::ClientContext* context) {
    v1::PublishBlobResponse response;
    return stub_->PublishBlob(context, request, &response);
  });
}

void GroupActor::GetBlob(uint64_t epoch) {
  GroupCall call = Fenced(Kind::kGetBlob, epoch);
  call.name = absl::StrCat("b", Below(3));
  const int64_t wait_ms = Below(4) == 0 ? 20 : 0;
  v1::GetBlobRequest request;
  *request.mutable_fence() = FenceOf(call);
  request.set_name(call.name);
  *request.mutable_wait() = ToDuration(wait_ms);
  Do(&call, wait_ms, [&](grpc::ClientContext* context) {
    v1::GetBlobResponse response;
    grpc::Status status = stub_->GetBlob(context, request, &response);
    call.got_data = response.data();
    return status;
  });
}

void GroupActor::Meet(uint64_t epoch) {
  if (round_epoch_ != epoch) round_ = 1;
  round_epoch_ = epoch;
  GroupCall call = Fenced(Kind::kMeet, epoch);
  const bool commit = round_ % 4 != 0;
  call.meeting = {commit ? kCommit : "barrier", absl::StrCat(round_)};
  call.data = !commit          ? "here"
              : Below(12) == 0 ? absl::StrCat(member_, "differs")
                               : absl::StrCat("h", epoch, ".", round_);
  call.attempt = ++attempt_;
  const Outcome outcome = Do(&call, kMeetMs, [&](grpc::ClientContext* context) {
    if (!commit) {
      v1::BarrierRequest request;
      *request.mutable_fence() = FenceOf(call);
      request.set_name(call.meeting.first);
      request.set_round(round_);
      *request.mutable_wait() = ToDuration(kMeetMs);
      v1::BarrierResponse response;
      return stub_->Barrier(context, request, &response);
    }
    v1::CommitRequest request;
    *request.mutable_fence() = FenceOf(call);
    request.set_hash(call.data);
    request.set_round(round_);
    *request.mutable_wait() = ToDuration(kMeetMs);
    v1::CommitResponse response;
    return stub_->Commit(context, request, &response);
  });
  if (outcome == Outcome::kOk || call.reason == "COMMIT_DIFFERS") ++round_;
}

// ---- streams

v1::JoinGroupRequest GroupActor::JoinRequest(const GroupCall& call) const {
  v1::JoinGroupRequest request;
  request.set_group_id(options_.recorder->group());
  request.set_member_id(member_);
  request.set_incarnation(call.incarnation);
  request.set_may_park(call.may_park);
  if (call.slot.has_value()) request.set_slot(*call.slot);
  return request;
}

// A new life, or (incarnation not 0) this one resumed; a stream that is open is
// replaced.
void GroupActor::OpenStream(uint64_t incarnation) {
  GroupCall call;
  call.kind = incarnation == 0 ? Kind::kJoin : Kind::kResume;
  call.member = member_;
  call.incarnation = incarnation;
  if (incarnation == 0 && Below(4) == 0)
    call.slot = static_cast<uint32_t>(Below(options_.group_size));
  call.may_park = incarnation == 0 && options_.spares &&
                  !call.slot.has_value() && Below(3) == 0;
  const int64_t call_ns = NowNs();
  auto stream = std::make_unique<MemberStream>(
      stub_.get(), JoinRequest(call),
      absl::StrCat(member_, " stream ", ++streams_));
  const auto first = stream->First(kCallMs);
  const int64_t end_ns = NowNs();
  GroupRecorder* const recorder = options_.recorder;
  if (first.has_value()) {
    StreamOver(/*replaced=*/true);
    stream_ = std::move(stream);
    opened_ns_ = end_ns;
    if (incarnation == 0) born_ns_ = call_ns;
    incarnation_ = first->joined().incarnation();
    call.parked = first->joined().parked();
    call.got_slot = first->joined().slot();
    call.got_incarnation = incarnation_;
    recorder->Add(options_.client, call_ns, end_ns, call);
    // The group that comes along is a read of its own: others may have joined
    // in between, or deleted it, and then there is none.
    GroupCall read;
    read.view = ViewOf(first->group());
    if (read.view.epoch != 0)
      recorder->Add(options_.client, call_ns, end_ns, read);
    recorder->Settle(member_, end_ns);
    return;
  }
  const Outcome outcome = Conclude(stream->status(), options_.sure, &call);
  if (outcome == Outcome::kRefused) {
    recorder->Add(options_.client, call_ns, end_ns, call);
    if (incarnation != 0 && call.reason != "MEMBER_ID_IN_USE") EndLife();
    if (call.reason == "GROUP_NOT_FOUND") Create();
    return;
  }
  if (outcome == Outcome::kUnknown) {
    recorder->Add(options_.client, call_ns, end_ns, call);
    // It may be in, and nobody holds its stream.
    recorder->MayBeLost(member_, incarnation, call_ns);
  }
  WaitForDaemon();
}

// The stream has ended, or is ended now: what follows for the life.
void GroupActor::StreamOver(bool replaced) {
  if (stream_ == nullptr) return;
  const auto stream = std::exchange(stream_, nullptr);
  stream->Close();
  // A group that is made again begins to count again.
  if (!options_.deletes) options_.recorder->AddWatch(stream->log());
  if (replaced) return;
  if (stream->closed_ns() != 0) return GiveReason(stream->closed_ns());
  GroupCall end;
  switch (Conclude(stream->status(), options_.sure, &end)) {
    case Outcome::kOk:
      // It left, or was lost before it knew.
      if (options_.faults_evict) GiveReason(stream->ended_ns());
      return;
    case Outcome::kRefused:
      // The life, or the group, has ended; or the stream was replaced.
      if (options_.faults_evict) return GiveReason(stream->ended_ns());
      if (end.reason != "STREAM_REPLACED" && end.reason != "GROUP_DELETED")
        options_.recorder->AddViolation(
            absl::StrCat(stream->log().watcher, " was ended: ", end.reason));
      if (end.reason == "GROUP_DELETED") incarnation_ = 0;
      return;
    default:
      break;
  }
  const auto fault = options_.faults->BreakBefore(stream->ended_ns());
  if (fault.has_value()) {
    GiveReason(*fault);
  } else {
    options_.recorder->AddViolation(absl::StrCat(
        stream->log().watcher,
        " broke without a fault: ", stream->status().error_message()));
  }
  WaitForDaemon();
}

// The life may be lost from now on, or from the fault on that took its node.
void GroupActor::GiveReason(int64_t since_ns) {
  if (options_.faults_evict) {
    const auto fault =
        options_.faults->BreakAfter(opened_ns_ - kLongestFaultNs);
    // Not before there was such a life.
    if (fault.has_value())
      since_ns = std::max(born_ns_, std::min(since_ns, *fault));
  }
  options_.recorder->MayBeLost(member_, incarnation_, since_ns);
}

void GroupActor::EndLife() {
  StreamOver();
  incarnation_ = 0;
}

}  // namespace ithaca::histories
