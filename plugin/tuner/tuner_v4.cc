#include "plugin/tuner/tuner_v4.h"

namespace ithaca::tuner::v4 {

abi::Result Init(size_t ranks, size_t nodes, abi::Logger logger, void** ctx) {
  return kTunerV5.init(ctx, /*commId=*/0, ranks, nodes, logger,
                       /*nvlDomainInfo=*/nullptr, /*constants=*/nullptr);
}

}  // namespace ithaca::tuner::v4

ITHACA_EXPORT_TUNER(4, ithaca::tuner::kTunerV4);
