#include "plugin/net/comms.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "plugin/net/engine.h"

namespace ithaca::net {

// --- LaneGuard

LaneGuard::LaneGuard(int fd, Lane* lane, Connection* connection, Engine* engine)
    : fd_(fd), lane_(lane), connection_(connection), engine_(engine) {
  StatusOr<uint64_t> token = engine_->poller()->Add(fd, EPOLLIN, this);
  if (token.ok()) token_ = *token;
}

LaneGuard::~LaneGuard() {
  engine_->Forget(this);
  engine_->poller()->Remove(token_);
  close(fd_);
}

void LaneGuard::OnReady(uint32_t) {
  const ssize_t n =
      recv(fd_, engine_->poller()->scratch(), Poller::kScratchBytes, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  engine_->poller()->Remove(token_);
  why_ = n > 0 ? Status(Code::kDataLoss, "unexpected bytes from the peer")
               : Status(Code::kUnavailable, "the peer closed the lane");
  engine_->ExpireLater(this);
}

void LaneGuard::Expire() { connection_->OnLaneDown(lane_, why_); }

// --- ListenComm

ListenComm::~ListenComm() { engine_->Forget(this); }

// --- SendComm

SendComm::SendComm(Engine* engine, const Device& device, const Handle& handle,
                   ConnectionId id)
    : engine_(engine),
      handle_(handle),
      id_(id),
      deadline_ns_(engine->config().clock->NowNs() +
                   engine->config().options.peer_timeout_s * kNsPerSecond),
      connection_("process " + std::to_string(handle.pid) + " at " +
                      AddressToString(handle.rails[0]),
                  engine->config().options.eager_bytes, engine,
                  engine->config().log) {
  // Lane k joins local rail k and remote rail k; the other remote rails are
  // tried where those two cannot connect.
  const size_t local = device.rails.size(), remote = handle.rails.size();
  const size_t lanes = std::min<size_t>(std::max(local, remote), kMaxLanes);
  for (size_t k = 0; k < lanes; ++k) {
    std::vector<Dialer::Target> targets;
    for (size_t i = 0; i < remote; ++i)
      targets.push_back(
          {device.rails[k % local], handle.rails[(k + i) % remote]});
    dialers_.push_back(std::make_unique<Dialer>(
        &engine->config().rails, std::move(targets),
        [this, k](int rail) { return HelloFor(k, rail); },
        engine->config().options.peer_timeout_s, engine->poller()));
    dialers_.back()->Start();
  }
}

SendComm::~SendComm() {
  engine_->Forget(this);
  connection_.DropLanes();  // before their guards: the peer hears of it last
  guards_.clear();
}

StatusOr<Hello> SendComm::HelloFor(int lane, int rail) const {
  Hello hello;
  hello.lane = lane;
  hello.listener = handle_.listener;
  hello.nonce = handle_.nonce;
  hello.connection = id_;
  ITHACA_RETURN_IF_ERROR(engine_->Greet(&hello, rail));
  return hello;
}

bool SendComm::Step() {
  if (!connection_.status().ok()) dialers_.clear();
  bool settled = true;
  for (size_t i = 0; i < dialers_.size(); ++i) {
    Dialer* const dialer = dialers_[i].get();
    if (dialer == nullptr) continue;
    dialer->HurryUp(engine_->config().clock->NowNs());
    if (dialer->state() == Dialer::State::kWelcome) {
      const Status status = engine_->FinishDial(dialer, i, this);
      if (status.ok()) {
        dialers_[i].reset();
        continue;
      }
      dialer->NextTarget(status);
    }
    if (dialer->state() == Dialer::State::kFailed) {
      error_ = dialer->error();
      ITHACA_INFO(*engine_->config().log, "ithaca: no lane %zu to %s: %s", i,
                  connection_.peer().c_str(), error_.message().c_str());
      dialers_[i].reset();
      continue;
    }
    settled = false;
  }
  return settled;
}

Status SendComm::Verdict() const {
  if (!connection_.status().ok()) return connection_.status();
  if (connection_.lanes_up() > 0) return Status();
  const bool hope = std::any_of(dialers_.begin(), dialers_.end(),
                                [](const auto& d) { return d != nullptr; });
  if (!hope)
    return Errorf(error_.code(), "cannot connect to %s: %s",
                  connection_.peer().c_str(), error_.message().c_str());
  if (engine_->config().clock->NowNs() < deadline_ns_) return Status();
  std::string tried;
  for (const auto& dialer : dialers_)
    if (dialer != nullptr) tried += " " + dialer->Describe() + ";";
  return Errorf(Code::kDeadlineExceeded,
                "no answer from %s within %d s (ITHACA_PEER_TIMEOUT); waiting "
                "for:%s is its process alive, and do firewalls let these "
                "addresses through?",
                connection_.peer().c_str(),
                engine_->config().options.peer_timeout_s, tried.c_str());
}

// --- RecvComm

RecvComm::~RecvComm() {
  engine_->Forget(this);
  connection_.DropLanes();  // before their guards: the peer hears of it last
  guards_.clear();
}

}  // namespace ithaca::net
