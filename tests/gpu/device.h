// The first GPU of this machine through CUDA's driver, opened at run time.
//
// Used by the programs of this folder, which are built where there is no GPU
// and carried to where there is one. Confined to a thread. Any failure ends the
// program with the driver's words: there is nothing to go on with.
#ifndef ITHACA_TESTS_GPU_DEVICE_H_
#define ITHACA_TESTS_GPU_DEVICE_H_

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace ithaca::gpu {

class Device {
 public:
  // nullptr, with the reason in *why: no driver, or no device.
  static Device* Open(std::string* why) {
    static Device device;
    device.library_ = dlopen("libcuda.so.1", RTLD_NOW);
    if (device.library_ == nullptr) {
      *why = dlerror();
      return nullptr;
    }
    int count = 0;
    if (device.Call<int(unsigned)>("cuInit")(0) != 0 ||
        device.Call<int(int*)>("cuDeviceGetCount")(&count) != 0 || count == 0) {
      *why = "the CUDA driver finds no device";
      return nullptr;
    }
    int handle = 0;
    device.Check("cuDeviceGet",
                 device.Call<int(int*, int)>("cuDeviceGet")(&handle, 0));
    void* context = nullptr;
    device.Check("cuDevicePrimaryCtxRetain",
                 device.Call<int(void**, int)>("cuDevicePrimaryCtxRetain")(
                     &context, handle));
    device.Check("cuCtxSetCurrent",
                 device.Call<int(void*)>("cuCtxSetCurrent")(context));
    char name[256] = "";
    device.Check("cuDeviceGetName",
                 device.Call<int(char*, int, int)>("cuDeviceGetName")(
                     name, sizeof(name), handle));
    device.name_ = name;
    return &device;
  }

  const std::string& name() const { return name_; }

  // Poisoned device memory.
  char* Allocate(uint64_t bytes) {
    uint64_t address = 0;
    Check("cuMemAlloc", Call<int(uint64_t*, size_t)>("cuMemAlloc_v2")(
                            &address, bytes == 0 ? 16 : bytes));
    if (bytes > 0) {
      Check("cuMemsetD8", Call<int(uint64_t, unsigned char, size_t)>(
                              "cuMemsetD8_v2")(address, 0xFF, bytes));
    }
    return reinterpret_cast<char*>(address);
  }
  void Free(char* memory) {
    Check("cuMemFree", Call<int(uint64_t)>("cuMemFree_v2")(
                           reinterpret_cast<uintptr_t>(memory)));
  }
  void ToDevice(char* device, const void* host, uint64_t bytes) {
    if (bytes == 0) return;
    Check("cuMemcpyHtoD",
          Call<int(uint64_t, const void*, size_t)>("cuMemcpyHtoD_v2")(
              reinterpret_cast<uintptr_t>(device), host, bytes));
  }
  void ToHost(void* host, const char* device, uint64_t bytes) {
    Synchronize();
    if (bytes == 0) return;
    Check("cuMemcpyDtoH",
          Call<int(void*, uint64_t, size_t)>("cuMemcpyDtoH_v2")(
              host, reinterpret_cast<uintptr_t>(device), bytes));
  }
  // Enqueued on the default stream.
  void CopyOnDevice(char* to, const char* from, uint64_t bytes) {
    Check("cuMemcpyDtoDAsync",
          Call<int(uint64_t, uint64_t, size_t, void*)>("cuMemcpyDtoDAsync_v2")(
              reinterpret_cast<uintptr_t>(to),
              reinterpret_cast<uintptr_t>(from), bytes, nullptr));
  }
  void Synchronize() {
    Check("cuCtxSynchronize", Call<int()>("cuCtxSynchronize")());
  }

  // Milliseconds that the device needs for `rounds` times what `work` enqueues
  // on the default stream, per round; after one round to warm up.
  template <typename Work>
  double TimeMs(int rounds, const Work& work) {
    work();
    void *begin = nullptr, *end = nullptr;
    const auto create = Call<int(void**, unsigned)>("cuEventCreate");
    const auto record = Call<int(void*, void*)>("cuEventRecord");
    Check("cuEventCreate", create(&begin, 0));
    Check("cuEventCreate", create(&end, 0));
    Check("cuEventRecord", record(begin, nullptr));
    for (int i = 0; i < rounds; ++i) work();
    Check("cuEventRecord", record(end, nullptr));
    Synchronize();
    float ms = 0;
    Check("cuEventElapsedTime", Call<int(float*, void*, void*)>(
                                    "cuEventElapsedTime")(&ms, begin, end));
    return ms / rounds;
  }

 private:
  template <typename Signature>
  Signature* Call(const char* name) {
    void* const function = dlsym(library_, name);
    if (function == nullptr) {
      std::fprintf(stderr, "the CUDA driver has no %s\n", name);
      std::exit(1);
    }
    return reinterpret_cast<Signature*>(function);
  }
  void Check(const char* what, int result) {
    if (result == 0) return;
    const char* text = nullptr;
    Call<int(int, const char**)>("cuGetErrorString")(result, &text);
    std::fprintf(stderr, "%s: %s (%d)\n", what, text == nullptr ? "?" : text,
                 result);
    std::exit(1);
  }

  void* library_ = nullptr;
  std::string name_;
};

}  // namespace ithaca::gpu

#endif  // ITHACA_TESTS_GPU_DEVICE_H_
