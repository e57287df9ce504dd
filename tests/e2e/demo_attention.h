// One rank's attention layer: exchange, attention on its heads, exchange back;
// and the same layer in one process.
//
// The exchange goes through ithaca_ulysses (pack, unpack) and a net plugin
// (plugin/driver), every byte of it. Confined to one thread.
#ifndef ITHACA_TESTS_E2E_DEMO_ATTENTION_H_
#define ITHACA_TESTS_E2E_DEMO_ATTENTION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/api/flat_plan.h"
#include "kernels/reference/attention.h"
#include "plugin/core/status.h"
#include "plugin/driver/driver.h"

namespace ithaca::e2e {

struct LayerOptions {
  bool causal = true;
  int64_t valid_tokens = 0;  // of the whole sequence; the rest is padding
  int threads = 1;
  int64_t timeout_ms = 60'000;  // for each exchange
  // Called before each exchange, so that its time is not that of waiting for a
  // rank that is late.
  std::function<Status()> barrier;
  // Asked every 100 ms during an exchange; an error ends it.
  std::function<Status()> watch;
};

struct LayerResult {
  std::vector<char> o;  // [b, rows, H, d] in the dtype
  // To and from other ranks, as the driver counted what the plugin took.
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  uint64_t messages_sent = 0;
  double exchange_seconds = 0;   // both all-to-alls, without pack and unpack
  double pack_seconds = 0;       // pack and unpack
  double attention_seconds = 0;  //
};

// Runs the layer on rank `rank` of the plan. q, k, v are this rank's rows of
// all heads: [b, rows, H or Hkv, d].
StatusOr<LayerResult> RunLayer(const ulysses::FlatPlan& plan, int rank,
                               const std::vector<char>& q,
                               const std::vector<char>& k,
                               const std::vector<char>& v,
                               const LayerOptions& options,
                               driver::Communicator* comm);

// The same for the whole sequence and all heads, without any exchange:
// q [b, S, H, d], k and v [b, S, Hkv, d]; o like q.
StatusOr<std::vector<char>> RunLayerInOneProcess(const ulysses::FlatPlan& plan,
                                                 const std::vector<char>& q,
                                                 const std::vector<char>& k,
                                                 const std::vector<char>& v,
                                                 const LayerOptions& options);

}  // namespace ithaca::e2e

#endif  // ITHACA_TESTS_E2E_DEMO_ATTENTION_H_
