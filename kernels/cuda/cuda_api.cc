// The CUDA calls of the C API: checks, tables, launches.
#include <array>
#include <cinttypes>
#include <memory>
#include <new>
#include <vector>

#include "kernels/api/ithaca_ulysses_cuda.h"
#include "kernels/cuda/gpu.h"
#include "kernels/cuda/step_table_builder.h"
#include "kernels/reference/error.h"
#include "kernels/reference/exchange_handle.h"
#include "kernels/reference/span_check.h"

using ithaca::ulysses::BuildStepTable;
using ithaca::ulysses::CheckBufferSpans;
using ithaca::ulysses::Fail;
using ithaca::ulysses::Geometry;
using ithaca::ulysses::Gpu;
using ithaca::ulysses::LaunchesOf;
using ithaca::ulysses::LookUpStep;
using ithaca::ulysses::Ok;
using ithaca::ulysses::StepShape;
using ithaca::ulysses::StepTable;
using ithaca::ulysses::TensorPointers;

struct ithaca_ulysses_cuda {
  const ithaca_ulysses_exchange* exchange = nullptr;
  const Gpu* gpu = nullptr;
  // The tables of all steps and sides, and where each begins.
  std::vector<char> tables;
  std::array<uint64_t, 8> begins{};
  // Device memory with a copy of them; NULL before the upload.
  char* device = nullptr;

  const Geometry& geometry() const { return exchange->impl.geometry(); }
};

namespace {

size_t IndexOf(int32_t step, int32_t side) {
  return static_cast<size_t>((step - 1) * 2 + side - 1);
}

int32_t BuildTables(ithaca_ulysses_cuda* cuda, ithaca_ulysses_error* error) {
  for (int32_t step = 1; step <= 4; ++step) {
    for (int32_t side : {ITHACA_ULYSSES_PACK, ITHACA_ULYSSES_UNPACK}) {
      StepShape shape;
      LookUpStep(step, &shape);
      std::vector<char> table;
      if (int32_t code =
              BuildStepTable(cuda->geometry(), shape, side, &table, error)) {
        return code;
      }
      cuda->begins[IndexOf(step, side)] = cuda->tables.size();
      cuda->tables.insert(cuda->tables.end(), table.begin(), table.end());
    }
  }
  return ITHACA_ULYSSES_OK;
}

int32_t Make(const ithaca_ulysses_exchange* exchange,
             ithaca_ulysses_cuda** cuda, ithaca_ulysses_error* error) {
  auto made = std::make_unique<ithaca_ulysses_cuda>();
  made->exchange = exchange;
  if (int32_t code = Gpu::Get(&made->gpu, error)) return code;
  if (int32_t code = BuildTables(made.get(), error)) return code;
  *cuda = made.release();
  return Ok(error);
}

int32_t NullArgument(const char* name, ithaca_ulysses_error* error) {
  return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT, "%s is NULL", name);
}

// The largest power of two up to 16 that divides every pointer.
uint64_t AlignmentOf(const TensorPointers& tensors, const void* buffer) {
  auto bits = reinterpret_cast<uintptr_t>(buffer) | 16;
  for (const char* data : tensors.data)
    bits |= reinterpret_cast<uintptr_t>(data);
  return bits & -bits;
}

// Both sides; the tensors are those of `side`.
int32_t Run(const ithaca_ulysses_cuda* cuda, int32_t step, int32_t side,
            const ithaca_ulysses_const_span* tensors, int32_t num_tensors,
            ithaca_ulysses_const_span buffer, void* stream,
            ithaca_ulysses_error* error) {
  if (cuda == nullptr) return NullArgument("cuda", error);
  StepShape shape;
  if (!LookUpStep(step, &shape)) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "step is %d, expected an ithaca_ulysses_step, 1 to 4", step);
  }
  if (cuda->device == nullptr) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "the tables are not on the device; call "
                "ithaca_ulysses_cuda_upload first");
  }
  if (int32_t code = CheckBufferSpans(cuda->geometry(), shape, side, tensors,
                                      num_tensors, buffer, error)) {
    return code;
  }
  TensorPointers pointers;
  for (int32_t t = 0; t < num_tensors; ++t)
    pointers.data[t] = static_cast<char*>(const_cast<void*>(tensors[t].data));
  auto* const messages = static_cast<char*>(const_cast<void*>(buffer.data));
  const uint64_t begin = cuda->begins[IndexOf(step, side)];
  const auto* table =
      reinterpret_cast<const StepTable*>(cuda->tables.data() + begin);
  for (const auto& launch :
       LaunchesOf(*table, AlignmentOf(pointers, messages))) {
    if (int32_t code = cuda->gpu->Start(launch, cuda->device + begin, pointers,
                                        messages, stream, error)) {
      return code;
    }
  }
  return Ok(error);
}

}  // namespace

