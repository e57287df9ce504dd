#include "plugin/socket/socket_lane.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "plugin/core/clock.h"
#include "plugin/socket/path_sample.h"

namespace ithaca {
namespace {

// What one call may read before others get their turn.
constexpr int kReadsPerTurn = 8;
// What is read ahead of a payload's end, or when heads are expected: many
// heads, but little of a payload, which then goes to its target without a copy.
constexpr size_t kReadAheadBytes = 2048;
// What a small frame is (Glance).
constexpr size_t kGlanceBytes = 512;
// Pieces handed to the kernel with one system call.
constexpr int kPiecesPerWrite = 64;

// How long a peer may take to tell that it had got something twice, beyond two
// round trips as they were.
constexpr int64_t kTellNs = 10'000'000;
constexpr int64_t kNsPerUs = 1'000;

const char* Zeros() {
  static const char zeros[64 << 10] = {};
  return zeros;
}
constexpr size_t kZeros = 64 << 10;

}  // namespace

StatusOr<std::unique_ptr<Lane>> SocketLane::Create(int fd, std::string name,
                                                   Poller* poller,
                                                   LaneSink* sink) {
  std::unique_ptr<SocketLane> lane(
      new SocketLane(fd, std::move(name), poller, sink));
  StatusOr<uint64_t> token = poller->Add(fd, EPOLLIN, lane.get());
  if (!token.ok()) return token.status();
  lane->token_ = *token;
  return std::unique_ptr<Lane>(std::move(lane));
}

SocketLane::~SocketLane() {
  poller_->ForgetFlush(this);
  poller_->Remove(token_);
  // The last acknowledgements should reach the peer; closing a socket with
  // unread input would reset the connection and lose them.
  if (!down_ && (cut() || Write()) && shutdown(fd_, SHUT_WR) == 0) {
    poller_->Linger(fd_);
  } else {
    close(fd_);
  }
}

bool SocketLane::Sample(rails::PathSample* sample) const {
  if (down_ || !SamplePath(fd_, sample)) return false;
  sample->held |= queued_bytes_ > 0 && !sample->outstanding;
  return true;
}

void SocketLane::Abandon() {
  if (down_) return;
  down_ = true;
  poller_->Remove(token_);
  // A reset: what the kernel still holds is not to be delivered, and the peer,
  // if the path works after all, learns of it at once.
  const linger reset = {1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  output_.clear();
  queued_bytes_ = 0;
  target_ = nullptr;
  payload_left_ = 0;
}

// --- Output.

void SocketLane::Send(const Frame& frame, const void* payload) {
  if (down_) return;
  Output& output = output_.emplace_back();
  EncodeFrame(frame, output.head);
  output.payload = static_cast<const char*>(payload);
  output.payload_bytes = frame.payload_bytes;
  output.seq = frame.seq;
  output.written = 0;
  queued_bytes_ += output.size();
  if (!wants_write_) poller_->FlushSoon(this);
}

void SocketLane::OnFlush() {
  if (!down_ && !wants_write_ && !Write())
    GoDown(
        ErrnoError(Code::kUnavailable, errno, "writing to %s", name_.c_str()));
}

bool SocketLane::Write() {
  while (!output_.empty()) {
    iovec pieces[kPiecesPerWrite];
    int n = 0;
    for (const Output& output : output_) {
      if (n + 2 > kPiecesPerWrite) break;
      size_t skip = output.written;
      if (skip < kFrameBytes) {
        pieces[n++] = {const_cast<uint8_t*>(output.head) + skip,
                       kFrameBytes - skip};
        skip = kFrameBytes;
      }
      const size_t left = output.size() - skip;
      if (left == 0) continue;
      if (output.payload != nullptr) {
        pieces[n++] = {const_cast<char*>(output.payload) + (skip - kFrameBytes),
                       left};
      } else {
        pieces[n++] = {const_cast<char*>(Zeros()), std::min(left, kZeros)};
        if (left > kZeros) break;  // its end must come before the next frame
      }
    }
    msghdr message = {};
    message.msg_iov = pieces;
    message.msg_iovlen = n;
    const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != ENOBUFS) return false;
      SetWantsWrite(true);
      return true;
    }
    counters_.bytes_sent += sent;
    queued_bytes_ -= sent;
    for (size_t left = sent; left > 0;) {
      Output& output = output_.front();
      const size_t part = std::min(left, output.size() - output.written);
      output.written += part;
      left -= part;
      if (output.written == output.size()) output_.pop_front();
    }
  }
  SetWantsWrite(false);
  return true;
}

