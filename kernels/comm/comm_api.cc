// The calls of ithaca_ulysses_comm.h over a carrier.
#include <algorithm>
#include <cinttypes>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernels/api/ithaca_ulysses_comm.h"
#include "kernels/comm/carrier.h"
#include "kernels/comm/nccl_carrier.h"
#include "kernels/comm/net_carrier.h"
#include "kernels/comm/plan_digest.h"
#include "kernels/reference/checks.h"
#include "kernels/reference/error.h"
#include "kernels/reference/exchange_handle.h"
#include "kernels/reference/span_check.h"

using ithaca::ulysses::Carrier;
using ithaca::ulysses::CheckUnpackSpans;
using ithaca::ulysses::ChunkOf;
using ithaca::ulysses::CopyVersioned;
using ithaca::ulysses::DescribePlan;
using ithaca::ulysses::Fail;
using ithaca::ulysses::Flight;
using ithaca::ulysses::Geometry;
using ithaca::ulysses::LookUpStep;
using ithaca::ulysses::MakeNcclCarrier;
using ithaca::ulysses::MakeNetCarrier;
using ithaca::ulysses::Messages;
using ithaca::ulysses::Ok;
using ithaca::ulysses::PlanDigest;
using ithaca::ulysses::StepShape;

struct ithaca_ulysses_comm {
  explicit ithaca_ulysses_comm(std::unique_ptr<Carrier> c)
      : carrier(std::move(c)) {}
  const std::unique_ptr<Carrier> carrier;
  // Digests of the plans that all ranks agreed upon.
  std::set<std::string> agreed;
};

struct ithaca_ulysses_operation {
  std::unique_ptr<Flight> flight;
  // What is unpacked when the messages are there; NULL when nothing is.
  const ithaca_ulysses_exchange* exchange = nullptr;
  int32_t step = 0;
  std::vector<ithaca_ulysses_const_span> messages;
  std::vector<ithaca_ulysses_span> outputs;
};

namespace {

constexpr uint32_t kNetOptionsBytesV2 = 32;
constexpr uint32_t kCallBytesV2 = 72;
static_assert(sizeof(ithaca_ulysses_net_options) == kNetOptionsBytesV2,
              "fields are only ever appended");
static_assert(sizeof(ithaca_ulysses_call) == kCallBytesV2,
              "fields are only ever appended");

int32_t NullArgument(const char* name, ithaca_ulysses_error* error) {
  return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT, "%s is NULL", name);
}

int32_t OutOfMemory(ithaca_ulysses_error* error) {
  return Fail(error, ITHACA_ULYSSES_OUT_OF_MEMORY, "out of memory");
}

uint64_t Align16(uint64_t bytes) { return (bytes + 15) / 16 * 16; }

// The messages of a step in a workspace: what is sent, then, from a multiple of
// 16 bytes on, what is received.
struct MessagePlan {
  StepShape shape;
  Messages messages;
  uint64_t send = 0;
  uint64_t recv = 0;
  uint64_t workspace() const { return Align16(send) + recv; }
};

MessagePlan PlanMessages(const Geometry& g, const StepShape& shape) {
  MessagePlan plan;
  plan.shape = shape;
  for (int32_t r = 0; r < g.num_ranks(); ++r) {
    plan.messages.send_bytes.push_back(g.MessageBytes(shape, g.my_rank, r));
    plan.messages.recv_bytes.push_back(g.MessageBytes(shape, r, g.my_rank));
    plan.send += plan.messages.send_bytes.back();
    plan.recv += plan.messages.recv_bytes.back();
  }
  return plan;
}

// Spans of those lengths, one behind the other.
template <typename Span, typename Pointer>
std::vector<Span> Cut(Pointer base, const std::vector<uint64_t>& bytes) {
  std::vector<Span> spans;
  for (const uint64_t b : bytes) {
    spans.push_back({base, b});
    base += b;
  }
  return spans;
}

int32_t CheckPeers(const Carrier& carrier, const Geometry& g,
                   ithaca_ulysses_error* error) {
  if (g.num_ranks() == carrier.num_ranks() && g.my_rank == carrier.rank())
    return ITHACA_ULYSSES_OK;
  return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
              "the exchange is rank %d of %d, the communicator rank %d of %d: "
              "it belongs to another group",
              g.my_rank, g.num_ranks(), carrier.rank(), carrier.num_ranks());
}

