// A fingerprint of what all ranks of a plan must agree upon.
//
// Used when a communicator's ranks compare their plans. Pure.
#ifndef ITHACA_KERNELS_COMM_PLAN_DIGEST_H_
#define ITHACA_KERNELS_COMM_PLAN_DIGEST_H_

#include <cstdint>
#include <string>

#include "kernels/reference/geometry.h"

namespace ithaca::ulysses {

// 16 bytes over everything but my_rank and layout, which ranks may differ in;
// the plan's own hash included. Finds mistakes, not attacks.
std::string PlanDigest(const Geometry& geometry);

// "plan 1f2e... (no hash)" or "plan <hash> (1f2e...)", for messages.
std::string DescribePlan(const Geometry& geometry);

}  // namespace ithaca::ulysses

#endif  // ITHACA_KERNELS_COMM_PLAN_DIGEST_H_
