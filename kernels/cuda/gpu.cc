#include "kernels/cuda/gpu.h"

#include <dlfcn.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "kernels/cuda/fat_binary.h"
#include "kernels/reference/error.h"

namespace ithaca::ulysses {
namespace {

// Of the driver's API, as documented; its handles are opaque pointers.
using Result = int;
constexpr Result kSuccess = 0;
constexpr int kLeastVersion = 12000;
constexpr uint64_t kMaxGridX = (uint64_t{1} << 31) - 1;

// Every kernel of exchange_kernels.cu.
std::vector<Launch> AllKernels() {
  std::vector<Launch> all;
  for (Family family : {Family::kPack, Family::kUnpack}) {
    for (uint32_t width : {16u, 8u, 4u, 2u})
      all.push_back({family, 0, width, 0});
  }
  for (int32_t dtype :
       {ITHACA_ULYSSES_F32, ITHACA_ULYSSES_BF16, ITHACA_ULYSSES_F16}) {
    for (uint32_t width : {16u, 1u})
      all.push_back({Family::kSum, dtype, width, 0});
    for (Family family :
         {Family::kQuantise, Family::kDequantise, Family::kDequantiseSum}) {
      for (uint32_t width : {4u, 1u}) all.push_back({family, dtype, width, 0});
    }
  }
  return all;
}

}  // namespace

struct Gpu::Driver {
  Result (*init)(unsigned flags) = nullptr;
  Result (*version)(int* version) = nullptr;
  Result (*error_name)(Result result, const char** name) = nullptr;
  Result (*error_string)(Result result, const char** text) = nullptr;
  Result (*current)(void** context) = nullptr;
  Result (*load)(void** library, const void* code, void* jit_options,
                 void** jit_values, unsigned jit_count, void* options,
                 void** values, unsigned count) = nullptr;
  Result (*kernel)(void** kernel, void* library, const char* name) = nullptr;
  Result (*function)(void** function, void* kernel) = nullptr;
  Result (*copy)(uint64_t device, const void* host, size_t bytes,
                 void* stream) = nullptr;
  Result (*copy_back)(void* host, uint64_t device, size_t bytes,
                      void* stream) = nullptr;
  Result (*synchronize)(void* stream) = nullptr;
  Result (*launch)(void* function, unsigned grid_x, unsigned grid_y,
                   unsigned grid_z, unsigned block_x, unsigned block_y,
                   unsigned block_z, unsigned shared_bytes, void* stream,
                   void** params, void** extra) = nullptr;
  std::map<std::string, void*> kernels;

  int32_t Open(ithaca_ulysses_error* error);
  int32_t LoadKernels(ithaca_ulysses_error* error);
};

int32_t Gpu::FailWith(const Driver& driver, const char* what, int result,
                      ithaca_ulysses_error* error) {
  const char *name = nullptr, *text = nullptr;
  driver.error_name(result, &name);
  driver.error_string(result, &text);
  return Fail(error, ITHACA_ULYSSES_CUDA_ERROR, "%s: %s (%d): %s", what,
              name == nullptr ? "unknown error" : name, result,
              text == nullptr ? "" : text);
}

int32_t Gpu::Driver::Open(ithaca_ulysses_error* error) {
  void* const library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return Fail(error, ITHACA_ULYSSES_CUDA_ERROR,
                "there is no CUDA driver: %s; install NVIDIA's driver, or use "
                "ithaca_ulysses_pack on the CPU",
                dlerror());
  }
  const auto find = [&](const char* name, auto* function) {
    *reinterpret_cast<void**>(function) = dlsym(library, name);
    return *function != nullptr;
  };
  const bool basic = find("cuInit", &init) &&
                     find("cuDriverGetVersion", &version) &&
                     find("cuGetErrorName", &error_name) &&
                     find("cuGetErrorString", &error_string);
  int found = 0;
  if (basic) version(&found);
  const bool all = basic && find("cuCtxGetCurrent", &current) &&
                   find("cuLibraryLoadData", &load) &&
                   find("cuLibraryGetKernel", &kernel) &&
                   find("cuKernelGetFunction", &function) &&
                   find("cuMemcpyHtoDAsync_v2", &copy) &&
                   find("cuMemcpyDtoHAsync_v2", &copy_back) &&
                   find("cuStreamSynchronize", &synchronize) &&
                   find("cuLaunchKernel", &launch);
  if (!all || found < kLeastVersion) {
    return Fail(error, ITHACA_ULYSSES_CUDA_ERROR,
                "the CUDA driver is for CUDA %d.%d, and 12.0 is needed; "
                "install a newer driver",
                found / 1000, found % 1000 / 10);
  }
  if (const Result result = init(0); result != kSuccess)
    return FailWith(*this, "cuInit", result, error);
  return LoadKernels(error);
}

