#include "plugin/driver/connector.h"

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace ithaca::driver {
namespace {

// Names the plugin call that runs, while it runs.
class CallMark {
 public:
  CallMark(Core* core, const char* name) : core_(core) {
    core_->service_call.store(name, std::memory_order_relaxed);
  }
  ~CallMark() { core_->service_call.store(nullptr, std::memory_order_relaxed); }

 private:
  Core* const core_;
};

std::string Where(const Connection& c) {
  char text[64];
  snprintf(text, sizeof(text), "%s rank %d, channel %d",
           c.sends ? "to" : "from", c.peer, c.channel);
  return text;
}

Status Check(Core* core, abi::Result result, const char* call,
             const Connection& c) {
  if (result == abi::Result::kSuccess) return Status();
  return core->context->plugin().Check(result,
                                       std::string(call) + " " + Where(c));
}

StatusOr<int> DeviceFor(Core* core, int channel) {
  auto count = core->context->DeviceCount();
  if (!count.ok()) return count.status();
  const int wanted = core->options.device;
  if (wanted >= *count) {
    return Errorf(Code::kInvalidArgument,
                  "device %d does not exist; the plugin has %d", wanted,
                  *count);
  }
  return wanted >= 0 ? wanted : channel % *count;
}

Status Register(Core* core, Connection* c) {
  NetApi& api = core->api();
  CallMark mark(core, "regMr");
  const Staging& staging = c->sends ? core->send_staging : core->recv_staging;
  ITHACA_RETURN_IF_ERROR(
      Check(core,
            api.RegMr(c->comm, staging.data(), staging.bytes(), abi::kPtrHost,
                      &c->staging_mr),
            "regMr", *c));
  c->staging_registered = true;
  if (core->options.ll_threshold_bytes == 0) return Status();
  auto ll = Staging::Map(c->streams.size() * kSteps * kLlSlotBytes);
  if (!ll.ok()) return ll.status();
  c->ll = std::move(*ll);
  ITHACA_RETURN_IF_ERROR(Check(
      core,
      api.RegMr(c->comm, c->ll.data(), c->ll.bytes(), abi::kPtrHost, &c->ll_mr),
      "regMr", *c));
  c->ll_registered = true;
  return Status();
}

Status CloseListen(Core* core, Connection* c) {
  CallMark mark(core, "closeListen");
  void* listen = std::exchange(c->listen, nullptr);
  return Check(core, core->api().CloseListen(listen), "closeListen", *c);
}

// One attempt; *c->comm stays null while the plugin is not ready.
Status ConnectOnce(Core* core, Connection* c, std::string* handle) {
  auto device = DeviceFor(core, c->channel);
  if (!device.ok()) return device.status();
  {
    CallMark mark(core, "connect");
    const abi::Result result = core->api().Connect(
        core->context->ctx(), *device, handle->data(), &c->comm);
    ITHACA_RETURN_IF_ERROR(Check(core, result, "connect", *c));
  }
  if (c->comm == nullptr) return Status();
  // The handle is the caller's again: a plugin that kept a pointer to it
  // would now read nonsense.
  memset(handle->data(), 0xee, handle->size());
  return Register(core, c);
}

Status AcceptOnce(Core* core, Connection* c) {
  {
    CallMark mark(core, "accept");
    const abi::Result result = core->api().Accept(c->listen, &c->comm);
    ITHACA_RETURN_IF_ERROR(Check(core, result, "accept", *c));
  }
  if (c->comm == nullptr) return Status();
  ITHACA_RETURN_IF_ERROR(CloseListen(core, c));
  return Register(core, c);
}

// The hint that NCCL gives before it connects for point-to-point traffic.
void AnnouncePattern(Core* core) {
  abi::NetAttrV12 attr = {};
  for (abi::NetCommAttrV12* side : {&attr.sendCommAttr, &attr.recvCommAttr}) {
    side->minConcurrentPeers = side->minFlowsPerPeer = 1;
    side->maxConcurrentPeers = core->ranks;
    side->maxFlowsPerPeer = core->options.channels;
  }
  for (abi::Func f : {abi::Func::kSend, abi::Func::kRecv, abi::Func::kAlltoAll,
                      abi::Func::kScatter, abi::Func::kGather}) {
    attr.op |= abi::OpBit(f);
  }
  attr.algo = attr.proto = static_cast<uint32_t>(abi::kUndefined);
  // Advice: NCCL does not look at what it returns.
  (void)core->api().SetNetAttr(core->context->ctx(), &attr);
}

Status NotConnected(const std::vector<Connection*>& waiting) {
  std::string text;
  for (size_t i = 0; i < waiting.size() && i < 8; ++i) {
    text += (i == 0 ? "" : "; ") + Where(*waiting[i]);
  }
  if (waiting.size() > 8) text += "; ...";
  return Errorf(Code::kDeadlineExceeded, "%zu connections not made in time: %s",
                waiting.size(), text.c_str());
}

Status CloseOne(Core* core, Connection* c) {
  NetApi& api = core->api();
  Status first;
  auto keep = [&first](Status status) {
    if (first.ok()) first = std::move(status);
  };
  if (c->listen != nullptr) keep(CloseListen(core, c));
  if (c->comm == nullptr) return first;
  auto deregister = [&](void* mr, bool* registered) {
    CallMark mark(core, "deregMr");
    if (!std::exchange(*registered, false)) return;
    keep(Check(core, api.DeregMr(c->comm, mr), "deregMr", *c));
  };
  deregister(c->staging_mr, &c->staging_registered);
  deregister(c->ll_mr, &c->ll_registered);
  CallMark mark(core, c->sends ? "closeSend" : "closeRecv");
  void* comm = std::exchange(c->comm, nullptr);
  keep(c->sends ? Check(core, api.CloseSend(comm), "closeSend", *c)
                : Check(core, api.CloseRecv(comm), "closeRecv", *c));
  c->ll.Reset();
  return first;
}

}  // namespace

Status PrepareConnections(Core* core) {
  const CommunicatorOptions& o = core->options;
  core->slots_per_channel = std::max(
      kSharedSteps, std::max(1, o.pipeline_depth) * kPeersPerBatch * o.group);
  const size_t bytes =
      size_t{1} * o.channels * core->slots_per_channel * o.chunk_bytes;
  for (Staging* staging : {&core->send_staging, &core->recv_staging}) {
    auto mapped = Staging::Map(bytes);
    if (!mapped.ok()) return mapped.status();
    *staging = std::move(*mapped);
  }
  for (bool sends : {true, false}) {
    auto& list = sends ? core->sends : core->recvs;
    list.resize(size_t{1} * core->ranks * o.channels);
    for (size_t i = 0; i < list.size(); ++i) {
      const int peer = static_cast<int>(i) / o.channels;
      if (peer == core->rank) continue;
      list[i] = std::make_unique<Connection>();
      list[i]->peer = peer;
      list[i]->channel = static_cast<int>(i) % o.channels;
      list[i]->sends = sends;
      list[i]->streams.resize(o.group);
    }
  }
  return Status();
}

Status ListenAll(Core* core, std::vector<std::string>* handles) {
  handles->assign(core->ranks, "");
  for (const auto& c : core->recvs) {
    if (c == nullptr) continue;
    auto device = DeviceFor(core, c->channel);
    if (!device.ok()) return device.status();
    char handle[abi::kHandleBytes] = {};
    CallMark mark(core, "listen");
    const abi::Result result =
        core->api().Listen(core->context->ctx(), *device, handle, &c->listen);
    ITHACA_RETURN_IF_ERROR(Check(core, result, "listen", *c));
    if (c->listen == nullptr) {
      return Errorf(Code::kInternal, "listen %s succeeded without an object",
                    Where(*c).c_str());
    }
    (*handles)[c->peer].append(handle, sizeof(handle));
  }
  return Status();
}

Status ConnectAll(Core* core, const std::vector<std::string>& handles,
                  const Deadline& deadline,
                  const std::atomic<bool>& cancelled) {
  std::vector<std::string> own(core->sends.size());
  std::vector<Connection*> waiting;
  for (const auto& list : {&core->sends, &core->recvs}) {
    for (const auto& c : *list) {
      if (c != nullptr) waiting.push_back(c.get());
    }
  }
  for (size_t i = 0; i < own.size(); ++i) {
    const size_t at = i % core->options.channels * abi::kHandleBytes;
    const std::string& all = handles[i / core->options.channels];
    if (core->sends[i] == nullptr) continue;
    if (all.size() < at + abi::kHandleBytes) {
      return Errorf(Code::kDataLoss, "rank %d sent %zu bytes of handles",
                    core->sends[i]->peer, all.size());
    }
    own[i] = all.substr(at, abi::kHandleBytes);
  }
  AnnouncePattern(core);
  while (!waiting.empty()) {
    for (Connection* c : waiting) {
      std::string* handle =
          &own[size_t{1} * c->peer * core->options.channels + c->channel];
      ITHACA_RETURN_IF_ERROR(c->sends ? ConnectOnce(core, c, handle)
                                      : AcceptOnce(core, c));
    }
    waiting.erase(
        std::remove_if(waiting.begin(), waiting.end(),
                       [](Connection* c) { return c->comm != nullptr; }),
        waiting.end());
    if (waiting.empty()) break;
    if (cancelled.load()) {
      return Errorf(Code::kUnavailable, "connecting was cancelled");
    }
    if (deadline.Expired()) return NotConnected(waiting);
    sched_yield();
  }
  return Status();
}

Status CloseAll(Core* core) {
  Status first;
  for (auto* list : {&core->sends, &core->recvs}) {
    for (const auto& c : *list) {
      if (c == nullptr) continue;
      Status status = CloseOne(core, c.get());
      if (first.ok()) first = status;
    }
  }
  core->send_staging.Reset();
  core->recv_staging.Reset();
  return first;
}

Status RegisterEverywhere(Core* core, BufferMrs* buffer) {
  CallMark mark(core, "regMr");
  for (int side = 0; side < 2; ++side) {
    const auto& list = side == 0 ? core->sends : core->recvs;
    for (const auto& c : list) {
      void* mr = nullptr;
      if (c != nullptr) {
        Status status =
            Check(core,
                  core->api().RegMr(c->comm, buffer->data, buffer->bytes,
                                    abi::kPtrHost, &mr),
                  "regMr", *c);
        if (!status.ok()) {
          (void)DeregisterEverywhere(core, buffer);
          return status;
        }
      }
      buffer->mrs[side].push_back(mr);
    }
  }
  return Status();
}

Status DeregisterEverywhere(Core* core, BufferMrs* buffer) {
  CallMark mark(core, "deregMr");
  Status first;
  for (int side = 0; side < 2; ++side) {
    const auto& list = side == 0 ? core->sends : core->recvs;
    for (size_t i = 0; i < buffer->mrs[side].size(); ++i) {
      if (list[i] == nullptr || list[i]->comm == nullptr) continue;
      Status status =
          Check(core, core->api().DeregMr(list[i]->comm, buffer->mrs[side][i]),
                "deregMr", *list[i]);
      if (first.ok()) first = status;
    }
    buffer->mrs[side].clear();
  }
  return first;
}

}  // namespace ithaca::driver
