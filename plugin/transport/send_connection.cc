#include "plugin/transport/send_connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ithaca {

SendConnection::SendConnection(std::string peer, size_t eager_bytes,
                               ConnectionOwner* owner, const Clock* clock,
                               LogSink* log)
    : Connection(std::move(peer), owner, log),
      eager_bytes_(std::min(eager_bytes, kMaxEagerBytes)),
      clock_(clock) {}

SendConnection::Message* SendConnection::FreeSlot() {
  if (free_.empty()) {
    if (slots_.size() == kMessageWindow) return nullptr;
    Message& fresh = slots_.emplace_back();
    fresh.connection = this;
    // Its first message will be the one with the number of the slot.
    fresh.seq = slots_.size() - 1 - kMessageWindow;
    return &fresh;
  }
  Message* const message = &slots_[free_.front()];
  free_.pop_front();
  return message;
}

void SendConnection::Recycle(Request* request) {
  Message* const message = static_cast<Message*>(request);
  message->state = Request::State::kFree;
  if (message->acked) free_.push_back(message->seq % kMessageWindow);
}

StatusOr<Request*> SendConnection::Send(const void* data, size_t bytes,
                                        int32_t tag) {
  if (!status().ok()) return Refuse();
  Message* const message = FreeSlot();
  if (message == nullptr) return static_cast<Request*>(nullptr);
  message->state = Request::State::kActive;
  message->bytes[0] = bytes;
  message->data = data;
  message->tag = tag;
  message->seq += kMessageWindow;
  message->order = next_order_++;
  message->acked = false;
  message->granted = 0;
  message->eager =
      bytes <= eager_bytes_ &&
      (unasked_bytes_ + bytes <= kMaxUnaskedBytes || unasked_bytes_ == 0);
  if (message->eager) unasked_bytes_ += bytes;
  message->lost_lane = false;
  ++pending_;
  // Without a lane the caller had better wait and see.
  message->kept = message->eager && lanes_up() > 0;
  if (message->kept) Keep(message);
  Busy();
  if (!message->eager && asked_bytes_ >= kStreamBytes) {
    if (to_announce_.empty()) WantFlushSoon();
    message->announced_on = -1;
    to_announce_.push_back(message);
  } else {
    Flush();
    Announce(message);
  }
  return static_cast<Request*>(message);
}

void SendConnection::Keep(Message* message) {
  const size_t bytes = message->bytes[0];
  if (bytes > 0) {
    message->copy.reset(new char[bytes]);
    memcpy(message->copy.get(), message->data, bytes);
  }
  message->data = message->copy.get();
  message->state = Request::State::kDone;
  --pending_;
  ++kept_;
}

void SendConnection::Flush() {
  for (Message* message : to_announce_) Announce(message);
  to_announce_.clear();
}

void SendConnection::Announce(Message* message) {
  Lane* const lane = LeastQueued();
  message->announced_on = IndexOf(lane);
  if (lane == nullptr) return;  // OnLaneUp sees to it
  Frame frame;
  frame.seq = message->seq;
  frame.tag = message->tag;
  frame.offset = message->order;
  frame.size = message->bytes[0];
  if (message->eager) {
    frame.type = FrameType::kEager;
    frame.payload_bytes = message->bytes[0];
    lane->Send(frame, message->data);
  } else {
    frame.type = FrameType::kAnnounce;
    lane->Send(frame, nullptr);
  }
}

Status SendConnection::OnFrameHead(Lane*, const Frame& frame, void**) {
  return Errorf(
      Code::kDataLoss,
      "%s sent a payload (frame type %d) against the direction of the "
      "connection",
      peer().c_str(), static_cast<int>(frame.type));
}

Status SendConnection::OnMessageFrame(Lane*, const Frame& frame) {
  if (!status().ok()) return Status();
  if (frame.type == FrameType::kGrant) return OnGrant(frame);
  if (frame.type == FrameType::kAck) return OnAck(frame);
  return Errorf(Code::kDataLoss, "%s sent a frame of type %d to a sender",
                peer().c_str(), static_cast<int>(frame.type));
}

