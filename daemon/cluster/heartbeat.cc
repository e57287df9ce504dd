#include "daemon/cluster/heartbeat.h"

#include <chrono>
#include <utility>

#include "daemon/cluster/handover.h"
#include "ithaca/cluster/v1/cluster.grpc.pb.h"

namespace ithaca::cluster {
namespace {

// Between two attempts to open a stream.
constexpr Millis kRetryMs = 100;

}  // namespace

// One stream. Holds itself until gRPC is done with it.
class HeartbeatSender::Call
    : public grpc::ClientBidiReactor<v1::HeartbeatRequest,
                                     v1::HeartbeatResponse> {
 public:
  Call(HeartbeatSender* sender, uint64_t incarnation,
       std::shared_ptr<grpc::Channel> channel)
      : sender_(sender),
        incarnation_(incarnation),
        stub_(v1::ClusterService::NewStub(std::move(channel))) {}

  void Start(std::shared_ptr<Call> self) {
    self_ = std::move(self);
    stub_->async()->Heartbeat(&context_, this);
    // Send and Cancel come from another thread, until the call is dropped.
    AddHold();
    HandOver(this);
    StartRead(&answer_);
    StartCall();
  }
  // Not while the one before is on its way: then it is not needed.
  void Send(const v1::HeartbeatRequest& beat) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (writing_ || over_) return;
      writing_ = true;
      beat_ = beat;
    }
    StartWrite(&beat_);
  }
  // Last.
  void Drop() {
    context_.TryCancel();
    RemoveHold();
  }
  bool over() {
    std::lock_guard<std::mutex> lock(mutex_);
    return over_;
  }

  void OnReadDone(bool ok) override {
    const Reaction reaction(this);
    if (!ok) {
      std::lock_guard<std::mutex> lock(mutex_);
      over_ = true;
      return;
    }
    sender_->OnAnswer(answer_, incarnation_);
    StartRead(&answer_);
  }
  void OnWriteDone(bool ok) override {
    const Reaction reaction(this);
    std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    over_ = over_ || !ok;
  }
  void OnDone(const grpc::Status&) override {
    TakeBack(this);
    const std::shared_ptr<Call> self = std::move(self_);
    sender_->OnCallGone();
  }

 private:
  HeartbeatSender* const sender_;
  const uint64_t incarnation_;
  const std::unique_ptr<v1::ClusterService::Stub> stub_;
  grpc::ClientContext context_;
  v1::HeartbeatResponse answer_;
  std::shared_ptr<Call> self_;
  std::mutex mutex_;
  v1::HeartbeatRequest beat_;  // gRPC's while writing_; else guarded by mutex_
  bool writing_ = false;       // guarded by mutex_
  bool over_ = false;          // guarded by mutex_
};

HeartbeatSender::HeartbeatSender(Options options)
    : options_(std::move(options)), thread_([this] { Loop(); }) {}

HeartbeatSender::~HeartbeatSender() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return open_calls_ == 0; });
}

void HeartbeatSender::PointTo(const Place& place, uint64_t incarnation) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (place.SameAs(place_) && incarnation == incarnation_) return;
  place_ = place;
  incarnation_ = incarnation;
  retry_at_ = 0;
  DropCall();
  changed_.notify_all();
}

void HeartbeatSender::DropCall() {
  if (call_ == nullptr) return;
  call_->Drop();
  call_.reset();
}

void HeartbeatSender::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    const Millis pause = Beat(options_.clock());
    changed_.wait_for(lock, std::chrono::milliseconds(pause));
  }
  DropCall();
}

Millis HeartbeatSender::Beat(Millis now) {
  if (call_ != nullptr &&
      (call_->over() || now - answered_at_ >= options_.patience_ms)) {
    DropCall();
    retry_at_ = now + kRetryMs;
  }
  if (place_.kind != Place::Kind::kThere) return options_.every_ms;
  if (call_ == nullptr) {
    if (now < retry_at_) return retry_at_ - now;
    OpenCall(now);
  }
  v1::HeartbeatRequest beat;
  beat.set_node(options_.node);
  beat.set_address(options_.address);
  beat.set_incarnation(incarnation_);
  beat.set_sequence(++sequence_);
  call_->Send(beat);
  return options_.every_ms;
}

void HeartbeatSender::OpenCall(Millis now) {
  sequence_ = 0;
  answered_at_ = now;
  call_ = std::make_shared<Call>(this, incarnation_,
                                 options_.connect(place_.address));
  ++open_calls_;
  call_->Start(call_);
}

void HeartbeatSender::OnAnswer(const v1::HeartbeatResponse& answer,
                               uint64_t incarnation) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    answered_at_ = options_.clock();
  }
  options_.heard(answer.incarnation());
  if (answer.dead()) options_.dead(incarnation, answer.latest_incarnation());
}

void HeartbeatSender::OnCallGone() {
  std::lock_guard<std::mutex> lock(mutex_);
  --open_calls_;
  changed_.notify_all();
}

}  // namespace ithaca::cluster
