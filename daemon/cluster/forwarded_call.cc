#include "daemon/cluster/forwarded_call.h"

#include <chrono>
#include <utility>

#include "daemon/cluster/caller_header.h"
#include "daemon/cluster/forward_wire.h"
#include "daemon/cluster/handover.h"

namespace ithaca::cluster {

using groups::StreamFate;

class ForwardedCall::DownReactor : public grpc::ServerGenericBidiReactor {
 public:
  explicit DownReactor(std::shared_ptr<ForwardedCall> call)
      : call_(std::move(call)) {
    HandOver(this);
  }
  void OnReadDone(bool ok) override {
    const Reaction reaction(this);
    call_->OnDownRead(ok);
  }
  void OnWriteDone(bool ok) override {
    const Reaction reaction(this);
    call_->OnDownWritten(ok);
  }
  void OnCancel() override {
    const Reaction reaction(this);
    call_->OnDownCancelled();
  }
  void OnDone() override {
    TakeBack(this);
    delete this;
  }

 private:
  const std::shared_ptr<ForwardedCall> call_;
};

class ForwardedCall::UpReactor
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit UpReactor(std::shared_ptr<ForwardedCall> call)
      : call_(std::move(call)) {
    HandOver(this);
  }
  void OnReadDone(bool ok) override {
    const Reaction reaction(this);
    call_->OnUpRead(ok);
  }
  void OnWriteDone(bool ok) override {
    const Reaction reaction(this);
    call_->OnUpWritten(ok);
  }
  void OnDone(const grpc::Status& status) override {
    TakeBack(this);
    call_->OnUpDone(status);
    delete this;
  }

 private:
  const std::shared_ptr<ForwardedCall> call_;
};

ForwardedCall::ForwardedCall(Options options) : options_(std::move(options)) {}

ForwardedCall::~ForwardedCall() { options_.on_gone(); }

grpc::ServerGenericBidiReactor* ForwardedCall::Down() {
  return down_ = new DownReactor(shared_from_this());
}

void ForwardedCall::Begin(Target target) {
  Lock lock(mutex_);
  begun_ = true;
  begin_alarm_.Cancel();
  if (end_.has_value()) return;
  target_ = std::move(target);
  if (options_.is_membership && target_.here)
    stream_ = options_.fates->NewName();
  up_started_ = true;
  todo_.insert(todo_.end(), {Op::kStartUp, Op::kReadDown});
  Work(&lock);
}

void ForwardedCall::End(const grpc::Status& status, StreamFate fate) {
  Lock lock(mutex_);
  EndLocked(status, fate);
  Work(&lock);
}

void ForwardedCall::EndUnlessBegun(int64_t ms, const grpc::Status& status) {
  Lock lock(mutex_);
  if (begun_ || end_.has_value()) return;
  begin_alarm_.Set(
      std::chrono::system_clock::now() + std::chrono::milliseconds(ms),
      [weak = weak_from_this(), status](bool fired) {
        const std::shared_ptr<ForwardedCall> call = weak.lock();
        if (!fired || call == nullptr) return;
        Lock lock(call->mutex_);
        if (call->begun_) return;
        call->EndLocked(status, StreamFate::kLinkBroke);
        call->Work(&lock);
      });
}

// ---- down

void ForwardedCall::OnDownRead(bool ok) {
  Lock lock(mutex_);
  if (end_.has_value()) return;
  if (!ok) {
    // A member says no more than its request, and is a member on.
    if (!options_.is_membership && UpIsOpen())
      todo_.push_back(Op::kWritesDoneUp);
  } else if (options_.is_membership && requested_) {
    const auto fate =
        options_.from_daemon ? ReadFarewell(request_) : std::nullopt;
    EndLocked(fate.has_value() ? grpc::Status::CANCELLED : UnexpectedMessage(),
              fate.value_or(StreamFate::kBroken));
  } else {
    requested_ = true;
    if (UpIsOpen()) {
      writing_up_ = true;
      todo_.push_back(Op::kWriteUp);
    }
  }
  Work(&lock);
}

void ForwardedCall::OnDownWritten(bool ok) {
  Lock lock(mutex_);
  writing_down_ = false;
  if (!ok) {
    EndLocked(grpc::Status::CANCELLED, options_.from_daemon
                                           ? StreamFate::kLinkBroke
                                           : StreamFate::kBroken);
  }
  if (UpIsOpen()) todo_.push_back(Op::kReadUp);
  FinishDownIfIdle();
  Work(&lock);
}

void ForwardedCall::OnDownCancelled() {
  End(grpc::Status::CANCELLED,
      options_.from_daemon ? StreamFate::kLinkBroke : StreamFate::kBroken);
}

void ForwardedCall::FinishDownIfIdle() {
  if (finished_down_ || writing_down_ || !end_.has_value()) return;
  finished_down_ = true;
  todo_.push_back(Op::kFinishDown);
}