int32_t CheckWorkspace(const ithaca_ulysses_span& workspace, uint64_t needed,
                       ithaca_ulysses_error* error) {
  const uint64_t bytes = workspace.data == nullptr ? 0 : workspace.bytes;
  if (bytes < needed) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "call.workspace has %" PRIu64
                " bytes, expected at least %" PRIu64,
                bytes, needed);
  }
  if (reinterpret_cast<uintptr_t>(workspace.data) % 16 != 0) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "call.workspace.data is not aligned to 16 bytes");
  }
  return ITHACA_ULYSSES_OK;
}

// Everything but the tensors.
int32_t CheckCall(const ithaca_ulysses_comm& comm,
                  const ithaca_ulysses_call& call, StepShape* shape,
                  ithaca_ulysses_error* error) {
  if (call.exchange == nullptr) return NullArgument("call.exchange", error);
  if (!LookUpStep(call.step, shape)) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "call.step is %d, expected an ithaca_ulysses_step, 1 to 4",
                call.step);
  }
  const Geometry& g = call.exchange->impl.geometry();
  if (int32_t code = CheckPeers(*comm.carrier, g, error)) return code;
  if (comm.agreed.count(PlanDigest(g)) == 0) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "the ranks have not agreed upon %s; call "
                "ithaca_ulysses_comm_agree first",
                DescribePlan(g).c_str());
  }
  if (comm.carrier->on_device() && call.cuda == nullptr) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "call.cuda is NULL, and this communicator is NCCL's");
  }
  if (!comm.carrier->on_device() && call.cuda != nullptr) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "call.cuda is set, and this communicator works on host memory");
  }
  return ITHACA_ULYSSES_OK;
}

// Everything on the stream.
int32_t StartOnDevice(Carrier* carrier, const ithaca_ulysses_call& call,
                      const MessagePlan& plan,
                      ithaca_ulysses_operation* operation,
                      ithaca_ulysses_error* error) {
  if (int32_t code = ithaca_ulysses_cuda_pack(
          call.cuda, call.step, call.inputs, call.num_inputs,
          {plan.messages.send, plan.send}, call.stream, error)) {
    return code;
  }
  if (int32_t code = carrier->Send(plan.messages, call.stream,
                                   &operation->flight, error)) {
    return code;
  }
  return ithaca_ulysses_cuda_unpack(
      call.cuda, call.step, {plan.messages.recv, plan.recv}, call.outputs,
      call.num_outputs, call.stream, error);
}

// Messages are under way when it returns; wait unpacks them. Outputs are
// checked first: a rank that fails here must not have taken part.
int32_t StartOnHost(Carrier* carrier, const ithaca_ulysses_call& call,
                    const MessagePlan& plan,
                    ithaca_ulysses_operation* operation,
                    ithaca_ulysses_error* error) {
  const int32_t ranks = carrier->num_ranks();
  operation->exchange = call.exchange;
  operation->step = call.step;
  operation->messages = Cut<ithaca_ulysses_const_span>(
      static_cast<const char*>(plan.messages.recv), plan.messages.recv_bytes);
  if (int32_t code =
          CheckUnpackSpans(call.exchange->impl.geometry(), plan.shape,
                           operation->messages.data(), ranks, call.outputs,
                           call.num_outputs, error)) {
    return code;
  }
  operation->outputs.assign(call.outputs, call.outputs + call.num_outputs);
  const auto messages =
      Cut<ithaca_ulysses_span>(plan.messages.send, plan.messages.send_bytes);
  if (int32_t code =
          ithaca_ulysses_pack(call.exchange, call.step, call.inputs,
                              call.num_inputs, messages.data(), ranks, error)) {
    return code;
  }
  return carrier->Send(plan.messages, nullptr, &operation->flight, error);
}

int32_t Start(ithaca_ulysses_comm* comm, const ithaca_ulysses_call& call,
              ithaca_ulysses_operation** operation,
              ithaca_ulysses_error* error) {
  StepShape shape;
  if (int32_t code = CheckCall(*comm, call, &shape, error)) return code;
  MessagePlan plan = PlanMessages(call.exchange->impl.geometry(), shape);
  if (int32_t code = CheckWorkspace(call.workspace, plan.workspace(), error))
    return code;
  plan.messages.send = static_cast<char*>(call.workspace.data);
  plan.messages.recv = plan.messages.send + Align16(plan.send);
  auto started = std::make_unique<ithaca_ulysses_operation>();
  const auto start = comm->carrier->on_device() ? StartOnDevice : StartOnHost;
  if (int32_t code =
          start(comm->carrier.get(), call, plan, started.get(), error)) {
    return code;
  }
  *operation = started.release();
  return Ok(error);
}

