#include "plugin/driver/driver.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace ithaca::driver {
namespace {

constexpr int64_t kWatchMs = 100;
constexpr int64_t kDescribeMs = 1'000;
constexpr size_t kNcclChunkBytes = 128 << 10;
constexpr size_t kMaxChunkBytes = size_t{1} << 30;

Status CheckOptions(const CommunicatorOptions& o) {
  if (o.channels < 1 || o.channels > 64) {
    return Errorf(Code::kInvalidArgument, "%d channels; 1 to 64 are possible",
                  o.channels);
  }
  if (o.chunk_bytes > kMaxChunkBytes) {
    return Errorf(Code::kInvalidArgument,
                  "chunks of %zu bytes; up to 1 GiB are possible",
                  o.chunk_bytes);
  }
  if (o.pipeline_depth < 0 || o.pipeline_depth > kSteps) {
    return Errorf(Code::kInvalidArgument,
                  "a pipeline of %d messages; 0 to %d are possible",
                  o.pipeline_depth, kSteps);
  }
  if (o.group < 1 || o.group > kMaxGroup) {
    return Errorf(Code::kInvalidArgument,
                  "groups of %d receives; 1 to %d are possible", o.group,
                  kMaxGroup);
  }
  if (o.ll_threshold_bytes > kLlStepDataBytes) {
    return Errorf(Code::kInvalidArgument,
                  "an LL threshold of %zu bytes; 0 to %zu are possible",
                  o.ll_threshold_bytes, kLlStepDataBytes);
  }
  return Status();
}

// What must be equal on all ranks, in words.
std::string Agreement(const CommunicatorOptions& o) {
  char text[160];
  snprintf(
      text, sizeof(text),
      "%d channels, chunks of %zu bytes, LL up to %zu bytes, groups of %d, "
      "%s buffers",
      o.channels, o.chunk_bytes, o.ll_threshold_bytes, o.group,
      o.user_buffers ? "users'" : "staging");
  return text;
}

// The chunk that NCCL would use: its variable, which a plugin's init may have
// set, or its own default.
size_t NcclChunkBytes() {
  const char* const text = getenv("NCCL_P2P_NET_CHUNKSIZE");
  const long long bytes = text == nullptr ? 0 : atoll(text);
  return bytes < 1 ? kNcclChunkBytes : std::min<size_t>(bytes, kMaxChunkBytes);
}

// A communicator id of rank 0's making, as NCCL has it before a plugin's init.
StatusOr<uint64_t> CommunicatorId(Bootstrap* bootstrap) {
  uint64_t id = 0;
  if (getrandom(&id, sizeof(id), 0) != sizeof(id)) {
    return Errorf(Code::kInternal, "no random numbers");
  }
  auto all = bootstrap->AllGather(
      std::string(reinterpret_cast<const char*>(&id), sizeof(id)));
  if (!all.ok()) return all.status();
  if ((*all)[0].size() != sizeof(id)) {
    return Errorf(Code::kDataLoss, "rank 0 sent no communicator id");
  }
  memcpy(&id, (*all)[0].data(), sizeof(id));
  return id;
}

// Compares the options of all ranks.
Status Agree(Bootstrap* bootstrap, const CommunicatorOptions& o) {
  auto all = bootstrap->AllGather(Agreement(o));
  if (!all.ok()) return all.status();
  for (size_t r = 0; r < all->size(); ++r) {
    const std::string& theirs = (*all)[r];
    if (theirs == Agreement(o)) continue;
    return Errorf(Code::kFailedPrecondition,
                  "rank %zu was started with %s, rank %d with %s; give every "
                  "rank the same",
                  r, theirs.c_str(), bootstrap->rank(), Agreement(o).c_str());
  }
  return Status();
}

}  // namespace

Status Transfer::Wait(int64_t timeout_ms,
                      const std::function<Status()>& watch) {
  const Deadline deadline(MonotonicClock(), timeout_ms);
  for (;;) {
    const int left_ms = deadline.RemainingMs();
    const int64_t slice =
        watch == nullptr ? left_ms : std::min<int64_t>(left_ms, kWatchMs);
    if (operation_->WaitFor(slice)) return operation_->status();
    if (deadline.Expired()) {
      return Errorf(Code::kDeadlineExceeded,
                    "the transfer is not complete after %lld ms: %s",
                    static_cast<long long>(timeout_ms),
                    progress_->Describe(kDescribeMs).c_str());
    }
    if (watch != nullptr) ITHACA_RETURN_IF_ERROR(watch());
  }
}

