#include "plugin/tuner/tuner_v2.h"

namespace ithaca::tuner::v2 {

abi::Result GetCollInfo(void* /*ctx*/, abi::Func /*func*/, size_t /*bytes*/,
                        int /*coll_net*/, int /*nvls*/, int /*pipe_ops*/,
                        int* /*algorithm*/, int* /*protocol*/,
                        int* /*channels*/) {
  return abi::Result::kSuccess;
}

}  // namespace ithaca::tuner::v2

ITHACA_EXPORT_TUNER(2, ithaca::tuner::kTunerV2);
