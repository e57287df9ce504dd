#include "plugin/tuner/tuner.h"

namespace ithaca::tuner::v6 {
namespace {

// What *ctx points at: a tuner without a profile has nothing to remember, and
// all communicators share it. Never written.
char no_profile;

}  // namespace

abi::Result Init(void** ctx, uint64_t /*comm_id*/, size_t ranks, size_t nodes,
                 abi::Logger logger, abi::NvlDomainInfoV6* /*domains*/,
                 abi::TunerConstantsV6* /*constants*/) {
  if (ctx != nullptr) *ctx = &no_profile;
  if (logger != nullptr) {
    logger(abi::DebugLevel::kInfo, abi::kSubsysInit | abi::kSubsysTuning,
           __FILE__, __LINE__,
           "TUNER/Ithaca: no tuning profile for this communicator (%zu ranks, "
           "%zu nodes); NCCL's own choices stand",
           ranks, nodes);
  }
  return abi::Result::kSuccess;
}

abi::Result GetCollInfo(void* /*ctx*/, abi::Func /*func*/, size_t /*bytes*/,
                        int /*pipe_ops*/, float** /*cost_table*/,
                        int /*algorithms*/, int /*protocols*/,
                        int /*registered*/, int* /*channels*/) {
  return abi::Result::kSuccess;
}

abi::Result Finalize(void* /*ctx*/) { return abi::Result::kSuccess; }

}  // namespace ithaca::tuner::v6

ITHACA_EXPORT_TUNER(6, ithaca::tuner::kTunerV6);