// "rank 2 has", or "ranks 1, 2, 7 have".
std::string NameDiffering(const std::vector<std::string>& digests) {
  std::string names;
  int count = 0;
  for (size_t r = 1; r < digests.size(); ++r) {
    if (digests[r] == digests[0]) continue;
    names += (names.empty() ? "" : ", ") + std::to_string(r);
    ++count;
  }
  return (count == 1 ? "rank " : "ranks ") + names +
         (count == 1 ? " has" : " have");
}

int32_t Agree(ithaca_ulysses_comm* comm,
              const ithaca_ulysses_exchange* exchange,
              ithaca_ulysses_span workspace, void* stream,
              ithaca_ulysses_error* error) {
  const Geometry& g = exchange->impl.geometry();
  if (int32_t code = CheckPeers(*comm->carrier, g, error)) return code;
  const std::string mine = PlanDigest(g);
  std::vector<std::string> all;
  if (int32_t code =
          comm->carrier->Gather(mine, workspace, stream, &all, error)) {
    return code;
  }
  const bool same = std::all_of(
      all.begin(), all.end(),
      [&all](const std::string& digest) { return digest == all[0]; });
  if (!same) {
    return Fail(error, ITHACA_ULYSSES_INVALID_PLAN,
                "%s another plan than rank 0; this is rank %d with %s",
                NameDiffering(all).c_str(), g.my_rank, DescribePlan(g).c_str());
  }
  comm->agreed.insert(mine);
  return Ok(error);
}

int32_t CheckNetOptions(const ithaca_ulysses_net_options& options,
                        ithaca_ulysses_error* error) {
  if (options.num_ranks < 1 || options.num_ranks > ITHACA_ULYSSES_MAX_RANKS ||
      options.rank < 0 || options.rank >= options.num_ranks) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "options say rank %d of %d, expected 0 to num_ranks - 1, and "
                "at most %d ranks",
                options.rank, options.num_ranks, ITHACA_ULYSSES_MAX_RANKS);
  }
  if (options.timeout_ms < 0) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "options.timeout_ms is %d, expected 0 (for 30000) or more",
                options.timeout_ms);
  }
  return options.meeting == nullptr ? NullArgument("options.meeting", error)
                                    : ITHACA_ULYSSES_OK;
}

}  // namespace

extern "C" {

int32_t ithaca_ulysses_comm_create_net(
    const ithaca_ulysses_net_options* options, ithaca_ulysses_comm** comm,
    ithaca_ulysses_error* error) {
  if (comm == nullptr) return NullArgument("comm", error);
  *comm = nullptr;
  ithaca_ulysses_net_options copy;
  if (int32_t code =
          CopyVersioned("options", options, kNetOptionsBytesV2, &copy, error)) {
    return code;
  }
  if (int32_t code = CheckNetOptions(copy, error)) return code;
  try {
    std::unique_ptr<Carrier> carrier;
    if (int32_t code = MakeNetCarrier(copy, &carrier, error)) return code;
    *comm = new ithaca_ulysses_comm(std::move(carrier));
  } catch (const std::bad_alloc&) {
    return OutOfMemory(error);
  }
  return Ok(error);
}

int32_t ithaca_ulysses_comm_create_nccl(void* nccl_comm, int32_t mode,
                                        ithaca_ulysses_comm** comm,
                                        ithaca_ulysses_error* error) {
  if (comm == nullptr) return NullArgument("comm", error);
  *comm = nullptr;
  if (nccl_comm == nullptr) return NullArgument("nccl_comm", error);
  if (mode < ITHACA_ULYSSES_NCCL_AUTO ||
      mode > ITHACA_ULYSSES_NCCL_ALL_TO_ALL) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "mode is %d, expected an ithaca_ulysses_nccl_mode, 0 to 2",
                mode);
  }
  try {
    std::unique_ptr<Carrier> carrier;
    if (int32_t code = MakeNcclCarrier(nccl_comm, mode, &carrier, error))
      return code;
    *comm = new ithaca_ulysses_comm(std::move(carrier));
  } catch (const std::bad_alloc&) {
    return OutOfMemory(error);
  }
  return Ok(error);
}

