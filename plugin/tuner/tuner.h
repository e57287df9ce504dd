// The canonical tuner plugin: NCCL's newest tuner ABI, implemented once.
//
// NCCL finds it in the net plugin's library when no other tuner is named. Older
// versions (tuner_v5.h down to tuner_v2.h) are narrowed from this table.
//
// A tuner speaks only about collectives, and only what every rank of the
// communicator says alike is safe. Without a tuning profile there is nothing
// that all ranks have agreed on, so each call succeeds and leaves its outputs
// as NCCL set them. No call ever returns an error: NCCL would abort the user's
// collective.
//
// Threads: stateless; any call from any thread. Life cycle: none.
#ifndef ITHACA_PLUGIN_TUNER_TUNER_H_
#define ITHACA_PLUGIN_TUNER_TUNER_H_

#include "plugin/abi/tuner_v6.h"
#include "plugin/abi/versions.h"

// Defines an exported table; the one place where a symbol gets its name.
#define ITHACA_EXPORT_TUNER(version, table)         \
  extern "C" __attribute__((visibility("default"))) \
  const ::ithaca::abi::TunerV##version              \
  ITHACA_TUNER_SYMBOL(version) = (table)

namespace ithaca::tuner {
namespace v6 {

// Writes *ctx, never null, and logs one line that no profile is in use. Every
// pointer may be null.
abi::Result Init(void** ctx, uint64_t comm_id, size_t ranks, size_t nodes,
                 abi::Logger logger, abi::NvlDomainInfoV6* domains,
                 abi::TunerConstantsV6* constants);

// Leaves the table and *channels untouched. Every pointer may be null.
abi::Result GetCollInfo(void* ctx, abi::Func func, size_t bytes, int pipe_ops,
                        float** cost_table, int algorithms, int protocols,
                        int registered, int* channels);

abi::Result Finalize(void* ctx);

}  // namespace v6

// getChunkSize is null: NCCL then keeps its own chunk size without a call, and
// no version before v6 could have given another.
inline constexpr abi::TunerV6 kTunerV6 = {
    "ithaca", v6::Init, v6::GetCollInfo, v6::Finalize, nullptr,
};

}  // namespace ithaca::tuner

#endif  // ITHACA_PLUGIN_TUNER_TUNER_H_
