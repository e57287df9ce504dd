// The C API over Exchange: checks everything that a caller can get wrong, and
// lets nothing throw across the border.
#include <cinttypes>
#include <memory>
#include <new>
#include <utility>

#include "kernels/api/ithaca_ulysses.h"
#include "kernels/reference/error.h"
#include "kernels/reference/exchange_handle.h"
#include "kernels/reference/span_check.h"

using ithaca::ulysses::BuildGeometry;
using ithaca::ulysses::CheckPackSpans;
using ithaca::ulysses::CheckUnpackSpans;
using ithaca::ulysses::Fail;
using ithaca::ulysses::Geometry;
using ithaca::ulysses::LookUpStep;
using ithaca::ulysses::Ok;
using ithaca::ulysses::StepShape;

namespace {

int32_t OutOfMemory(ithaca_ulysses_error* error) {
  return Fail(error, ITHACA_ULYSSES_OUT_OF_MEMORY,
              "out of memory while copying the plan");
}

int32_t FindStep(const ithaca_ulysses_exchange* exchange, int32_t step,
                 StepShape* shape, ithaca_ulysses_error* error) {
  if (exchange == nullptr) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT, "exchange is NULL");
  }
  if (!LookUpStep(step, shape)) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "step is %d, expected an ithaca_ulysses_step, 1 to 4", step);
  }
  return ITHACA_ULYSSES_OK;
}

void FillShape(const Geometry& g, int64_t rows, int32_t heads,
               int64_t shape[4]) {
  if (g.layout == ITHACA_ULYSSES_PACKED) {
    shape[0] = rows;
    shape[1] = heads;
    shape[2] = g.head_size;
    shape[3] = 1;
    return;
  }
  const bool batch_first = g.layout == ITHACA_ULYSSES_BATCH_FIRST;
  shape[0] = batch_first ? g.batch : rows;
  shape[1] = batch_first ? rows : g.batch;
  shape[2] = heads;
  shape[3] = g.head_size;
}

}  // namespace

extern "C" {

uint32_t ithaca_ulysses_api_version(void) { return ITHACA_ULYSSES_API_VERSION; }

const char* ithaca_ulysses_status_name(int32_t status) {
  switch (status) {
    case ITHACA_ULYSSES_OK:
      return "OK";
    case ITHACA_ULYSSES_INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case ITHACA_ULYSSES_INVALID_PLAN:
      return "INVALID_PLAN";
    case ITHACA_ULYSSES_UNSUPPORTED:
      return "UNSUPPORTED";
    case ITHACA_ULYSSES_TOO_LARGE:
      return "TOO_LARGE";
    case ITHACA_ULYSSES_OUT_OF_MEMORY:
      return "OUT_OF_MEMORY";
    case ITHACA_ULYSSES_CUDA_ERROR:
      return "CUDA_ERROR";
    case ITHACA_ULYSSES_CARRIER_FAILED:
      return "CARRIER_FAILED";
    default:
      return "UNKNOWN";
  }
}

int32_t ithaca_ulysses_plan_validate(const ithaca_ulysses_plan* plan,
                                     ithaca_ulysses_error* error) {
  try {
    Geometry geometry;
    return BuildGeometry(plan, &geometry, error);
  } catch (const std::bad_alloc&) {
    return OutOfMemory(error);
  }
}

int32_t ithaca_ulysses_create(const ithaca_ulysses_plan* plan,
                              ithaca_ulysses_exchange** exchange,
                              ithaca_ulysses_error* error) {
  if (exchange == nullptr) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT, "exchange is NULL");
  }
  *exchange = nullptr;
  try {
    Geometry geometry;
    if (int32_t code = BuildGeometry(plan, &geometry, error)) return code;
    *exchange = new ithaca_ulysses_exchange(std::move(geometry));
  } catch (const std::bad_alloc&) {
    return OutOfMemory(error);
  }
  return Ok(error);
}

void ithaca_ulysses_destroy(ithaca_ulysses_exchange* exchange) {
  delete exchange;
}

int32_t ithaca_ulysses_plan_hash(const ithaca_ulysses_exchange* exchange,
                                 const uint8_t** data, uint32_t* bytes,
                                 ithaca_ulysses_error* error) {
  if (exchange == nullptr || data == nullptr || bytes == nullptr) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT, "%s is NULL",
                exchange == nullptr ? "exchange"
                : data == nullptr   ? "data"
                                    : "bytes");
  }
  const auto& hash = exchange->impl.geometry().plan_hash;
  *data = hash.empty() ? nullptr : hash.data();
  *bytes = static_cast<uint32_t>(hash.size());
  return Ok(error);
}