void ithaca_ulysses_comm_destroy(ithaca_ulysses_comm* comm) { delete comm; }

int32_t ithaca_ulysses_comm_rank(const ithaca_ulysses_comm* comm, int32_t* rank,
                                 int32_t* num_ranks,
                                 ithaca_ulysses_error* error) {
  if (comm == nullptr) return NullArgument("comm", error);
  if (rank != nullptr) *rank = comm->carrier->rank();
  if (num_ranks != nullptr) *num_ranks = comm->carrier->num_ranks();
  return Ok(error);
}

int32_t ithaca_ulysses_comm_agree(ithaca_ulysses_comm* comm,
                                  const ithaca_ulysses_exchange* exchange,
                                  ithaca_ulysses_span workspace, void* stream,
                                  ithaca_ulysses_error* error) {
  if (comm == nullptr) return NullArgument("comm", error);
  if (exchange == nullptr) return NullArgument("exchange", error);
  try {
    return Agree(comm, exchange, workspace, stream, error);
  } catch (const std::bad_alloc&) {
    return OutOfMemory(error);
  }
}

int32_t ithaca_ulysses_comm_workspace_bytes(
    const ithaca_ulysses_exchange* exchange, int32_t step, uint64_t* bytes,
    ithaca_ulysses_error* error) {
  if (exchange == nullptr) return NullArgument("exchange", error);
  if (bytes == nullptr) return NullArgument("bytes", error);
  uint64_t send = 0, recv = 0;
  if (int32_t code =
          ithaca_ulysses_buffer_bytes(exchange, step, &send, &recv, error)) {
    return code;
  }
  *bytes = Align16(send) + recv;
  return Ok(error);
}

int32_t ithaca_ulysses_comm_register(ithaca_ulysses_comm* comm,
                                     ithaca_ulysses_span workspace,
                                     ithaca_ulysses_error* error) {
  if (comm == nullptr) return NullArgument("comm", error);
  if (workspace.data == nullptr) return NullArgument("workspace.data", error);
  const int32_t code = comm->carrier->Register(workspace, error);
  return code == ITHACA_ULYSSES_OK ? Ok(error) : code;
}

int32_t ithaca_ulysses_start(ithaca_ulysses_comm* comm,
                             const ithaca_ulysses_call* call,
                             ithaca_ulysses_operation** operation,
                             ithaca_ulysses_error* error) {
  if (operation == nullptr) return NullArgument("operation", error);
  *operation = nullptr;
  if (comm == nullptr) return NullArgument("comm", error);
  ithaca_ulysses_call copy;
  if (int32_t code = CopyVersioned("call", call, kCallBytesV2, &copy, error))
    return code;
  try {
    return Start(comm, copy, operation, error);
  } catch (const std::bad_alloc&) {
    return OutOfMemory(error);
  }
}

int32_t ithaca_ulysses_wait(ithaca_ulysses_operation* operation,
                            ithaca_ulysses_error* error) {
  if (operation == nullptr) return NullArgument("operation", error);
  const std::unique_ptr<ithaca_ulysses_operation> owned(operation);
  if (int32_t code = owned->flight->Land(error)) return code;
  if (owned->exchange == nullptr) return Ok(error);
  return ithaca_ulysses_unpack(
      owned->exchange, owned->step, owned->messages.data(),
      static_cast<int32_t>(owned->messages.size()), owned->outputs.data(),
      static_cast<int32_t>(owned->outputs.size()), error);
}

int32_t ithaca_ulysses_create_chunk(const ithaca_ulysses_exchange* whole,
                                    int32_t chunk, int32_t num_chunks,
                                    ithaca_ulysses_exchange** exchange,
                                    ithaca_ulysses_error* error) {
  if (exchange == nullptr) return NullArgument("exchange", error);
  *exchange = nullptr;
  if (whole == nullptr) return NullArgument("whole", error);
  if (num_chunks < 1 || chunk < 0 || chunk >= num_chunks) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "chunk is %d of %d, expected 0 to num_chunks - 1", chunk,
                num_chunks);
  }
  try {
    Geometry part;
    if (int32_t code =
            ChunkOf(whole->impl.geometry(), chunk, num_chunks, &part, error)) {
      return code;
    }
    *exchange = new ithaca_ulysses_exchange(std::move(part));
  } catch (const std::bad_alloc&) {
    return OutOfMemory(error);
  }
  return Ok(error);
}

}  // extern "C"
