#include "plugin/transport/recv_connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ithaca {

RecvConnection::RecvConnection(Options options)
    : Connection(std::move(options.peer), options.owner, options.log),
      clock_(options.clock),
      picker_(options.broker, this),
      posted_(this) {}

RecvConnection::~RecvConnection() {
  DropLanes();  // before the buffers of early messages go
}

StatusOr<Request*> RecvConnection::Receive(int n, void* const* data,
                                           const size_t* sizes,
                                           const int* tags) {
  if (!status().ok()) return Refuse();
  PostedReceives::Receive* const receive = posted_.Open(n, data, sizes, tags);
  if (receive == nullptr) return static_cast<Request*>(nullptr);
  Busy();
  for (int i = 0; i < n; ++i) {
    PostedReceives::Buffer* const buffer = &receive->buffers[i];
    PostedReceives::Arrival* const waiting = posted_.Post(buffer);
    if (waiting == nullptr) continue;
    const Status matched = Match(static_cast<Message*>(waiting), buffer);
    if (!matched.ok()) {
      Fail(matched);
      return matched;
    }
  }
  return static_cast<Request*>(receive);
}

// --- What arrives.

Status RecvConnection::OnFrameHead(Lane*, const Frame& frame, void** target) {
  *target = nullptr;
  if (!status().ok()) return Status();
  if (frame.type == FrameType::kEager) return OnEagerHead(frame, target);
  if (frame.type == FrameType::kData) return OnDataHead(frame, target);
  return Errorf(Code::kDataLoss, "%s sent a payload in a frame of type %d",
                peer().c_str(), static_cast<int>(frame.type));
}

Status RecvConnection::OnMessageFrame(Lane* lane, const Frame& frame) {
  if (!status().ok()) return Status();
  switch (frame.type) {
    case FrameType::kEager:
      return OnEager(lane, frame);
    case FrameType::kData:
      return OnData(lane, frame);
    case FrameType::kAnnounce: {
      StatusOr<Message*> message = Find(frame);
      if (!message.ok() || *message == nullptr) return message.status();
      return Announce(*message, frame);
    }
    default:
      return Errorf(Code::kDataLoss, "%s sent a frame of type %d to a receiver",
                    peer().c_str(), static_cast<int>(frame.type));
  }
}

StatusOr<RecvConnection::Message*> RecvConnection::Find(const Frame& frame) {
  const uint32_t slot = frame.seq % kMessageWindow;
  for (uint32_t i = slots_.size(); i <= slot; ++i)
    slots_.emplace_back().seq = i;
  Message* const message = &slots_[slot];
  if (message->seq == frame.seq) return message;
  if (SeqBefore(message->seq, frame.seq))
    return Errorf(Code::kDataLoss,
                  "%s sent message %u before message %u was acknowledged",
                  peer().c_str(), frame.seq, message->seq);
  AckSoon(frame.seq);  // sent again because our acknowledgement was lost
  return static_cast<Message*>(nullptr);
}

Status RecvConnection::Announce(Message* message, const Frame& frame) {
  const bool eager = frame.type == FrameType::kEager;
  if (message->state != Message::State::kUnknown) {
    if (message->eager == eager && message->size == frame.size &&
        message->tag == frame.tag && message->order == frame.offset)
      return Status();  // once more, after a lane was lost
    return Errorf(Code::kDataLoss, "%s announced message %u twice, differently",
                  peer().c_str(), frame.seq);
  }
  const uint64_t ahead = frame.offset - next_order_;
  if (ahead > 0 && by_order_.empty()) by_order_.resize(kMessageWindow);
  if (ahead >= kMessageWindow ||
      (ahead > 0 && by_order_[frame.offset % kMessageWindow] != nullptr))
    return Errorf(Code::kDataLoss,
                  "%s announced message %u out of order (%llu)", peer().c_str(),
                  frame.seq, static_cast<unsigned long long>(frame.offset));
  message->state = Message::State::kAnnounced;
  message->eager = eager;
  message->tag = frame.tag;
  message->order = frame.offset;
  message->size = frame.size;
  if (ahead == 0) return Arrive(message);
  by_order_[frame.offset % kMessageWindow] = message;
  return Status();
}

Status RecvConnection::OnEagerHead(const Frame& frame, void** target) {
  StatusOr<Message*> found = Find(frame);
  if (!found.ok() || *found == nullptr) return found.status();
  Message* const message = *found;
  // Sent again after a lane was lost. The first copy may still be whole, or
  // not: both are taken, at one place, and the first that is complete counts.
  if (message->state != Message::State::kUnknown) message->lost_lane = true;
  if (message->eager_arrived) return Status();
  ITHACA_RETURN_IF_ERROR(Announce(message, frame));
  if (message->state == Message::State::kMatched && message->early.empty()) {
    *target = message->buffer->data;
  } else {
    message->early.resize(frame.size);
    *target = message->early.data();
  }
  return Status();
}

