// A lane over one TCP socket.
//
// Frames are written in the order of Send(), many with one system call; a
// payload goes from user memory to the kernel and from the kernel to user
// memory without a copy in between. Used with the engine's lock held.
#ifndef ITHACA_PLUGIN_SOCKET_SOCKET_LANE_H_
#define ITHACA_PLUGIN_SOCKET_SOCKET_LANE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "plugin/socket/poller.h"
#include "plugin/transport/lane.h"

namespace ithaca {

class SocketLane final : public Lane, private Pollable, private Flushable {
 public:
  // Takes over the connected, non-blocking socket `fd` (on failure too), which
  // stands at the first byte of a frame in both directions. `poller` and `sink`
  // outlive the lane.
  static StatusOr<std::unique_ptr<Lane>> Create(int fd, std::string name,
                                                Poller* poller, LaneSink* sink);
  ~SocketLane() override;

  void Send(const Frame& frame, const void* payload) override;
  void Forget(uint32_t seq) override;
  uint64_t queued_bytes() const override { return queued_bytes_; }
  uint32_t retransmits() override;
  LaneCounters counters() const override { return counters_; }
  bool Sample(rails::PathSample* sample) const override;
  void Abandon() override;
  std::string Describe() const override { return name_; }

 private:
  struct Output {
    uint8_t head[kFrameBytes];
    const char* payload;  // null: zeros
    uint32_t payload_bytes;
    uint32_t seq;
    size_t written;  // of head and payload together
    size_t size() const { return kFrameBytes + payload_bytes; }
  };

  SocketLane(int fd, std::string name, Poller* poller, LaneSink* sink)
      : fd_(fd), name_(std::move(name)), poller_(poller), sink_(sink) {}

  void OnReady(uint32_t events) override;
  bool chats() const override { return one_frame_; }
  bool TryRead() override;
  void OnFlush() override;

  // Reads once; false when there is no more for now.
  bool Read();
  // Takes what is there if it is one small frame and no more, but leaves it in
  // the socket: reading it has the kernel acknowledge it, which takes as long
  // as all the rest, and can wait until the answer has left. True: there is
  // more, or the end, to be read.
  bool Glance();
  // Takes that out of the socket. False when that cannot be done now.
  bool CatchUp();
  // Takes received bytes apart. `data` is scratch memory.
  void Parse(const char* data, size_t bytes);
  void OnHeadComplete();
  void OnPayloadComplete();
  // Whether a frame is half written whose memory is forgotten: it must not be
  // finished when the connection ends, or zeros would pass for its payload.
  bool cut() const {
    return !output_.empty() && output_.front().written > 0 &&
           output_.front().payload == nullptr &&
           output_.front().payload_bytes > 0;
  }
  // Writes what the socket takes. False when the socket failed.
  bool Write();
  void SetWantsWrite(bool wants);
  void GoDown(const Status& why);

  const int fd_;
  const std::string name_;
  Poller* const poller_;
  LaneSink* const sink_;
  uint64_t token_ = 0;
  bool down_ = false;

  // Output.
  std::deque<Output> output_;
  uint64_t queued_bytes_ = 0;
  bool wants_write_ = false;  // EPOLLOUT is on

  // Input: a head in the making, or a payload on its way to target_.
  uint8_t head_[kFrameBytes];
  size_t head_have_ = 0;
  Frame frame_;
  size_t payload_left_ = 0;
  char* target_ = nullptr;  // null: dropped
  bool forgotten_ = false;
  bool one_frame_ = false;  // was all that came last
  size_t left_there_ = 0;   // bytes taken but still in the socket
  LaneCounters counters_;
  // Packets sent again: as counted last and when, as counted the time before,
  // and of these the ones that had been lost.
  int64_t counted_ns_ = 0;
  uint32_t total_retransmits_ = 0;
  uint32_t told_retransmits_ = 0;
  uint32_t lost_ = 0;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SOCKET_SOCKET_LANE_H_