int32_t ithaca_ulysses_num_tensors(int32_t step) {
  StepShape shape;
  return LookUpStep(step, &shape) ? shape.num_tensors() : 0;
}

int32_t ithaca_ulysses_tensor(const ithaca_ulysses_exchange* exchange,
                              int32_t step, int32_t side, int32_t index,
                              int64_t shape[4], uint64_t* bytes,
                              ithaca_ulysses_error* error) {
  StepShape s;
  if (int32_t code = FindStep(exchange, step, &s, error)) return code;
  if (side != ITHACA_ULYSSES_PACK && side != ITHACA_ULYSSES_UNPACK) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "side is %d, expected 1 (pack) or 2 (unpack)", side);
  }
  if (index < 0 || index >= s.num_tensors()) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "index is %d, expected 0 to %d", index, s.num_tensors() - 1);
  }
  const Geometry& g = exchange->impl.geometry();
  if (shape != nullptr)
    FillShape(g, g.TensorRows(s, side), g.TensorHeads(s, side, index), shape);
  if (bytes != nullptr) *bytes = g.TensorBytes(s, side, index);
  return Ok(error);
}

int32_t ithaca_ulysses_message_bytes(const ithaca_ulysses_exchange* exchange,
                                     int32_t step, int32_t peer,
                                     uint64_t* send_bytes, uint64_t* recv_bytes,
                                     ithaca_ulysses_error* error) {
  StepShape s;
  if (int32_t code = FindStep(exchange, step, &s, error)) return code;
  const Geometry& g = exchange->impl.geometry();
  if (peer < 0 || peer >= g.num_ranks()) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "peer is %d, expected 0 to %d", peer, g.num_ranks() - 1);
  }
  if (send_bytes != nullptr) *send_bytes = g.MessageBytes(s, g.my_rank, peer);
  if (recv_bytes != nullptr) *recv_bytes = g.MessageBytes(s, peer, g.my_rank);
  return Ok(error);
}

int32_t ithaca_ulysses_buffer_bytes(const ithaca_ulysses_exchange* exchange,
                                    int32_t step, uint64_t* send_bytes,
                                    uint64_t* recv_bytes,
                                    ithaca_ulysses_error* error) {
  StepShape s;
  if (int32_t code = FindStep(exchange, step, &s, error)) return code;
  const Geometry& g = exchange->impl.geometry();
  uint64_t send = 0, recv = 0;
  for (int32_t peer = 0; peer < g.num_ranks(); ++peer) {
    send += g.MessageBytes(s, g.my_rank, peer);
    recv += g.MessageBytes(s, peer, g.my_rank);
  }
  if (send_bytes != nullptr) *send_bytes = send;
  if (recv_bytes != nullptr) *recv_bytes = recv;
  return Ok(error);
}

int32_t ithaca_ulysses_pack(const ithaca_ulysses_exchange* exchange,
                            int32_t step,
                            const ithaca_ulysses_const_span* tensors,
                            int32_t num_tensors,
                            const ithaca_ulysses_span* messages,
                            int32_t num_messages, ithaca_ulysses_error* error) {
  StepShape s;
  if (int32_t code = FindStep(exchange, step, &s, error)) return code;
  if (int32_t code =
          CheckPackSpans(exchange->impl.geometry(), s, tensors, num_tensors,
                         messages, num_messages, error)) {
    return code;
  }
  exchange->impl.Pack(s, tensors, messages);
  return Ok(error);
}

int32_t ithaca_ulysses_unpack(const ithaca_ulysses_exchange* exchange,
                              int32_t step,
                              const ithaca_ulysses_const_span* messages,
                              int32_t num_messages,
                              const ithaca_ulysses_span* tensors,
                              int32_t num_tensors,
                              ithaca_ulysses_error* error) {
  StepShape s;
  if (int32_t code = FindStep(exchange, step, &s, error)) return code;
  if (int32_t code =
          CheckUnpackSpans(exchange->impl.geometry(), s, messages, num_messages,
                           tensors, num_tensors, error)) {
    return code;
  }
  exchange->impl.Unpack(s, messages, tensors);
  return Ok(error);
}

}  // extern "C"