StatusOr<std::unique_ptr<Communicator>> Communicator::Create(
    std::shared_ptr<NetPlugin> plugin, Bootstrap* bootstrap,
    const CommunicatorOptions& options) {
  ITHACA_RETURN_IF_ERROR(CheckOptions(options));
  auto comm_id = CommunicatorId(bootstrap);
  if (!comm_id.ok()) return comm_id.status();
  auto core = std::make_shared<Core>();
  core->options = options;
  core->rank = bootstrap->rank();
  core->ranks = bootstrap->ranks();
  std::unique_ptr<Communicator> comm(new Communicator(core));
  Status status = comm->Open(std::move(plugin), *comm_id);
  if (status.ok()) status = Agree(bootstrap, core->options);
  if (status.ok()) status = comm->Connect(bootstrap);
  if (!status.ok()) {
    bootstrap->Abort(status.message());
    return status;
  }
  comm->progress_ = std::make_unique<ProgressThread>(core);
  return comm;
}

Status Communicator::Open(std::shared_ptr<NetPlugin> plugin, uint64_t comm_id) {
  auto context = NetContext::Open(std::move(plugin), comm_id);
  if (!context.ok()) return context.status();
  core_->context = std::move(*context);
  auto count = core_->context->DeviceCount();
  if (!count.ok()) return count.status();
  if (core_->options.device >= *count) {
    return Errorf(Code::kInvalidArgument,
                  "device %d does not exist; the plugin has %d, from 0",
                  core_->options.device, *count);
  }
  if (core_->options.chunk_bytes == 0)
    core_->options.chunk_bytes = NcclChunkBytes();
  core_->max_message_bytes = kMaxNetSize;
  for (int d = 0; d < *count; ++d) {
    auto props = core_->context->Properties(d);
    if (!props.ok()) return props.status();
    if (d == std::max(core_->options.device, 0)) device_ = *props;
    core_->max_message_bytes =
        std::min(core_->max_message_bytes, props->maxP2pBytes);
    if (core_->options.group > props->maxRecvs) {
      return Errorf(Code::kInvalidArgument,
                    "groups of %d receives; device %d takes at most %d "
                    "(maxRecvs)",
                    core_->options.group, d, props->maxRecvs);
    }
  }
  if (core_->options.chunk_bytes > core_->max_message_bytes) {
    return Errorf(Code::kInvalidArgument,
                  "chunks of %zu bytes; the device takes messages of %zu",
                  core_->options.chunk_bytes, core_->max_message_bytes);
  }
  return Status();
}

size_t Communicator::chunk_bytes() const { return core_->options.chunk_bytes; }

Status Communicator::Connect(Bootstrap* bootstrap) {
  const int64_t timeout_ms = core_->options.timeout_ms;
  auto handles = std::make_shared<std::vector<std::string>>();
  ITHACA_RETURN_IF_ERROR(PrepareConnections(core_.get()));
  ITHACA_RETURN_IF_ERROR(service_.Run(
      [core = core_, handles] { return ListenAll(core.get(), handles.get()); },
      timeout_ms));
  auto theirs = bootstrap->AllToAll(*handles);
  if (!theirs.ok()) return theirs.status();
  *handles = std::move(*theirs);
  auto cancelled = std::make_shared<std::atomic<bool>>(false);
  Status death;
  const Status status = service_.Run(
      [core = core_, handles, cancelled, timeout_ms] {
        return ConnectAll(core.get(), *handles,
                          Deadline(MonotonicClock(), timeout_ms), *cancelled);
      },
      2 * timeout_ms, [bootstrap] { return bootstrap->CheckPeers(); },
      [&death, cancelled](const Status& why) {
        death = why;
        cancelled->store(true);
      });
  if (!death.ok()) return death;
  ITHACA_RETURN_IF_ERROR(status);
  return bootstrap->Barrier();
}

Communicator::~Communicator() { (void)Close(); }

StatusOr<Transfer> Communicator::AllToAll(const void* send, void* recv,
                                          size_t bytes_per_pair) {
  std::vector<Outgoing> sends;
  std::vector<Incoming> recvs;
  for (int p = 0; p < ranks(); ++p) {
    sends.push_back({p, static_cast<const char*>(send) + p * bytes_per_pair,
                     bytes_per_pair});
    recvs.push_back(
        {p, static_cast<char*>(recv) + p * bytes_per_pair, bytes_per_pair});
  }
  return AllToAllv(sends, recvs);
}

StatusOr<Transfer> Communicator::AllToAllv(const void* send,
                                           const Layout& send_layout,
                                           void* recv,
                                           const Layout& recv_layout) {
  for (const Layout* layout : {&send_layout, &recv_layout}) {
    if (layout->offsets.size() == static_cast<size_t>(ranks()) &&
        layout->bytes.size() == static_cast<size_t>(ranks())) {
      continue;
    }
    return Errorf(Code::kInvalidArgument,
                  "a layout of %zu offsets and %zu counts for %d ranks",
                  layout->offsets.size(), layout->bytes.size(), ranks());
  }
  std::vector<Outgoing> sends;
  std::vector<Incoming> recvs;
  for (int p = 0; p < ranks(); ++p) {
    sends.push_back({p, static_cast<const char*>(send) + send_layout.offsets[p],
                     send_layout.bytes[p]});
    recvs.push_back({p, static_cast<char*>(recv) + recv_layout.offsets[p],
                     recv_layout.bytes[p]});
  }
  return AllToAllv(sends, recvs);
}