Status RecvConnection::OnEager(Lane* lane, const Frame& frame) {
  StatusOr<Message*> found = Find(frame);
  if (!found.ok() || *found == nullptr) return found.status();
  Message* const message = *found;
  ITHACA_RETURN_IF_ERROR(Announce(message, frame));  // empty: it had no head
  message->eager_arrived = true;
  if (message->lost_lane) ForgetOnLanes(frame.seq, lane);
  if (message->state == Message::State::kMatched) CompleteEager(message, lane);
  return Status();
}

Status RecvConnection::OnDataHead(const Frame& frame, void** target) {
  StatusOr<Message*> found = Find(frame);
  if (!found.ok() || *found == nullptr) return found.status();
  Message* const message = *found;
  const Fragment* const fragment =
      message->fragments.Find(frame.offset, frame.payload_bytes);
  if (message->state != Message::State::kMatched || message->eager ||
      fragment == nullptr) {
    return Errorf(Code::kDataLoss,
                  "%s sent bytes %llu+%u of message %u, which were not granted",
                  peer().c_str(), static_cast<unsigned long long>(frame.offset),
                  frame.payload_bytes, frame.seq);
  }
  if (fragment->state != Fragment::State::kArrived)
    *target = message->buffer->data + frame.offset;
  return Status();
}

Status RecvConnection::OnData(Lane* lane, const Frame& frame) {
  StatusOr<Message*> found = Find(frame);
  if (!found.ok() || *found == nullptr) return found.status();
  Message* const message = *found;
  const Fragment* const fragment =
      message->fragments.Find(frame.offset, frame.payload_bytes);
  if (fragment->state == Fragment::State::kArrived) return Status();
  const int64_t now_ns = clock_->NowNs();
  const int came_on = IndexOf(lane);
  if (came_on >= 0) picker_.OnRetransmits(came_on, frame.tag, now_ns);
  if (fragment->state == Fragment::State::kGranted)
    picker_.OnArrived(
        fragment->lane, fragment->bytes,
        {fragment->granted_ns, static_cast<int64_t>(frame.size), now_ns});
  else
    ungranted_ -= fragment->bytes;
  message->fragments.Arrive(fragment);
  if (message->fragments.complete()) Complete(message, lane);
  return Status();
}

// --- Matching.

Status RecvConnection::Arrive(Message* message) {
  while (message != nullptr) {
    ++next_order_;
    if (PostedReceives::Buffer* const buffer = posted_.Arrive(message))
      ITHACA_RETURN_IF_ERROR(Match(message, buffer));
    if (by_order_.empty()) return Status();
    message = std::exchange(by_order_[next_order_ % kMessageWindow], nullptr);
  }
  return Status();
}

Status RecvConnection::Match(Message* message, PostedReceives::Buffer* buffer) {
  if (message->size > buffer->bytes) {
    return Errorf(
        Code::kInvalidArgument,
        "message truncated: %s sent %llu bytes (tag %d) into a receive "
        "of %llu; both sides must agree on the size",
        peer().c_str(), static_cast<unsigned long long>(message->size),
        message->tag, static_cast<unsigned long long>(buffer->bytes));
  }
  message->buffer = buffer;
  message->state = Message::State::kMatched;
  if (message->eager) {
    if (message->eager_arrived) CompleteEager(message, nullptr);
    return Status();
  }
  message->fragments.Reset(message->size);
  if (message->size == 0) {
    Complete(message, nullptr);
  } else {
    ungranted_ += message->size;
    GrantLater(message);
    Grant();
  }
  return Status();
}

// --- Granting.

void RecvConnection::OnCredit() { Grant(); }

void RecvConnection::GrantLater(Message* message) {
  if (!std::exchange(message->granting, true)) granting_.push_back(message);
}

void RecvConnection::Grant() {
  // A lane may die under a grant, which brings us here again.
  if (std::exchange(in_grant_, true)) return;
  const int64_t now_ns = clock_->NowNs();
  while (!granting_.empty() && status().ok()) {
    Message* const message = granting_.front();
    // Its last fragments may have come from a lane that was given up.
    if (message->state != Message::State::kMatched ||
        message->fragments.ungranted() == 0) {
      message->granting = false;
      granting_.pop_front();
      continue;
    }
    uint64_t bytes = 0;
    const int lane = picker_.Pick(ungranted_, now_ns, &bytes);
    if (lane == rails::LanePicker::kNone) {
      picker_.Wait(now_ns);
      break;
    }
    GrantFragment(message, lane, bytes, now_ns);
  }
  in_grant_ = false;
}