StatusOr<SendConnection::Message*> SendConnection::Find(uint32_t seq,
                                                        const char* verb) {
  const uint32_t slot = seq % kMessageWindow;
  if (slot >= slots_.size() || SeqBefore(slots_[slot].seq, seq))
    return Errorf(Code::kDataLoss, "%s %s message %u, not sent yet",
                  peer().c_str(), verb, seq);
  Message* const message = &slots_[slot];
  return message->seq == seq && !message->acked ? message : nullptr;
}

Status SendConnection::OnGrant(const Frame& frame) {
  StatusOr<Message*> found = Find(frame.seq, "granted");
  if (!found.ok() || *found == nullptr) return found.status();  // null: late
  Message& message = **found;
  const uint64_t bytes = message.bytes[0];
  if (frame.offset >= bytes || frame.size > bytes - frame.offset)
    return Errorf(Code::kDataLoss,
                  "%s granted bytes %llu+%llu of a message of %llu",
                  peer().c_str(), static_cast<unsigned long long>(frame.offset),
                  static_cast<unsigned long long>(frame.size),
                  static_cast<unsigned long long>(bytes));
  asked_bytes_ += frame.size;
  // Granted again: the receiver lost a lane that looks well from here.
  message.granted += frame.size;
  if (message.granted > bytes) message.lost_lane = true;
  Lane* const lane =
      slot(frame.lane).up ? slot(frame.lane).lane.get() : LeastQueued();
  if (lane == nullptr) return Status();
  Flush();  // what waits travels with the data
  Frame data;
  data.type = FrameType::kData;
  data.seq = frame.seq;
  data.offset = frame.offset;
  const int64_t now_ns = clock_->NowNs();
  data.size = now_ns;
  data.payload_bytes = frame.size;
  data.tag = Retransmits(lane, now_ns);
  lane->Send(data, static_cast<const char*>(message.data) + frame.offset);
  return Status();
}

uint32_t SendConnection::Retransmits(Lane* lane, int64_t now_ns) {
  Losses& losses = losses_[IndexOf(lane)];
  if (now_ns - losses.asked_ns >= kAskEveryNs) {
    losses.asked_ns = now_ns;
    losses.retransmits = lane->retransmits();
  }
  return losses.retransmits;
}

Status SendConnection::OnAck(const Frame& frame) {
  uint32_t seqs[kAcksPerFrame];
  const int count = ReadAck(frame, seqs);
  for (int i = 0; i < count; ++i) {
    StatusOr<Message*> message = Find(seqs[i], "acknowledged");
    if (!message.ok()) return message.status();
    if (*message != nullptr) Complete(*message);
  }
  if (asked_bytes_ < kStreamBytes) Flush();
  return Status();
}

void SendConnection::Complete(Message* message) {
  message->acked = true;
  asked_bytes_ -= message->granted;
  if (message->eager) unasked_bytes_ -= message->bytes[0];
  // A kept one may be acknowledged before it has left if the peer lies.
  if (message->lost_lane || (message->kept && AnyQueued()))
    ForgetOnLanes(message->seq, nullptr);
  if (message->kept) {
    message->copy.reset();
    --kept_;
    if (message->state == Request::State::kFree)
      free_.push_back(message->seq % kMessageWindow);
  } else {
    message->state = Request::State::kDone;
    --pending_;
  }
}

void SendConnection::OnLaneUp(int) {
  Flush();
  for (Message& message : slots_)
    if (!message.acked && message.announced_on < 0) Announce(&message);
}

void SendConnection::OnLaneLost(int index) {
  for (Message& message : slots_) {
    if (message.acked) continue;
    message.lost_lane = true;
    if (message.announced_on == index) Announce(&message);
  }
}

void SendConnection::ReleaseMemory() {
  to_announce_.clear();
  for (const Message& message : slots_)
    if (!message.acked) ForgetOnLanes(message.seq, nullptr);
}

void SendConnection::OnMemoryGone(const void* begin, const void* end) {
  for (const Message& message : slots_) {
    const char* const data = static_cast<const char*>(message.data);
    const uint64_t bytes = message.bytes[0];
    if (message.acked || message.kept || bytes == 0 || data >= end ||
        data + bytes <= begin)
      continue;
    return Fail(
        Errorf(Code::kInvalidArgument,
               "memory of a send to %s was deregistered before the send "
               "completed",
               peer().c_str()));
  }
}

}  // namespace ithaca
