// What the test net keeps for its process: the ABI has functions without any
// context argument. Used by test_net and test_comm; threads as said of fields.
#ifndef ITHACA_TESTS_SUPPORT_TEST_PROCESS_H_
#define ITHACA_TESTS_SUPPORT_TEST_PROCESS_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "plugin/abi/net_v12.h"
#include "tests/support/fault_plan.h"

namespace ithaca::testing {

struct Process {
  FaultPlan faults;
  abi::Logger logger = nullptr;
  std::atomic<uint64_t> random{0};
  std::atomic<uint64_t> names{0};
  std::atomic<uint64_t> isends{0}, tests{0}, receives{0};
  uint64_t id = 0;              // random
  std::atomic<int> objects{0};  // listeners and connections that exist

  std::mutex init_mutex;
  std::string text;         // guarded by init_mutex
  bool configured = false;  // guarded by init_mutex

  Process();
};

Process& ThisProcess();

// True in so many of 100 cases, drawn from the fault plan's seed.
bool Chance(uint64_t percent);

#define TEST_NET_WARN(...)                                                \
  ThisProcess().logger(abi::DebugLevel::kWarn, abi::kSubsysNet, __FILE__, \
                       __LINE__, __VA_ARGS__)

}  // namespace ithaca::testing

#endif  // ITHACA_TESTS_SUPPORT_TEST_PROCESS_H_
