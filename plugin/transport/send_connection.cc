#include "plugin/transport/send_connection.h"

#include <algorithm>
#include <utility>

namespace ithaca {

SendConnection::SendConnection(std::string peer, size_t eager_bytes,
                               ConnectionOwner* owner, LogSink* log)
    : Connection(std::move(peer), owner, log),
      eager_bytes_(std::min(eager_bytes, kMaxEagerBytes)) {
  for (Message& message : messages_) message.request.connection = this;
}

StatusOr<Request*> SendConnection::Send(const void* data, size_t bytes,
                                        int32_t tag) {
  if (!status().ok()) return Refuse();
  Message& message = At(next_seq_);
  if (message.request.state != Request::State::kFree || !message.acked ||
      next_seq_ - acked_to_ >= kMessageWindow || lanes_up() == 0)
    return static_cast<Request*>(nullptr);
  message.request.state = Request::State::kActive;
  message.request.bytes = bytes;
  message.data = data;
  message.tag = tag;
  message.seq = next_seq_++;
  message.acked = false;
  message.granted = 0;
  message.eager =
      bytes <= eager_bytes_ &&
      (unasked_bytes_ + bytes <= kMaxUnaskedBytes || unasked_bytes_ == 0);
  if (message.eager) unasked_bytes_ += bytes;
  message.lost_lane = false;
  ++pending_;
  Announce(&message);
  return &message.request;
}

void SendConnection::Announce(Message* message) {
  Lane* const lane = LeastQueued();
  message->announced_on = IndexOf(lane);
  Frame frame;
  frame.seq = message->seq;
  frame.tag = message->tag;
  frame.size = message->request.bytes;
  if (message->eager) {
    frame.type = FrameType::kEager;
    frame.payload_bytes = message->request.bytes;
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

Status SendConnection::OnFrame(Lane*, const Frame& frame) {
  if (!status().ok()) return Status();
  if (frame.type == FrameType::kGrant) return OnGrant(frame);
  if (frame.type == FrameType::kAck) return OnAck(frame);
  return Errorf(Code::kDataLoss, "%s sent a frame of type %d to a sender",
                peer().c_str(), static_cast<int>(frame.type));
}

Status SendConnection::OnGrant(const Frame& frame) {
  Message& message = At(frame.seq);
  if (!SeqBefore(frame.seq, next_seq_))
    return Errorf(Code::kDataLoss, "%s granted message %u, not sent yet",
                  peer().c_str(), frame.seq);
  if (message.seq != frame.seq || message.acked) return Status();  // late
  const uint64_t bytes = message.request.bytes;
  if (frame.offset >= bytes || frame.size > bytes - frame.offset)
    return Errorf(Code::kDataLoss,
                  "%s granted bytes %llu+%llu of a message of %llu",
                  peer().c_str(), static_cast<unsigned long long>(frame.offset),
                  static_cast<unsigned long long>(frame.size),
                  static_cast<unsigned long long>(bytes));
  // Granted again: the receiver lost a lane that looks well from here.
  message.granted += frame.size;
  if (message.granted > bytes) message.lost_lane = true;
  Lane* const lane =
      slot(frame.lane).up ? slot(frame.lane).lane.get() : LeastQueued();
  if (lane == nullptr) return Status();
  Frame data;
  data.type = FrameType::kData;
  data.seq = frame.seq;
  data.offset = frame.offset;
  data.size = frame.size;
  data.payload_bytes = frame.size;
  lane->Send(data, static_cast<const char*>(message.data) + frame.offset);
  return Status();
}

Status SendConnection::OnAck(const Frame& frame) {
  if (SeqBefore(next_seq_, frame.seq))
    return Errorf(Code::kDataLoss, "%s acknowledged message %u, not sent yet",
                  peer().c_str(), frame.seq - 1);
  for (; SeqBefore(acked_to_, frame.seq); ++acked_to_) {
    Message& message = At(acked_to_);
    if (!message.acked) Complete(&message);
  }
  for (uint32_t i = 0; i < 64; ++i) {
    const uint32_t seq = frame.seq + i;
    if ((frame.size >> i & 1) == 0) continue;
    if (!SeqBefore(seq, next_seq_))
      return Errorf(Code::kDataLoss, "%s acknowledged message %u, not sent yet",
                    peer().c_str(), seq);
    Message& message = At(seq);
    if (message.seq == seq && !message.acked) Complete(&message);
  }
  return Status();
}

void SendConnection::Complete(Message* message) {
  message->acked = true;
  message->request.state = Request::State::kDone;
  --pending_;
  if (message->eager) unasked_bytes_ -= message->request.bytes;
  if (message->lost_lane) ForgetOnLanes(message->seq, nullptr);
}

void SendConnection::OnLaneUp(int) {}

void SendConnection::OnLaneLost(int index) {
  for (uint32_t seq = acked_to_; seq != next_seq_; ++seq) {
    Message& message = At(seq);
    if (message.acked) continue;
    message.lost_lane = true;
    if (message.announced_on == index) Announce(&message);
  }
}

void SendConnection::ReleaseMemory() {
  for (uint32_t seq = acked_to_; seq != next_seq_; ++seq)
    ForgetOnLanes(seq, nullptr);
}

void SendConnection::OnMemoryGone(const void* begin, const void* end) {
  for (uint32_t seq = acked_to_; seq != next_seq_; ++seq) {
    const Message& message = At(seq);
    const char* const data = static_cast<const char*>(message.data);
    if (message.acked || message.request.bytes == 0 || data >= end ||
        data + message.request.bytes <= begin)
      continue;
    return Fail(
        Errorf(Code::kInvalidArgument,
               "memory of a send to %s was deregistered before the send "
               "completed",
               peer().c_str()));
  }
}

}  // namespace ithaca
