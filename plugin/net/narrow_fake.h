// What the tests of the older versions share: a canonical table that records
// its calls, and the tables made from it.
//
// Test-only. One thread, but for init.
#ifndef ITHACA_PLUGIN_NET_NARROW_FAKE_H_
#define ITHACA_PLUGIN_NET_NARROW_FAKE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugin/net/narrow_context.h"
#include "plugin/net/net_v10.h"
#include "plugin/net/net_v11.h"
#include "plugin/net/net_v6.h"
#include "plugin/net/net_v7.h"
#include "plugin/net/net_v8.h"
#include "plugin/net/net_v9.h"

namespace ithaca::net {

using abi::Result;

// What reached the canonical table, and what it answers.
struct Fake {
  Result answer = Result::kSuccess;
  std::atomic<int> inits{0};
  int finalizes = 0;
  void* made_ctx = reinterpret_cast<void*>(0xC0);
  abi::Logger logger = nullptr;
  abi::ProfilerCallback profiler = nullptr;
  const void* config = &made_ctx;
  uint64_t comm_id = 1;

  std::string last;  // The slot called last.
  void* ctx = nullptr;
  int dev = -1;
  abi::NetDeviceHandle** dev_comm = nullptr;
  std::vector<size_t> sizes;
  int tag = 0;
  void* phandle = nullptr;
  void* request_in = nullptr;
  abi::NetPropertiesV12 props{};
};
// The one of the running test.
extern Fake* fake;

template <typename T>
T* Ptr(uintptr_t value) {
  return reinterpret_cast<T*>(value);
}
inline void* const kPoison = Ptr<void>(0xDEADBEEF);

template <typename Table>
const Table& TableOf();
template <>
inline const abi::NetV11& TableOf() {
  return kNetV11;
}
template <>
inline const abi::NetV10& TableOf() {
  return kNetV10;
}
template <>
inline const abi::NetV9& TableOf() {
  return kNetV9;
}
template <>
inline const abi::NetV8& TableOf() {
  return kNetV8;
}
template <>
inline const abi::NetV7& TableOf() {
  return kNetV7;
}
template <>
inline const abi::NetV6& TableOf() {
  return kNetV6;
}

class NarrowTest : public ::testing::Test {
 protected:
  NarrowTest() {
    fake = &fake_;
    ProcessContext::Get().ResetForTest();
  }
  ~NarrowTest() override {
    fake_.answer = Result::kSuccess;
    ProcessContext::Get().ResetForTest();
    fake = nullptr;
  }
  Fake fake_;
};

}  // namespace ithaca::net

#endif  // ITHACA_PLUGIN_NET_NARROW_FAKE_H_
