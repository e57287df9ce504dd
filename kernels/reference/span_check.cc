#include "kernels/reference/span_check.h"

#include <cinttypes>

#include "kernels/reference/error.h"

namespace ithaca::ulysses {
namespace {

int32_t CheckSpan(const char* what, int32_t index, const void* data,
                  uint64_t bytes, uint64_t expected, uint64_t alignment,
                  ithaca_ulysses_error* error) {
  if (bytes != expected) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "%s[%d].bytes is %" PRIu64 ", expected %" PRIu64 " by the plan",
                what, index, bytes, expected);
  }
  if (expected == 0) return ITHACA_ULYSSES_OK;
  if (data == nullptr) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "%s[%d].data is NULL, expected %" PRIu64 " bytes", what, index,
                expected);
  }
  const auto address = reinterpret_cast<uintptr_t>(data);
  if (address % alignment != 0) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "%s[%d].data is not aligned to %" PRIu64 " bytes", what, index,
                alignment);
  }
  if (address > UINTPTR_MAX - expected) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "%s[%d] runs over the end of the address space", what, index);
  }
  return ITHACA_ULYSSES_OK;
}

template <typename Span>
int32_t CheckArray(const char* what, const Span* spans, int32_t count,
                   int32_t expected, ithaca_ulysses_error* error) {
  if (count != expected) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "num_%s is %d, expected %d", what, count, expected);
  }
  if (spans == nullptr) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT, "%s is NULL", what);
  }
  return ITHACA_ULYSSES_OK;
}

bool Overlap(const void* a, uint64_t a_bytes, const void* b, uint64_t b_bytes) {
  const auto x = reinterpret_cast<uintptr_t>(a),
             y = reinterpret_cast<uintptr_t>(b);
  return a_bytes > 0 && b_bytes > 0 && x < y + b_bytes && y < x + a_bytes;
}

template <typename Tensor>
int32_t CheckTensors(const Geometry& g, const StepShape& step, int32_t side,
                     const Tensor* tensors, int32_t num_tensors,
                     ithaca_ulysses_error* error) {
  if (int32_t c = CheckArray("tensors", tensors, num_tensors,
                             step.num_tensors(), error))
    return c;
  for (int32_t t = 0; t < num_tensors; ++t) {
    if (int32_t c =
            CheckSpan("tensors", t, tensors[t].data, tensors[t].bytes,
                      g.TensorBytes(step, side, t), g.element_bytes, error)) {
      return c;
    }
  }
  return ITHACA_ULYSSES_OK;
}

uint64_t MessageBytes(const Geometry& g, const StepShape& step, int32_t side,
                      int32_t peer) {
  return side == ITHACA_ULYSSES_PACK ? g.MessageBytes(step, g.my_rank, peer)
                                     : g.MessageBytes(step, peer, g.my_rank);
}

// `Message` and `Tensor` are the two span types, whichever of them is the
// constant one.
template <typename Tensor, typename Message>
int32_t CheckSpans(const Geometry& g, const StepShape& step, int32_t side,
                   const Tensor* tensors, int32_t num_tensors,
                   const Message* messages, int32_t num_messages,
                   ithaca_ulysses_error* error) {
  if (int32_t c = CheckTensors(g, step, side, tensors, num_tensors, error))
    return c;
  if (int32_t c =
          CheckArray("messages", messages, num_messages, g.num_ranks(), error))
    return c;
  for (int32_t r = 0; r < num_messages; ++r) {
    if (int32_t c = CheckSpan("messages", r, messages[r].data,
                              messages[r].bytes, MessageBytes(g, step, side, r),
                              g.MessageAlignment(), error)) {
      return c;
    }
    for (int32_t t = 0; t < num_tensors; ++t) {
      if (Overlap(messages[r].data, messages[r].bytes, tensors[t].data,
                  tensors[t].bytes)) {
        return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                    "messages[%d] overlaps tensors[%d]", r, t);
      }
    }
  }
  return ITHACA_ULYSSES_OK;
}

}  // namespace

int32_t CheckPackSpans(const Geometry& geometry, const StepShape& step,
                       const ithaca_ulysses_const_span* tensors,
                       int32_t num_tensors, const ithaca_ulysses_span* messages,
                       int32_t num_messages, ithaca_ulysses_error* error) {
  return CheckSpans(geometry, step, ITHACA_ULYSSES_PACK, tensors, num_tensors,
                    messages, num_messages, error);
}

int32_t CheckUnpackSpans(const Geometry& geometry, const StepShape& step,
                         const ithaca_ulysses_const_span* messages,
                         int32_t num_messages,
                         const ithaca_ulysses_span* tensors,
                         int32_t num_tensors, ithaca_ulysses_error* error) {
  return CheckSpans(geometry, step, ITHACA_ULYSSES_UNPACK, tensors, num_tensors,
                    messages, num_messages, error);
}

int32_t CheckBufferSpans(const Geometry& geometry, const StepShape& step,
                         int32_t side, const ithaca_ulysses_const_span* tensors,
                         int32_t num_tensors, ithaca_ulysses_const_span buffer,
                         ithaca_ulysses_error* error) {
  if (int32_t c =
          CheckTensors(geometry, step, side, tensors, num_tensors, error))
    return c;
  uint64_t expected = 0;
  for (int32_t r = 0; r < geometry.num_ranks(); ++r)
    expected += MessageBytes(geometry, step, side, r);
  if (int32_t c = CheckSpan("buffer", 0, buffer.data, buffer.bytes, expected,
                            geometry.MessageAlignment(), error)) {
    return c;
  }
  for (int32_t t = 0; t < num_tensors; ++t) {
    if (Overlap(buffer.data, buffer.bytes, tensors[t].data, tensors[t].bytes)) {
      return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                  "the buffer overlaps tensors[%d]", t);
    }
  }
  return ITHACA_ULYSSES_OK;
}

}  // namespace ithaca::ulysses
