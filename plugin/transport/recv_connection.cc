#include "plugin/transport/recv_connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ithaca {

RecvConnection::RecvConnection(Options options)
    : Connection(std::move(options.peer), options.owner, options.log),
      fragment_bytes_(
          std::clamp<size_t>(options.fragment_bytes, 1, kMaxFragmentBytes)),
      broker_(options.broker),
      clock_(options.clock),
      posted_(this) {}

RecvConnection::~RecvConnection() {
  DropLanes();  // before the buffers of early messages go
  ReturnCredit();
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
  const uint64_t fragment = frame.offset / fragment_bytes_;
  if (message->state != Message::State::kMatched || message->eager ||
      frame.offset % fragment_bytes_ != 0 ||
      fragment >= message->fragments.size() ||
      frame.payload_bytes != FragmentBytes(*message, fragment)) {
    return Errorf(Code::kDataLoss,
                  "%s sent bytes %llu+%u of message %u, which were not granted",
                  peer().c_str(), static_cast<unsigned long long>(frame.offset),
                  frame.payload_bytes, frame.seq);
  }
  if (message->fragments[fragment] != kArrived)
    *target = message->buffer->data + frame.offset;
  return Status();
}

Status RecvConnection::OnData(Lane* lane, const Frame& frame) {
  StatusOr<Message*> found = Find(frame);
  if (!found.ok() || *found == nullptr) return found.status();
  Message* const message = *found;
  uint8_t& state = message->fragments[frame.offset / fragment_bytes_];
  if (state == kArrived) return Status();
  if (state != kNotGranted) {
    const int granted_to = state - 1;
    picker_.OnArrived(granted_to, frame.payload_bytes, clock_->NowNs());
    broker_->Return(slot(granted_to).rail, frame.payload_bytes);
    --fragments_out_;
  }
  state = kArrived;
  if (--message->missing == 0) Complete(message, lane);
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
  const uint64_t fragments =
      (message->size + fragment_bytes_ - 1) / fragment_bytes_;
  message->fragments.assign(fragments, kNotGranted);
  message->next_fragment = 0;
  message->missing = fragments;
  if (fragments == 0) {
    Complete(message, nullptr);
  } else {
    GrantLater(message);
    Grant();
  }
  return Status();
}

// --- Granting.

uint64_t RecvConnection::FragmentBytes(const Message& message,
                                       uint32_t fragment) const {
  return std::min<uint64_t>(fragment_bytes_,
                            message.size - fragment * fragment_bytes_);
}

void RecvConnection::OnCredit() { Grant(); }

void RecvConnection::GrantLater(Message* message) {
  if (!std::exchange(message->granting, true)) granting_.push_back(message);
}

void RecvConnection::Grant() {
  // A lane may die under a grant, which brings us here again.
  if (std::exchange(in_grant_, true)) return;
  while (!granting_.empty() && status().ok() && lanes_up() > 0) {
    if (!GrantMessage(granting_.front())) {
      broker_->Wait(this);
      break;
    }
    granting_.front()->granting = false;
    granting_.pop_front();
  }
  in_grant_ = false;
}

bool RecvConnection::GrantMessage(Message* message) {
  // Its last fragments may have come from a lane that was given up.
  if (message->state != Message::State::kMatched) return true;
  uint32_t& next = message->next_fragment;
  while (next < message->fragments.size()) {
    if (message->fragments[next] != kNotGranted)
      ++next;
    else if (!status().ok() || !GrantFragment(message, next))
      return false;
  }
  return true;
}

bool RecvConnection::GrantFragment(Message* message, uint32_t fragment) {
  const uint64_t bytes = FragmentBytes(*message, fragment);
  const int lane = picker_.Pick(bytes);
  if (lane < 0 ||
      !broker_->TryTake(slot(lane).rail, bytes, fragments_out_ == 0))
    return false;
  message->fragments[fragment] = 1 + lane;
  ++fragments_out_;
  picker_.OnGranted(lane, bytes, clock_->NowNs());
  Frame grant;
  grant.type = FrameType::kGrant;
  grant.lane = lane;
  grant.seq = message->seq;
  grant.offset = fragment * fragment_bytes_;
  grant.size = bytes;
  slot(lane).lane->Send(grant, nullptr);
  return true;
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
  AckSoon(message->seq);
  message->state = Message::State::kUnknown;
  message->seq += kMessageWindow;
  message->eager_arrived = false;
  message->lost_lane = false;
  message->buffer = nullptr;
  message->early.clear();
  message->fragments.clear();
}

void RecvConnection::AckSoon(uint32_t seq) {
  if (to_ack_.empty()) WantFlush();
  to_ack_.push_back(seq);
}

void RecvConnection::Flush() {
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
}

// --- Lanes and the end.

void RecvConnection::OnLaneUp(int index) {
  picker_.SetUp(index);
  if (!to_ack_.empty()) WantFlush();
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
    for (uint32_t i = 0; i < message.fragments.size(); ++i) {
      if (message.fragments[i] != 1 + index) continue;
      message.fragments[i] = kNotGranted;
      message.next_fragment = std::min(message.next_fragment, i);
      GrantLater(&message);
      --fragments_out_;
      broker_->Return(slot(index).rail, FragmentBytes(message, i));
      regranted += FragmentBytes(message, i);
    }
  }
  if (regranted > 0) owner()->OnRegranted(slot(index).rail, regranted);
  Grant();
}

void RecvConnection::ReturnCredit() {
  broker_->Forget(this);
  for (Message& message : slots_) {
    if (message.state != Message::State::kMatched) continue;
    for (uint32_t i = 0; i < message.fragments.size(); ++i) {
      uint8_t& state = message.fragments[i];
      if (state == kNotGranted || state == kArrived) continue;
      broker_->Return(slot(state - 1).rail, FragmentBytes(message, i));
      state = kNotGranted;
    }
  }
  fragments_out_ = 0;
}

void RecvConnection::ReleaseMemory() {
  ReturnCredit();
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