StatusOr<Transfer> Communicator::AllToAllv(const std::vector<Outgoing>& sends,
                                           const std::vector<Incoming>& recvs) {
  auto stage = planner_.Plan(sends, recvs);
  if (!stage.ok()) return stage.status();
  return Start({std::move(*stage)}, 1, abi::OpBit(abi::Func::kAlltoAll));
}

StatusOr<Transfer> Communicator::SendRecv(const Outgoing& send,
                                          const Incoming& recv) {
  auto stage = planner_.Plan({send}, {recv});
  if (!stage.ok()) return stage.status();
  return Start({std::move(*stage)}, 1, abi::OpBit(abi::Func::kSendRecv));
}

StatusOr<Transfer> Communicator::PingPong(int peer, void* data, size_t bytes,
                                          uint64_t rounds, bool initiator) {
  if (peer == rank()) {
    return Errorf(Code::kInvalidArgument, "rank %d cannot play with itself",
                  peer);
  }
  auto there = planner_.Plan({{peer, data, bytes}}, {});
  if (!there.ok()) return there.status();
  auto back = planner_.Plan({}, {{peer, data, bytes}});
  if (!back.ok()) return back.status();
  if (!initiator) std::swap(*there, *back);
  return Start({std::move(*there), std::move(*back)}, rounds,
               abi::OpBit(abi::Func::kSendRecv));
}

StatusOr<Transfer> Communicator::Start(std::vector<Stage> stages,
                                       uint64_t repeat, uint32_t op_bits) {
  if (closed_) {
    return Errorf(Code::kFailedPrecondition, "the communicator is closed");
  }
  auto operation =
      std::make_shared<Operation>(std::move(stages), repeat, op_bits,
                                  core_->options.stall_threshold_ms * kNsPerMs);
  progress_->Submit(operation);
  return Transfer(std::move(operation), progress_.get());
}

Status Communicator::RegisterBuffer(void* data, size_t bytes) {
  auto buffer = std::make_shared<BufferMrs>();
  buffer->data = static_cast<char*>(data);
  buffer->bytes = bytes;
  ITHACA_RETURN_IF_ERROR(service_.Run(
      [core = core_, buffer] {
        return RegisterEverywhere(core.get(), buffer.get());
      },
      core_->options.timeout_ms));
  buffers_[buffer->data] = std::move(buffer);
  return Status();
}

Status Communicator::DeregisterBuffer(void* data) {
  auto found = buffers_.find(static_cast<char*>(data));
  if (found == buffers_.end()) {
    return Errorf(Code::kInvalidArgument, "no buffer is registered at %p",
                  data);
  }
  std::shared_ptr<BufferMrs> buffer = found->second;
  buffers_.erase(found);
  return service_.Run(
      [core = core_, buffer] {
        return DeregisterEverywhere(core.get(), buffer.get());
      },
      core_->options.timeout_ms);
}

void Communicator::Abort(const std::string& reason) {
  if (progress_ == nullptr) return;
  (void)progress_->Stop(Errorf(Code::kUnavailable, "%s", reason.c_str()),
                        core_->options.timeout_ms);
}

Status Communicator::Close() {
  if (std::exchange(closed_, true)) return Status();
  const int64_t timeout_ms = core_->options.timeout_ms;
  if (progress_ != nullptr &&
      !progress_->Stop(
          Errorf(Code::kUnavailable, "the communicator was closed"),
          timeout_ms)) {
    return Errorf(Code::kDeadlineExceeded, "closing: %s",
                  progress_->Describe(0).c_str());
  }
  Status status = service_.Run(
      [core = core_, buffers = std::move(buffers_)] {
        Status first;
        for (const auto& entry : buffers) {
          Status one = DeregisterEverywhere(core.get(), entry.second.get());
          if (first.ok()) first = one;
        }
        Status close = CloseAll(core.get());
        return first.ok() ? close : first;
      },
      timeout_ms);
  buffers_.clear();
  if (status.code() == Code::kDeadlineExceeded) {
    const char* call = core_->service_call.load();
    return Errorf(Code::kDeadlineExceeded, "closing: the plugin's %s: %s",
                  call == nullptr ? "call" : call, status.message().c_str());
  }
  // finalize, as NCCL, after both threads are done with it.
  core_->context.reset();
  return status;
}

int Communicator::connections() const {
  return 2 * (core_->ranks - 1) * core_->options.channels;
}

}  // namespace ithaca::driver
