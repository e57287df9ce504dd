#include "tests/support/test_process.h"

#include <sys/random.h>

namespace ithaca::testing {

Process::Process() { (void)!getrandom(&id, sizeof(id), 0); }

Process& ThisProcess() {
  // Destroyed when the library is closed; nothing of ours runs then.
  static Process process;
  return process;
}

bool Chance(uint64_t percent) {
  if (percent == 0) return false;
  Process& p = ThisProcess();
  uint64_t x = p.random.fetch_add(0x9e3779b97f4a7c15) + p.faults.seed;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return (x ^ (x >> 31)) % 100 < percent;
}

}  // namespace ithaca::testing