int32_t Gpu::Driver::LoadKernels(ithaca_ulysses_error* error) {
  void* library = nullptr;
  Result result = load(&library, FatBinary().data, nullptr, nullptr, 0, nullptr,
                       nullptr, 0);
  if (result != kSuccess)
    return FailWith(*this, "cuLibraryLoadData", result, error);
  for (const Launch& launch : AllKernels()) {
    const std::string name = KernelName(launch);
    result = kernel(&kernels[name], library, name.c_str());
    if (result != kSuccess) return FailWith(*this, name.c_str(), result, error);
  }
  return ITHACA_ULYSSES_OK;
}

int32_t Gpu::Get(const Gpu** gpu, ithaca_ulysses_error* error) {
  if (FatBinary().bytes == 0) {
    return Fail(error, ITHACA_ULYSSES_UNSUPPORTED,
                "this libithaca_ulysses.so was built without a CUDA toolkit; "
                "build it again with CUDA_HOME set");
  }
  static std::mutex mutex;
  static const Gpu* opened = nullptr;
  const std::lock_guard<std::mutex> lock(mutex);
  if (opened == nullptr) {
    auto driver = std::make_unique<Driver>();
    if (int32_t code = driver->Open(error)) return code;
    opened = new Gpu(driver.release());
  }
  *gpu = opened;
  return opened->LoadIntoContext(error);
}

// A kernel is otherwise loaded by its first launch, which a graph's capture may
// not do.
int32_t Gpu::LoadIntoContext(ithaca_ulysses_error* error) const {
  void* context = nullptr;
  Result result = driver_->current(&context);
  if (result != kSuccess)
    return FailWith(*driver_, "cuCtxGetCurrent", result, error);
  if (context == nullptr) {
    return Fail(error, ITHACA_ULYSSES_CUDA_ERROR,
                "no CUDA context is current; call cudaSetDevice first");
  }
  for (const auto& [name, kernel] : driver_->kernels) {
    void* function = nullptr;
    result = driver_->function(&function, kernel);
    if (result != kSuccess)
      return FailWith(*driver_, name.c_str(), result, error);
  }
  return ITHACA_ULYSSES_OK;
}

int32_t Gpu::CopyToDevice(void* device, const void* host, uint64_t bytes,
                          void* stream, ithaca_ulysses_error* error) const {
  const Result result =
      driver_->copy(reinterpret_cast<uintptr_t>(device), host, bytes, stream);
  return result == kSuccess
             ? ITHACA_ULYSSES_OK
             : FailWith(*driver_, "cuMemcpyHtoDAsync", result, error);
}

int32_t Gpu::CopyToHost(void* host, const void* device, uint64_t bytes,
                        void* stream, ithaca_ulysses_error* error) const {
  Result result = driver_->copy_back(host, reinterpret_cast<uintptr_t>(device),
                                     bytes, stream);
  if (result == kSuccess) result = driver_->synchronize(stream);
  return result == kSuccess
             ? ITHACA_ULYSSES_OK
             : FailWith(*driver_, "cuMemcpyDtoHAsync", result, error);
}

int32_t Gpu::Start(const Launch& launch, const void* table,
                   const TensorPointers& tensors, char* buffer, void* stream,
                   ithaca_ulysses_error* error) const {
  const std::string name = KernelName(launch);
  TensorPointers copy = tensors;
  void* params[] = {&table, &copy, &buffer};
  const uint64_t x = std::min(launch.blocks, kMaxGridX);
  const uint64_t y = (launch.blocks + x - 1) / x;
  const Result result = driver_->launch(
      driver_->kernels.at(name), static_cast<unsigned>(x),
      static_cast<unsigned>(y), 1, kThreads, 1, 1, 0, stream, params, nullptr);
  return result == kSuccess ? ITHACA_ULYSSES_OK
                            : FailWith(*driver_, name.c_str(), result, error);
}

}  // namespace ithaca::ulysses
