// A communicator's whole life in one call, for tests whose subject is what goes
// on around it. Any thread.
#ifndef ITHACA_TESTS_CONFORMANCE_USE_ONCE_H_
#define ITHACA_TESTS_CONFORMANCE_USE_ONCE_H_

#include <cstdint>

#include "tests/conformance/net_table.h"

namespace ithaca::conformance {

// init, connect to itself, send 200 kB that `seed` decides, check them, close,
// finalize. Fails the test where the plugin does.
void UseOnce(NetTable* net, uint32_t seed);

}  // namespace ithaca::conformance

#endif  // ITHACA_TESTS_CONFORMANCE_USE_ONCE_H_
