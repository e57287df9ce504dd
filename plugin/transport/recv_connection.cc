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
      clock_(options.clock) {
  for (Posted& posted : posted_) posted.request.connection = this;
}

RecvConnection::~RecvConnection() {
  DropLanes();  // before the buffers of early messages go
  ReturnCredit();
}

StatusOr<Request*> RecvConnection::Receive(void* data, size_t bytes,
                                           int32_t tag) {
  if (!status().ok()) return Refuse();
  const auto free =
      std::find_if(posted_.begin(), posted_.end(), [](const Posted& posted) {
        return posted.request.state == Request::State::kFree;
      });
  if (free == posted_.end()) return static_cast<Request*>(nullptr);
  free->request.state = Request::State::kActive;
  free->data = data;
  free->bytes = bytes;
  free->tag = tag;
  free->order = next_order_++;
  free->matched = false;
  ++posted_count_;
  const Status matched = MatchAll();
  if (!matched.ok()) {
    Fail(matched);
    return matched;
  }
  return &free->request;
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

Status RecvConnection::OnFrame(Lane* lane, const Frame& frame) {
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
  if (!SeqBefore(frame.seq, base_ + kMessageWindow))
    return Errorf(Code::kDataLoss, "%s sent message %u, outside of the window",
                  peer().c_str(), frame.seq);
  if (SeqBefore(frame.seq, base_) ||
      At(frame.seq).state == Message::State::kComplete) {
    AckSoon();  // sent again because our acknowledgement was lost
    return static_cast<Message*>(nullptr);
  }
  return &At(frame.seq);
}

Status RecvConnection::Announce(Message* message, const Frame& frame) {
  const bool eager = frame.type == FrameType::kEager;
  if (message->state != Message::State::kUnknown) {
    if (message->eager == eager && message->size == frame.size &&
        message->tag == frame.tag)
      return Status();  // once more, after a lane was lost
    return Errorf(Code::kDataLoss, "%s announced message %u twice, differently",
                  peer().c_str(), frame.seq);
  }
  message->state = Message::State::kAnnounced;
  message->eager = eager;
  message->tag = frame.tag;
  message->size = frame.size;
  while (announced_ - base_ < kMessageWindow &&
         At(announced_).state != Message::State::kUnknown) {
    ++announced_;
    ++unmatched_;
  }
  return MatchAll();
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
    *target = message->posted->data;
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
  if (message->state == Message::State::kMatched)
    CompleteEager(frame.seq, message, lane);
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
    *target = static_cast<char*>(message->posted->data) + frame.offset;
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
  if (--message->missing == 0) Complete(frame.seq, message, lane);
  return Status();
}

// --- Matching.

Status RecvConnection::MatchAll() {
  for (uint32_t seq = base_; unmatched_ > 0 && seq != announced_; ++seq) {
    Message& message = At(seq);
    if (message.state != Message::State::kAnnounced) continue;
    Posted* const posted = OldestPosted(message.tag);
    if (posted == nullptr) continue;
    ITHACA_RETURN_IF_ERROR(Match(seq, &message, posted));
  }
  return Status();
}

RecvConnection::Posted* RecvConnection::OldestPosted(int32_t tag) {
  Posted* oldest = nullptr;
  for (Posted& posted : posted_) {
    if (posted.request.state != Request::State::kActive || posted.matched ||
        posted.tag != tag)
      continue;
    if (oldest == nullptr || SeqBefore(posted.order, oldest->order))
      oldest = &posted;
  }
  return oldest;
}

Status RecvConnection::Match(uint32_t seq, Message* message, Posted* posted) {
  if (message->size > posted->bytes) {
    return Errorf(
        Code::kInvalidArgument,
        "message truncated: %s sent %llu bytes (tag %d) into a receive "
        "of %llu; both sides must agree on the size",
        peer().c_str(), static_cast<unsigned long long>(message->size),
        message->tag, static_cast<unsigned long long>(posted->bytes));
  }
  --unmatched_;
  message->posted = posted;
  message->state = Message::State::kMatched;
  posted->matched = true;
  posted->request.bytes = message->size;
  if (message->eager) {
    if (message->eager_arrived) CompleteEager(seq, message, nullptr);
    return Status();
  }
  const uint64_t fragments =
      (message->size + fragment_bytes_ - 1) / fragment_bytes_;
  message->fragments.assign(fragments, kNotGranted);
  message->next_fragment = 0;
  message->missing = fragments;
  if (fragments == 0)
    Complete(seq, message, nullptr);
  else
    Grant();
  return Status();
}

// --- Granting.

uint64_t RecvConnection::FragmentBytes(const Message& message,
                                       uint32_t fragment) const {
  return std::min<uint64_t>(fragment_bytes_,
                            message.size - fragment * fragment_bytes_);
}

void RecvConnection::OnCredit() { Grant(); }

void RecvConnection::Grant() {
  if (!status().ok() || lanes_up() == 0) return;
  for (uint32_t seq = base_; seq != announced_; ++seq) {
    Message& message = At(seq);
    if (message.state != Message::State::kMatched || message.eager) continue;
    for (uint32_t& i = message.next_fragment; i < message.fragments.size();
         ++i) {
      if (message.fragments[i] != kNotGranted) continue;
      if (!GrantFragment(seq, &message, i)) return broker_->Wait(this);
    }
  }
}

bool RecvConnection::GrantFragment(uint32_t seq, Message* message,
                                   uint32_t fragment) {
  const uint64_t bytes = FragmentBytes(*message, fragment);
  const int lane = picker_.Pick(bytes);
  if (!broker_->TryTake(slot(lane).rail, bytes, fragments_out_ == 0))
    return false;
  message->fragments[fragment] = 1 + lane;
  ++fragments_out_;
  picker_.OnGranted(lane, bytes, clock_->NowNs());
  Frame grant;
  grant.type = FrameType::kGrant;
  grant.lane = lane;
  grant.seq = seq;
  grant.offset = fragment * fragment_bytes_;
  grant.size = bytes;
  slot(lane).lane->Send(grant, nullptr);
  return true;
}

// --- Completion.

void RecvConnection::CompleteEager(uint32_t seq, Message* message,
                                   const Lane* lane) {
  if (!message->early.empty())
    memcpy(message->posted->data, message->early.data(), message->size);
  Complete(seq, message, lane);
}

void RecvConnection::Complete(uint32_t seq, Message* message,
                              const Lane* lane) {
  if (message->lost_lane) ForgetOnLanes(seq, lane);
  message->posted->request.state = Request::State::kDone;
  --posted_count_;
  message->state = Message::State::kComplete;
  while (base_ != announced_ && At(base_).state == Message::State::kComplete) {
    Message& done = At(base_++);
    done.state = Message::State::kUnknown;
    done.eager_arrived = false;
    done.lost_lane = false;
    done.posted = nullptr;
    done.early.clear();
    done.fragments.clear();
  }
  AckSoon();
}

void RecvConnection::AckSoon() {
  if (ack_due_) return;
  ack_due_ = true;
  WantFlush();
}

void RecvConnection::Flush() {
  Lane* const lane = LeastQueued();
  if (!ack_due_ || lane == nullptr) return;
  ack_due_ = false;
  Frame ack;
  ack.type = FrameType::kAck;
  ack.seq = base_;
  for (uint32_t i = 0; i < kMessageWindow; ++i)
    if (At(base_ + i).state == Message::State::kComplete)
      ack.size |= uint64_t{1} << i;
  lane->Send(ack, nullptr);
}

// --- Lanes and the end.

void RecvConnection::OnLaneUp(int index) {
  picker_.SetUp(index);
  Grant();
}

void RecvConnection::OnLaneLost(int index) {
  picker_.SetDown(index);
  for (uint32_t seq = base_; seq != base_ + kMessageWindow; ++seq) {
    Message& message = At(seq);
    message.lost_lane = message.state != Message::State::kUnknown;
    if (message.state != Message::State::kMatched) continue;
    for (uint32_t i = 0; i < message.fragments.size(); ++i) {
      if (message.fragments[i] != 1 + index) continue;
      message.fragments[i] = kNotGranted;
      message.next_fragment = std::min(message.next_fragment, i);
      --fragments_out_;
      broker_->Return(slot(index).rail, FragmentBytes(message, i));
    }
  }
  AckSoon();  // the last one may have been lost
  Grant();
}

void RecvConnection::ReturnCredit() {
  broker_->Forget(this);
  for (Message& message : messages_) {
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
  for (uint32_t i = 0; i < kMessageWindow; ++i)
    ForgetOnLanes(base_ + i, nullptr);
}

void RecvConnection::OnMemoryGone(const void* begin, const void* end) {
  for (const Posted& posted : posted_) {
    const char* const data = static_cast<const char*>(posted.data);
    if (posted.request.state != Request::State::kActive || posted.bytes == 0 ||
        data >= end || data + posted.bytes <= begin)
      continue;
    return Fail(
        Errorf(Code::kInvalidArgument,
               "memory of a receive from %s was deregistered before the "
               "receive completed",
               peer().c_str()));
  }
}

}  // namespace ithaca
