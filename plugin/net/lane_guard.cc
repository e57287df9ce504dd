#include "plugin/net/lane_guard.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "plugin/net/engine.h"
#include "plugin/socket/path_sample.h"

namespace ithaca::net {

LaneGuard::LaneGuard(int fd, int index, uint32_t dial, Connection* connection,
                     Engine* engine)
    : fd_(fd),
      index_(index),
      dial_(dial),
      connection_(connection),
      engine_(engine) {
  StatusOr<uint64_t> token = engine_->poller()->Add(fd, EPOLLIN, this);
  if (token.ok()) token_ = *token;
}

LaneGuard::~LaneGuard() {
  engine_->Forget(this);
  engine_->poller()->Remove(token_);
  close(fd_);
}

bool LaneGuard::Sample(rails::PathSample* sample) const {
  return SamplePath(fd_, sample);
}

void LaneGuard::Ping() {
  const char byte = 0;
  (void)!send(fd_, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void LaneGuard::OnReady(uint32_t) {
  const ssize_t n =
      recv(fd_, engine_->poller()->scratch(), Poller::kScratchBytes, 0);
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return;
  engine_->poller()->Remove(token_);
  engine_->ExpireLater(this);
}

void LaneGuard::Expire() {
  connection_->LoseLane(index_, dial_,
                        Status(Code::kUnavailable, "the peer closed the lane"));
}

}  // namespace ithaca::net
