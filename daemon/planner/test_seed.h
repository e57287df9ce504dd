// The seed of a randomised test.
//
// Used by tests alone. Prints the seed, so that a failure can be repeated:
// --test_env=ITHACA_TEST_SEED=<seed>.
#ifndef ITHACA_DAEMON_PLANNER_TEST_SEED_H_
#define ITHACA_DAEMON_PLANNER_TEST_SEED_H_

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace ithaca::planner {

inline uint64_t TestSeed() {
  const char* given = std::getenv("ITHACA_TEST_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10)
                                         : std::random_device()();
  std::cout << "seed " << seed << " (ITHACA_TEST_SEED repeats it)" << std::endl;
  return seed;
}

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_TEST_SEED_H_
