// What the test plugin does wrong on purpose, read from the environment.
//
// ITHACA_TEST_NET="key=value,key=value". Counts are per process and start at 1;
// 0, the default, means never. An unknown key makes init fail.
// Immutable but for its counters, which are atomic.
#ifndef ITHACA_TESTS_SUPPORT_FAULT_PLAN_H_
#define ITHACA_TESTS_SUPPORT_FAULT_PLAN_H_

#include <atomic>
#include <cstdint>
#include <string>

namespace ithaca::testing {

struct FaultPlan {
  uint64_t seed = 1;
  uint64_t null_percent = 0;    // isend and irecv that give no request
  uint64_t connect_delay = 0;   // polls until connect and accept succeed
  uint64_t done_delay = 0;      // polls a completed request is held back
  uint64_t error_at_isend = 0;  // which isend fails with ncclSystemError
  uint64_t error_at_test = 0;   // which test fails with ncclRemoteError
  uint64_t short_at = 0;        // which non-empty receive is reported shorter
  uint64_t corrupt_at = 0;      // which non-empty receive gets a bit flipped
  uint64_t drop_at = 0;         // which isend is swallowed
  uint64_t early_ll = 0;        // 1: 0x1 receives complete when posted
  uint64_t keep_preset = 0;     // 1: irecv leaves 0x1 in the slot
  uint64_t extra_sizes = 0;     // 1: test writes one entry too many
  uint64_t no_devices = 0;      // 1
  uint64_t fail_init = 0;       // 1: init logs a warning and fails
  uint64_t never_accept = 0;    // 1: accept never succeeds
  uint64_t block_in_test = 0;   // which test never returns
  uint64_t send_bytes_max = 0;  // bytes one poll writes at most; 0: no limit

  // False and the reason when the text is malformed.
  bool Parse(const char* text, std::string* error);
};

// True for the call whose turn `at` says.
bool IsTurn(std::atomic<uint64_t>* counter, uint64_t at);

}  // namespace ithaca::testing

#endif  // ITHACA_TESTS_SUPPORT_FAULT_PLAN_H_