// ---- up

void ForwardedCall::OnUpRead(bool ok) {
  Lock lock(mutex_);
  if (!ok) {
    // Up has ended it, or broke: its status follows.
    if (!up_released_) todo_.push_back(Op::kReleaseUp);
    up_released_ = true;
  } else if (!end_.has_value()) {
    writing_down_ = true;
    todo_.push_back(Op::kWriteDown);
  } else if (UpIsOpen()) {
    todo_.push_back(Op::kReadUp);
  }
  Work(&lock);
}

void ForwardedCall::OnUpWritten(bool ok) {
  Lock lock(mutex_);
  writing_up_ = false;
  // When it went wrong the status follows.
  if (ok && farewell_.has_value()) {
    SayFarewell();
  } else if (ok && !end_.has_value()) {
    todo_.push_back(Op::kReadDown);
  }
  Work(&lock);
}

void ForwardedCall::OnUpDone(const grpc::Status& status) {
  Lock lock(mutex_);
  up_done_ = true;
  farewell_alarm_.Cancel();
  if (!end_.has_value()) end_ = StatusForDown(status, target_.here);
  FinishDownIfIdle();
  Work(&lock);
}

void ForwardedCall::EndLocked(const grpc::Status& status, StreamFate fate) {
  if (end_.has_value()) return;
  end_ = status;
  begin_alarm_.Cancel();
  if (UpIsOpen()) {
    const bool farewell = options_.is_membership && requested_ &&
                          !target_.here && fate != StreamFate::kLinkBroke;
    if (farewell) {
      farewell_ = fate;
      todo_.push_back(Op::kFarewellAlarm);
      if (!writing_up_) SayFarewell();
    } else {
      if (options_.is_membership && target_.here)
        options_.fates->Tell(stream_, fate);
      CancelUp();
    }
  }
  FinishDownIfIdle();
}

void ForwardedCall::CancelUp() {
  if (!up_started_ || up_done_) return;
  todo_.push_back(Op::kCancelUp);
  if (!up_released_) todo_.push_back(Op::kReleaseUp);
  up_released_ = true;
}

void ForwardedCall::SayFarewell() {
  if (!UpIsOpen()) return;
  writing_up_ = true;
  farewell_bytes_ = WriteFarewell(*std::exchange(farewell_, std::nullopt));
  todo_.push_back(Op::kFarewellUp);
}

void ForwardedCall::OnFarewellLate() {
  Lock lock(mutex_);
  CancelUp();
  Work(&lock);
}

// ---- gRPC

void ForwardedCall::Work(Lock* lock) {
  if (working_) return;
  working_ = true;
  const std::shared_ptr<ForwardedCall> self = shared_from_this();
  while (!todo_.empty()) {
    const Op op = todo_.front();
    todo_.pop_front();
    lock->unlock();
    Do(op);
    lock->lock();
  }
  working_ = false;
  // The last owner may be `self`.
  lock->unlock();
}

void ForwardedCall::Do(Op op) {
  switch (op) {
    case Op::kReadDown:
      return down_->StartRead(&request_);
    case Op::kWriteDown:
      return down_->StartWrite(&response_);
    case Op::kFinishDown:
      return down_->Finish(*end_);
    case Op::kStartUp:
      return StartUp();
    case Op::kReadUp:
      return up_->StartRead(&response_);
    case Op::kWriteUp:
      return up_->StartWrite(&request_);
    case Op::kWritesDoneUp:
      return up_->StartWritesDone();
    case Op::kFarewellUp:
      return up_->StartWriteLast(&farewell_bytes_, grpc::WriteOptions());
    case Op::kReleaseUp:
      return up_->RemoveHold();
    case Op::kCancelUp:
      return up_context_.TryCancel();
    case Op::kFarewellAlarm:
      return farewell_alarm_.Set(
          std::chrono::system_clock::now() +
              std::chrono::milliseconds(options_.farewell_ms),
          [weak = weak_from_this()](bool fired) {
            const std::shared_ptr<ForwardedCall> call = weak.lock();
            if (fired && call != nullptr) call->OnFarewellLate();
          });
  }
}

void ForwardedCall::StartUp() {
  up_context_.AddMetadata(kCallerHeader, options_.caller);
  if (stream_ != 0)
    up_context_.AddMetadata(kStreamHeader, std::to_string(stream_));
  // A member's deadline is kept here, so that its end is told as what it is.
  if (!options_.is_membership) up_context_.set_deadline(options_.deadline);
  up_ = new UpReactor(shared_from_this());
  stub_ = std::make_unique<grpc::GenericStub>(target_.channel);
  stub_->PrepareBidiStreamingCall(&up_context_, options_.method,
                                  grpc::StubOptions(), up_);
  // Reads and writes start outside of up's own reactions.
  up_->AddHold();
  up_->StartRead(&response_);
  up_->StartCall();
}

}  // namespace ithaca::cluster