extern "C" {

int32_t ithaca_ulysses_cuda_create(const ithaca_ulysses_exchange* exchange,
                                   ithaca_ulysses_cuda** cuda,
                                   ithaca_ulysses_error* error) {
  if (cuda == nullptr) return NullArgument("cuda", error);
  *cuda = nullptr;
  if (exchange == nullptr) return NullArgument("exchange", error);
  try {
    return Make(exchange, cuda, error);
  } catch (const std::bad_alloc&) {
    return Fail(error, ITHACA_ULYSSES_OUT_OF_MEMORY,
                "out of memory while laying out the tables");
  }
}

void ithaca_ulysses_cuda_destroy(ithaca_ulysses_cuda* cuda) { delete cuda; }

int32_t ithaca_ulysses_cuda_table_bytes(const ithaca_ulysses_cuda* cuda,
                                        uint64_t* bytes,
                                        ithaca_ulysses_error* error) {
  if (cuda == nullptr) return NullArgument("cuda", error);
  if (bytes == nullptr) return NullArgument("bytes", error);
  *bytes = cuda->tables.size();
  return Ok(error);
}

int32_t ithaca_ulysses_cuda_upload(ithaca_ulysses_cuda* cuda,
                                   ithaca_ulysses_span table, void* stream,
                                   ithaca_ulysses_error* error) {
  if (cuda == nullptr) return NullArgument("cuda", error);
  if (table.data == nullptr) return NullArgument("table.data", error);
  if (table.bytes != cuda->tables.size()) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "table.bytes is %" PRIu64 ", expected %zu", table.bytes,
                cuda->tables.size());
  }
  if (reinterpret_cast<uintptr_t>(table.data) % 16 != 0) {
    return Fail(error, ITHACA_ULYSSES_INVALID_ARGUMENT,
                "table.data is not aligned to 16 bytes");
  }
  if (int32_t code =
          cuda->gpu->CopyToDevice(table.data, cuda->tables.data(),
                                  cuda->tables.size(), stream, error)) {
    return code;
  }
  cuda->device = static_cast<char*>(table.data);
  return Ok(error);
}

int32_t ithaca_ulysses_cuda_pack(const ithaca_ulysses_cuda* cuda, int32_t step,
                                 const ithaca_ulysses_const_span* tensors,
                                 int32_t num_tensors,
                                 ithaca_ulysses_span buffer, void* stream,
                                 ithaca_ulysses_error* error) {
  return Run(cuda, step, ITHACA_ULYSSES_PACK, tensors, num_tensors,
             {buffer.data, buffer.bytes}, stream, error);
}

int32_t ithaca_ulysses_cuda_unpack(const ithaca_ulysses_cuda* cuda,
                                   int32_t step,
                                   ithaca_ulysses_const_span buffer,
                                   const ithaca_ulysses_span* tensors,
                                   int32_t num_tensors, void* stream,
                                   ithaca_ulysses_error* error) {
  ithaca_ulysses_const_span copies[3] = {};
  const bool known = tensors != nullptr && num_tensors >= 0 && num_tensors <= 3;
  for (int32_t t = 0; known && t < num_tensors; ++t)
    copies[t] = {tensors[t].data, tensors[t].bytes};
  return Run(cuda, step, ITHACA_ULYSSES_UNPACK, known ? copies : nullptr,
             num_tensors, buffer, stream, error);
}

}  // extern "C"
