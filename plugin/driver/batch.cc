#include "plugin/driver/batch.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "plugin/driver/gpu_copy.h"
#include "plugin/driver/ll_lines.h"

namespace ithaca::driver {
namespace {

static_assert(kMaxGroup == 8, "NCCL hands NCCL_PROXY_MAX_SUBS sizes to test");

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

// ", stream 3", where there are several.
std::string StreamName(const Sub& sub) {
  if (sub.part.connection->streams.size() == 1) return "";
  return ", stream " + std::to_string(sub.part.stream);
}

Status CallFailed(const Core& core, abi::Result result, const char* call,
                  const Sub& sub, uint64_t step) {
  const Connection& c = *sub.part.connection;
  return core.context->plugin().Check(
      result, std::string(call) + (c.sends ? " to" : " from") + " rank " +
                  std::to_string(c.peer) + ", channel " +
                  std::to_string(c.channel) + StreamName(sub) + ", message " +
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
    : sends_(sends), channel_(channel), subs_(parts.begin(), parts.end()) {
  size_t first = 0;
  for (size_t i = 1; !sends && i < subs_.size(); ++i) {
    if (subs_[i].part.connection != subs_[first].part.connection) {
      first = i;
      continue;
    }
    ++subs_[first].group;
    subs_[i].group = 0;
  }
}

int Batch::peers() const {
  int peers = 0;
  for (size_t i = 0; i < subs_.size(); ++i) {
    peers += i == 0 || subs_[i].part.connection != subs_[i - 1].part.connection;
  }
  return peers;
}

int Batch::TagOf(const Core& core, const Sub& sub) const {
  const int sender = sends_ ? core.rank : sub.part.connection->peer;
  return sender * core.options.group + sub.part.stream;
}

void Batch::Start(const Core& core) {
  for (Sub& sub : subs_) {
    sub.base = sub.stream().step;
    sub.stream().step += sub.steps;
  }
  depth_ = PipelineDepth(core.options.pipeline_depth,
                         static_cast<int>(subs_.size()));
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
  int done = 0;
  int size = 0;
  const bool sizes = core->options.call_style == CallStyle::kProxy;
  {
    CallMark mark(core, "test");
    const abi::Result result = core->api().Test(*sub.RequestOf(sub.done), &done,
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
  void** request = sub.RequestOf(step);
  void* profile = nullptr;  // what the handle points to is NCCL's affair
  const bool proxy = core->options.call_style == CallStyle::kProxy;
  {
    CallMark mark(core, "isend");
    const abi::Result result = core->api().Isend(
        c.comm, Slot(*core, index, step), bytes, TagOf(*core, sub), Mr(sub),
        proxy ? &profile : nullptr, request);
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
  for (size_t i = 0; i < subs_.size(); i += subs_[i].group) {
    ITHACA_RETURN_IF_ERROR(PostRecv(core, i, &nothing));
  }
  for (size_t i = 0; nothing && i < subs_.size(); i += subs_[i].group) {
    bool none = true;
    ITHACA_RETURN_IF_ERROR(TestRecv(core, i, &none));
    if (!none) *idle = false;
  }
  if (!nothing) *idle = false;
  for (size_t i = 0; nothing && i < subs_.size(); ++i) Consume(core, i, idle);
  return Status();
}

// The arguments of one irecv.
struct Batch::Buffers {
  int count = 0;
  void* data[kMaxGroup];
  size_t bytes[kMaxGroup];
  int tags[kMaxGroup];
  void* mrs[kMaxGroup];
  void* profiles[kMaxGroup] = {};
  void* phandles[kMaxGroup];
};

// False when one of the group that has messages left has no free slot.
bool Batch::CollectBuffers(const Core& core, size_t first,
                           Buffers* buffers) const {
  for (size_t i = first; i < first + subs_[first].group; ++i) {
    const Sub& sub = subs_[i];
    if (sub.posted == sub.steps) continue;
    if (sub.posted >= sub.done + depth_) return false;
    const int n = buffers->count++;
    buffers->data[n] = Slot(core, i, sub.posted);
    // The whole slot, however little is to come.
    buffers->bytes[n] = sub.part.in_place ? sub.BytesOf(sub.posted)
                        : sub.part.protocol == Protocol::kLl
                            ? kLlSlotBytes
                            : core.options.chunk_bytes;
    buffers->tags[n] = TagOf(core, sub);
    buffers->mrs[n] = Mr(sub);
    buffers->phandles[n] = &buffers->profiles[n];
  }
  return buffers->count > 0;
}

Status Batch::PostRecv(Core* core, size_t first, bool* idle) {
  Sub& lead = subs_[first];
  if (lead.posted == lead.steps) return Status();
  Buffers b;
  if (!CollectBuffers(*core, first, &b)) return Status();
  Connection& c = *lead.part.connection;
  const bool proxy = core->options.call_style == CallStyle::kProxy;
  void** request = lead.RequestOf(lead.posted);
  const auto preset = reinterpret_cast<void*>(abi::kOptionalRecvCompletion);
  if (lead.part.protocol == Protocol::kLl && b.count == 1) *request = preset;
  {
    CallMark mark(core, "irecv");
    const abi::Result result =
        core->api().Irecv(c.comm, b.count, b.data, b.bytes, b.tags, b.mrs,
                          proxy ? b.phandles : nullptr, request);
    if (result != abi::Result::kSuccess) {
      return CallFailed(*core, result, "irecv", lead, lead.posted);
    }
  }
  if (*request == nullptr) {
    core->counters.refused_recvs.Add(1);
    return Status();
  }
  if (*request == preset) {
    return Errorf(Code::kInternal,
                  "irecv from rank %d, channel %d left the 0x1 in the request "
                  "slot instead of a request or null",
                  c.peer, c.channel);
  }
  for (size_t i = first; i < first + lead.group; ++i) {
    if (subs_[i].posted < subs_[i].steps) ++subs_[i].posted;
  }
  *idle = false;
  return Status();
}

Status Batch::TestRecv(Core* core, size_t first, bool* idle) {
  Sub& lead = subs_[first];
  if (lead.received == lead.posted) return Status();
  void** request = lead.RequestOf(lead.received);
  int done = 0;
  int sizes[kMaxGroup] = {};
  const bool proxy = core->options.call_style == CallStyle::kProxy;
  {
    CallMark mark(core, "test");
    const abi::Result result =
        core->api().Test(*request, &done, proxy ? sizes : nullptr);
    if (result != abi::Result::kSuccess) {
      return CallFailed(*core, result, "test", lead, lead.received);
    }
  }
  if (done == 0) return Status();
  if (proxy) ITHACA_RETURN_IF_ERROR(CheckSizes(*core, first, sizes));
  int count = 0;
  for (size_t i = first; i < first + lead.group; ++i) {
    if (subs_[i].received == subs_[i].steps) continue;
    ++subs_[i].received;
    ++count;
  }
  (void)core->api().IrecvConsumed(lead.part.connection->comm, count, *request);
  *request = nullptr;
  *idle = false;
  return Status();
}

// One size per buffer of the request, in order, and nothing behind.
Status Batch::CheckSizes(const Core& core, size_t first,
                         const int* sizes) const {
  const Connection& c = *subs_[first].part.connection;
  int count = 0;
  for (size_t i = first; i < first + subs_[first].group; ++i) {
    const Sub& sub = subs_[i];
    if (sub.received == sub.steps) continue;
    const size_t wanted = sub.BytesOf(sub.received);
    const int size = sizes[count++];
    // An LL receive may complete early; its flags say what has arrived.
    if (sub.part.protocol == Protocol::kLl ||
        static_cast<size_t>(size) == wanted) {
      continue;
    }
    return Errorf(
        Code::kDataLoss,
        "rank %d received %d bytes from rank %d, channel %d%s, message %llu, "
        "where %zu were sent",
        core.rank, size, c.peer, c.channel, StreamName(sub).c_str(),
        static_cast<unsigned long long>(sub.base + sub.received), wanted);
  }
  for (int i = count; i < kMaxGroup; ++i) {
    if (sizes[i] == 0) continue;
    return Errorf(Code::kInternal,
                  "test wrote sizes[%d] for a receive of %d buffers, from rank "
                  "%d, channel %d",
                  i, count, c.peer, c.channel);
  }
  return Status();
}

void Batch::Consume(Core* core, size_t index, bool* idle) {
  Sub& sub = subs_[index];
  if (sub.done == sub.received) return;
  const size_t bytes = sub.BytesOf(sub.done);
  char* const to = sub.part.user + sub.OffsetOf(sub.done);
  const char* const from = Slot(*core, index, sub.done);
  if (sub.part.protocol == Protocol::kLl) {
    if (!LlArrived(from, bytes, LlFlag(sub, sub.done))) return;
    GpuWorkTimer timer(&core->counters, bytes);
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
    GpuWorkTimer timer(&core->counters, bytes);
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
           (sub.part.stream * kSteps + (sub.base + step) % kSteps) *
               kLlSlotBytes;
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
            std::to_string(channel_) + StreamName(sub) + " (" +
            std::to_string((sends_ ? sub.transmitted : sub.posted) - sub.done) +
            " in flight)";
  }
  return text;
}

}  // namespace ithaca::driver