void SocketLane::SetWantsWrite(bool wants) {
  if (wants == wants_write_) return;
  wants_write_ = wants;
  poller_->SetEvents(token_, wants ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void SocketLane::Forget(uint32_t seq) {
  for (auto output = output_.begin(); output != output_.end();) {
    if (output->seq != seq || output->payload_bytes == 0) {
      ++output;
    } else if (output->written == 0) {
      queued_bytes_ -= output->size();
      output = output_.erase(output);
    } else {
      output->payload = nullptr;
      ++output;
    }
  }
  if (payload_left_ > 0 && frame_.seq == seq) {
    target_ = nullptr;
    forgotten_ = true;
  }
}

uint32_t SocketLane::retransmits() {
  tcp_info info = {};
  socklen_t length = sizeof(info);
  if (getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return 0;
  // Less those that the peer had got already, of which it tells a round trip
  // later: until then none counts.
  const int64_t now_ns = MonotonicClock().NowNs();
  if (now_ns - counted_ns_ >= kTellNs + 2 * kNsPerUs * info.tcpi_rtt) {
    counted_ns_ = now_ns;
    told_retransmits_ =
        std::exchange(total_retransmits_, info.tcpi_total_retrans);
  }
  const uint32_t lost = told_retransmits_ - info.tcpi_dsack_dups;
  if (static_cast<int32_t>(lost - lost_) > 0) lost_ = lost;
  return lost_;
}

// --- Input.

void SocketLane::OnReady(uint32_t events) {
  if (events & EPOLLOUT && !Write()) {
    return GoDown(
        ErrnoError(Code::kUnavailable, errno, "writing to %s", name_.c_str()));
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  if (!CatchUp()) return;
  for (int i = 0; i < kReadsPerTurn && Read(); ++i) {
  }
}

bool SocketLane::TryRead() {
  if (down_ || !CatchUp()) return down_;
  const uint64_t before = counters_.bytes_received;
  if (!one_frame_ || Glance()) {
    for (int i = 0; i < kReadsPerTurn && Read(); ++i) {
    }
  }
  return down_ || counters_.bytes_received != before;
}

bool SocketLane::Glance() {
  char* const data = poller_->scratch();
  const ssize_t got = recv(fd_, data, kGlanceBytes, MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return false;
  Frame frame;
  one_frame_ =
      got >= static_cast<ssize_t>(kFrameBytes) &&
      DecodeFrame(reinterpret_cast<const uint8_t*>(data), &frame).ok() &&
      kFrameBytes + frame.payload_bytes == static_cast<size_t>(got);
  if (!one_frame_) return true;
  left_there_ = got;
  counters_.bytes_received += got;
  Parse(data, got);
  return false;
}

bool SocketLane::CatchUp() {
  while (left_there_ > 0) {
    const ssize_t got =
        recv(fd_, poller_->scratch(), left_there_, MSG_DONTWAIT);
    if (got <= 0) {
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
      GoDown(ErrnoError(Code::kUnavailable, errno, "reading from %s",
                        name_.c_str()));
      return false;
    }
    left_there_ -= got;
  }
  return true;
}

bool SocketLane::Read() {
  iovec pieces[2];
  int n = 0;
  const size_t direct = target_ != nullptr ? payload_left_ : 0;
  if (direct > 0) pieces[n++] = {target_, direct};
  // A payload without a target is dropped as fast as possible.
  const size_t ahead =
      payload_left_ > direct ? Poller::kScratchBytes : kReadAheadBytes;
  pieces[n++] = {poller_->scratch(), ahead};
  const size_t wanted = direct + ahead;
  const ssize_t got =
      n == 1 ? recv(fd_, pieces[0].iov_base, pieces[0].iov_len, MSG_DONTWAIT)
             : readv(fd_, pieces, n);
  if (got <= 0) {
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    GoDown(got == 0 ? Errorf(Code::kUnavailable, "%s: the peer closed it",
                             name_.c_str())
                    : ErrnoError(Code::kUnavailable, errno, "reading from %s",
                                 name_.c_str()));
    return false;
  }
  counters_.bytes_received += got;
  const size_t to_target = std::min<size_t>(got, direct);
  if (to_target > 0) {
    target_ += to_target;
    payload_left_ -= to_target;
    if (payload_left_ == 0) OnPayloadComplete();
  }
  const bool starts = payload_left_ == 0 && head_have_ == 0 && direct == 0;
  if (!down_) Parse(poller_->scratch(), got - to_target);
  one_frame_ = starts && payload_left_ == 0 && head_have_ == 0 &&
               kFrameBytes + frame_.payload_bytes == static_cast<size_t>(got);
  return !down_ && static_cast<size_t>(got) == wanted;
}

void SocketLane::Parse(const char* data, size_t bytes) {
  while (bytes > 0 && !down_) {
    if (payload_left_ > 0) {
      const size_t part = std::min(bytes, payload_left_);
      if (target_ != nullptr) {
        memcpy(target_, data, part);
        target_ += part;
      }
      data += part;
      bytes -= part;
      payload_left_ -= part;
      if (payload_left_ == 0) OnPayloadComplete();
    } else {
      const size_t part = std::min(bytes, kFrameBytes - head_have_);
      memcpy(head_ + head_have_, data, part);
      head_have_ += part;
      data += part;
      bytes -= part;
      if (head_have_ == kFrameBytes) OnHeadComplete();
    }
  }
}

void SocketLane::OnHeadComplete() {
  head_have_ = 0;
  Status status = DecodeFrame(head_, &frame_);
  if (!status.ok()) return GoDown(status);
  if (frame_.payload_bytes == 0) {
    status = sink_->OnFrame(this, frame_);
    if (!status.ok()) GoDown(status);
    return;
  }
  void* target = nullptr;
  status = sink_->OnFrameHead(this, frame_, &target);
  if (!status.ok()) return GoDown(status);
  target_ = static_cast<char*>(target);
  payload_left_ = frame_.payload_bytes;
  forgotten_ = false;
}

void SocketLane::OnPayloadComplete() {
  target_ = nullptr;
  if (forgotten_) return;
  const Status status = sink_->OnFrame(this, frame_);
  if (!status.ok()) GoDown(status);
}

void SocketLane::GoDown(const Status& why) {
  if (down_) return;
  down_ = true;
  poller_->Remove(token_);
  shutdown(fd_, SHUT_RDWR);  // the peer must not go on waiting for this lane
  output_.clear();
  queued_bytes_ = 0;
  target_ = nullptr;
  sink_->OnLaneDown(this, why);
}

}  // namespace ithaca
