#include "plugin/driver/batch.h"

#include <time.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "plugin/core/clock.h"
#include "plugin/driver/ll_lines.h"

namespace ithaca::driver {
namespace {

// Below this a copy costs less than reading the thread's CPU clock.
constexpr size_t kTimedCopyBytes = 8 << 10;
constexpr int kMaxSizes = 8;  // NCCL_PROXY_MAX_SUBS

int64_t ThreadCpuNs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

class CopyTimer {
 public:
  CopyTimer(LiveCounters* counters, size_t bytes)
      : counters_(bytes < kTimedCopyBytes ? nullptr : counters),
        start_(counters_ == nullptr ? 0 : ThreadCpuNs()) {}
  ~CopyTimer() {
    if (counters_ == nullptr) return;
    counters_->copy_cpu_ns.Add(ThreadCpuNs() - start_);
  }

 private:
  LiveCounters* const counters_;
  const int64_t start_;
};

class CallMark {
 public:
  CallMark(Core* core, const char* name) : core_(core) {
    core_->progress_call.store(name, std::memory_order_relaxed);
  }
  ~CallMark() {
    core_->progress_call.store(nullptr, std::memory_order_relaxed);
  }

 private:
  Core* const core_;
};

Status CallFailed(const Core& core, abi::Result result, const char* call,
                  const Sub& sub, uint64_t step) {
  const Connection& c = *sub.part.connection;
  return core.context->plugin().Check(
      result, std::string(call) + (c.sends ? " to" : " from") + " rank " +
                  std::to_string(c.peer) + ", channel " +
                  std::to_string(c.channel) + ", message " +
                  std::to_string(sub.base + step));
}

uint32_t LlFlag(const Sub& sub, uint64_t step) {
  return static_cast<uint32_t>(sub.base + step + 1);
}

}  // namespace

size_t Sub::BytesOf(uint64_t step) const {
  return std::min(part.chunk_bytes, part.bytes - OffsetOf(step));
}

Batch::Batch(bool sends, int channel, const std::vector<Part>& parts)
    : sends_(sends), channel_(channel), subs_(parts.begin(), parts.end()) {}

void Batch::Start(const Core& core) {
  for (Sub& sub : subs_) {
    sub.base = sub.part.connection->step;
    sub.part.connection->step += sub.steps;
  }
  depth_ = PipelineDepth(core.options.pipeline_depth, peers());
}

Status Batch::Progress(Core* core, bool* idle) {
  if (depth_ == 0) Start(*core);
  if (!sends_) return ProgressRecvs(core, idle);
  for (size_t i = 0; i < subs_.size(); ++i) {
    if (subs_[i].done == subs_[i].steps) continue;
    ITHACA_RETURN_IF_ERROR(ProgressSend(core, i, idle));
  }
  return Status();
}

// At most one of: fill a slot, hand one to the plugin, retire one.
Status Batch::ProgressSend(Core* core, size_t index, bool* idle) {
  Sub& sub = subs_[index];
  if (sub.posted < sub.steps && sub.posted < sub.done + depth_) {
    FillSlot(core, index);
    ++sub.posted;
    *idle = false;
    return Status();
  }
  if (sub.transmitted < sub.posted && sub.transmitted < sub.done + kSteps) {
    bool moved = false;
    ITHACA_RETURN_IF_ERROR(Transmit(core, index, &moved));
    if (moved) {
      *idle = false;
      return Status();
    }
  }
  if (sub.done == sub.transmitted) return Status();
  Connection& c = *sub.part.connection;
  int done = 0;
  int size = 0;
  const bool sizes = core->options.call_style == CallStyle::kProxy;
  {
    CallMark mark(core, "test");
    const abi::Result result =
        core->api().Test(c.requests[(sub.base + sub.done) % kSteps], &done,
                         sizes ? &size : nullptr);
    if (result != abi::Result::kSuccess) {
      return CallFailed(*core, result, "test", sub, sub.done);
    }
  }
  if (done == 0) return Status();
  core->counters.payload_bytes_sent.Add(sub.BytesOf(sub.done));
  ++sub.done;
  *idle = false;
  if (sub.done == sub.steps) ++finished_;
  return Status();
}

Status Batch::Transmit(Core* core, size_t index, bool* moved) {
  Sub& sub = subs_[index];
  Connection& c = *sub.part.connection;
  const uint64_t step = sub.transmitted;
  size_t bytes = sub.BytesOf(step);
  if (sub.part.protocol == Protocol::kLl) bytes = LlWireBytes(bytes);
  // Stale on purpose: the plugin must write it whatever happens.
  void** request = &c.requests[(sub.base + step) % kSteps];
  void* profile = nullptr;  // what the handle points to is NCCL's affair
  const bool proxy = core->options.call_style == CallStyle::kProxy;
  {
    CallMark mark(core, "isend");
    const abi::Result result =
        core->api().Isend(c.comm, Slot(*core, index, step), bytes, core->rank,
                          Mr(sub), proxy ? &profile : nullptr, request);
    if (result != abi::Result::kSuccess) {
      return CallFailed(*core, result, "isend", sub, step);
    }
  }
  if (*request == nullptr) {
    core->counters.refused_sends.Add(1);
    return Status();
  }
  core->counters.wire_bytes_sent.Add(bytes);
  core->counters.messages_sent.Add(1);
  ++sub.transmitted;
  *moved = true;
  return Status();
}

// Posts on every connection first; looks for completions only when nothing
// could be posted, and empties slots only when nothing completed.
Status Batch::ProgressRecvs(Core* core, bool* idle) {
  bool nothing = true;
  for (size_t i = 0; i < subs_.size(); ++i) {
    ITHACA_RETURN_IF_ERROR(PostRecv(core, i, &nothing));
  }
  for (size_t i = 0; nothing && i < subs_.size(); ++i) {
    bool none = true;
    ITHACA_RETURN_IF_ERROR(TestRecv(core, i, &none));
    if (!none) *idle = false;
  }
  if (!nothing) *idle = false;
  for (size_t i = 0; nothing && i < subs_.size(); ++i) Consume(core, i, idle);
  return Status();
}

Status Batch::PostRecv(Core* core, size_t index, bool* idle) {
  Sub& sub = subs_[index];
  if (sub.posted == sub.steps || sub.posted >= sub.done + depth_) {
    return Status();
  }
  Connection& c = *sub.part.connection;
  const bool ll = sub.part.protocol == Protocol::kLl;
  const bool proxy = core->options.call_style == CallStyle::kProxy;
  void* data = Slot(*core, index, sub.posted);
  // The whole slot, however little is to come.
  size_t bytes = sub.part.in_place ? sub.BytesOf(sub.posted)
                 : ll              ? kLlSlotBytes
                                   : core->options.chunk_bytes;
  int tag = c.peer;
  void* mr = Mr(sub);
  void* profile = nullptr;
  void* phandle = &profile;
  void** request = &c.requests[(sub.base + sub.posted) % kSteps];
  if (ll) *request = reinterpret_cast<void*>(abi::kOptionalRecvCompletion);
  {
    CallMark mark(core, "irecv");
    const abi::Result result =
        core->api().Irecv(c.comm, 1, &data, &bytes, &tag, &mr,
                          proxy ? &phandle : nullptr, request);
    if (result != abi::Result::kSuccess) {
      return CallFailed(*core, result, "irecv", sub, sub.posted);
    }
  }
  if (*request == nullptr) {
    core->counters.refused_recvs.Add(1);
    return Status();
  }
  if (*request == reinterpret_cast<void*>(abi::kOptionalRecvCompletion)) {
    return Errorf(Code::kInternal,
                  "irecv from rank %d, channel %d left the 0x1 in the request "
                  "slot instead of a request or null",
                  c.peer, c.channel);
  }
  ++sub.posted;
  *idle = false;
  return Status();
}

Status Batch::TestRecv(Core* core, size_t index, bool* idle) {
  Sub& sub = subs_[index];
  if (sub.received == sub.posted) return Status();
  Connection& c = *sub.part.connection;
  void** request = &c.requests[(sub.base + sub.received) % kSteps];
  int done = 0;
  int sizes[kMaxSizes] = {};
  const bool proxy = core->options.call_style == CallStyle::kProxy;
  {
    CallMark mark(core, "test");
    const abi::Result result =
        core->api().Test(*request, &done, proxy ? sizes : nullptr);
    if (result != abi::Result::kSuccess) {
      return CallFailed(*core, result, "test", sub, sub.received);
    }
  }
  if (done == 0) return Status();
  if (proxy) ITHACA_RETURN_IF_ERROR(CheckSizes(*core, sub, sizes));
  (void)core->api().IrecvConsumed(c.comm, 1, *request);
  *request = nullptr;
  ++sub.received;
  *idle = false;
  return Status();
}

Status Batch::CheckSizes(const Core& core, const Sub& sub,
                         const int* sizes) const {
  const Connection& c = *sub.part.connection;
  for (int i = 1; i < kMaxSizes; ++i) {
    if (sizes[i] == 0) continue;
    return Errorf(Code::kInternal,
                  "test wrote sizes[%d] for a receive of one buffer, from rank "
                  "%d, channel %d",
                  i, c.peer, c.channel);
  }
  // An LL receive may complete early; its flags say what has arrived.
  const size_t wanted = sub.BytesOf(sub.received);
  if (sub.part.protocol == Protocol::kLl ||
      static_cast<size_t>(sizes[0]) == wanted) {
    return Status();
  }
  return Errorf(Code::kDataLoss,
                "rank %d received %d bytes from rank %d, channel %d, message "
                "%llu, where %zu were sent",
                core.rank, sizes[0], c.peer, c.channel,
                static_cast<unsigned long long>(sub.base + sub.received),
                wanted);
}

void Batch::Consume(Core* core, size_t index, bool* idle) {
  Sub& sub = subs_[index];
  if (sub.done == sub.received) return;
  const size_t bytes = sub.BytesOf(sub.done);
  char* const to = sub.part.user + sub.OffsetOf(sub.done);
  const char* const from = Slot(*core, index, sub.done);
  if (sub.part.protocol == Protocol::kLl) {
    if (!LlArrived(from, bytes, LlFlag(sub, sub.done))) return;
    CopyTimer timer(&core->counters, bytes);
    LlDecode(from, bytes, to);
  } else if (!sub.part.in_place) {
    CopyAsGpu(&core->counters, to, from, bytes);
  }
  core->counters.payload_bytes_received.Add(bytes);
  core->counters.messages_received.Add(1);
  ++sub.done;
  *idle = false;
  if (sub.done == sub.steps) ++finished_;
}

void Batch::FillSlot(Core* core, size_t index) {
  const Sub& sub = subs_[index];
  if (sub.part.in_place) return;
  const size_t bytes = sub.BytesOf(sub.posted);
  const char* const from = sub.part.user + sub.OffsetOf(sub.posted);
  char* const to = Slot(*core, index, sub.posted);
  if (sub.part.protocol == Protocol::kLl) {
    CopyTimer timer(&core->counters, bytes);
    LlEncode(from, bytes, LlFlag(sub, sub.posted), to);
  } else {
    CopyAsGpu(&core->counters, to, from, bytes);
  }
}

char* Batch::Slot(const Core& core, size_t index, uint64_t step) const {
  const Sub& sub = subs_[index];
  if (sub.part.in_place) return sub.part.user + sub.OffsetOf(step);
  if (sub.part.protocol == Protocol::kLl) {
    return sub.part.connection->ll.data() +
           (sub.base + step) % kSteps * kLlSlotBytes;
  }
  const Staging& staging = sends_ ? core.send_staging : core.recv_staging;
  const size_t slot = size_t{1} * channel_ * core.slots_per_channel +
                      step % depth_ * subs_.size() + index;
  return staging.data() + slot * core.options.chunk_bytes;
}

void* Batch::Mr(const Sub& sub) const {
  if (sub.part.in_place) return sub.part.mr;
  return sub.part.protocol == Protocol::kLl ? sub.part.connection->ll_mr
                                            : sub.part.connection->staging_mr;
}

std::string Batch::Describe() const {
  std::string text;
  for (const Sub& sub : subs_) {
    if (sub.done == sub.steps) continue;
    if (!text.empty()) text += "; ";
    text += std::to_string(sub.done) + " of " + std::to_string(sub.steps) +
            " messages " + (sends_ ? "to" : "from") + " rank " +
            std::to_string(sub.part.connection->peer) + ", channel " +
            std::to_string(channel_) + " (" +
            std::to_string((sends_ ? sub.transmitted : sub.posted) - sub.done) +
            " in flight)";
  }
  return text;
}

void CopyAsGpu(LiveCounters* counters, void* to, const void* from,
               size_t bytes) {
  if (bytes == 0) return;
  CopyTimer timer(counters, bytes);
  memcpy(to, from, bytes);
}

}  // namespace ithaca::driver