void RecvConnection::GrantFragment(Message* message, int lane, uint64_t bytes,
                                   int64_t now_ns) {
  const int via = picker_.Fastest(lane, now_ns);
  const Fragment fragment = message->fragments.Grant(bytes, lane, via, now_ns);
  ungranted_ -= fragment.bytes;
  picker_.OnGranted(lane, fragment.bytes, now_ns);
  Frame grant;
  grant.type = FrameType::kGrant;
  grant.lane = lane;
  grant.seq = message->seq;
  grant.offset = fragment.offset;
  grant.size = fragment.bytes;
  slot(via).lane->Send(grant, nullptr);
  if (!to_ack_.empty()) FlushSoon();  // with one system call
}

// --- Completion.

void RecvConnection::CompleteEager(Message* message, const Lane* lane) {
  if (!message->early.empty())
    memcpy(message->buffer->data, message->early.data(), message->size);
  Complete(message, lane);
}

void RecvConnection::Complete(Message* message, const Lane* lane) {
  if (message->lost_lane) ForgetOnLanes(message->seq, lane);
  posted_.Fill(message->buffer, message->size);
  if (message->eager)
    AckLater(message->seq, message->size);
  else if (picker_.outstanding() >= kStreamBytes)
    AckWithOthers(message->seq);
  else
    AckSoon(message->seq);
  message->state = Message::State::kUnknown;
  message->seq += kMessageWindow;
  message->eager_arrived = false;
  message->lost_lane = false;
  message->buffer = nullptr;
  message->early.clear();
  message->fragments.Reset(0);
}

void RecvConnection::AckSoon(uint32_t seq) {
  to_ack_.push_back(seq);
  FlushSoon();
}

void RecvConnection::FlushSoon() {
  if (!std::exchange(flushing_soon_, true)) WantFlush();
}

void RecvConnection::AckWithOthers(uint32_t seq) {
  if (to_ack_.size() + 1 >= kAcksPerFrame) return AckSoon(seq);
  if (!std::exchange(flushing_with_others_, true)) WantFlushSoon();
  to_ack_.push_back(seq);
}

void RecvConnection::AckLater(uint32_t seq, uint64_t bytes) {
  late_bytes_ += bytes;
  if (late_bytes_ >= kMostLateBytes || to_ack_.size() + 1 >= kMostLate)
    return AckSoon(seq);
  if (to_ack_.empty()) WantFlushLater();
  to_ack_.push_back(seq);
}

void RecvConnection::Flush() {
  flushing_soon_ = flushing_with_others_ = false;
  if (to_ack_.empty()) return;
  Lane* const best = LeastQueued();
  if (best == nullptr) return;
  // Who has received all it wanted may not come back for long to notice that a
  // lane took the last acknowledgements with it: they go over each lane.
  const bool last = pending() == 0;
  for (int index = 0; index < kMaxLanes; ++index) {
    Lane* const to = lane(index);
    if (to == nullptr || (to != best && !last)) continue;
    for (size_t i = 0; i < to_ack_.size(); i += kAcksPerFrame) {
      const size_t count = std::min<size_t>(to_ack_.size() - i, kAcksPerFrame);
      to->Send(MakeAck(&to_ack_[i], count), nullptr);
    }
  }
  to_ack_.clear();
  late_bytes_ = 0;
}

// --- Lanes and the end.

void RecvConnection::OnLaneUp(int index) {
  picker_.SetUp(index, slot(index).rail, peers_[index]);
  if (!to_ack_.empty()) FlushSoon();
  Grant();
}

void RecvConnection::OnLaneLost(int index) {
  picker_.SetDown(index);
  uint64_t regranted = 0;
  for (Message& message : slots_) {
    message.lost_lane = message.state != Message::State::kUnknown;
    // The acknowledgement of the one before may have been lost.
    if (!message.lost_lane) AckSoon(message.seq - kMessageWindow);
    if (message.state != Message::State::kMatched) continue;
    message.fragments.Lose(index, [&](const Fragment& fragment) {
      if (fragment.lane != index) picker_.OnLost(fragment.lane, fragment.bytes);
      ungranted_ += fragment.bytes;
      GrantLater(&message);
      regranted += fragment.bytes;
    });
  }
  if (regranted > 0) owner()->OnRegranted(slot(index).rail, regranted);
  Grant();
}

void RecvConnection::ReleaseMemory() {
  for (int i = 0; i < kMaxLanes; ++i) picker_.SetDown(i);
  for (const Message& message : slots_)
    if (message.state != Message::State::kUnknown)
      ForgetOnLanes(message.seq, nullptr);
}

void RecvConnection::OnMemoryGone(const void* begin, const void* end) {
  if (posted_.Uses(begin, end))
    Fail(Errorf(Code::kInvalidArgument,
                "memory of a receive from %s was deregistered before the "
                "receive completed",
                peer().c_str()));
}

}  // namespace ithaca
