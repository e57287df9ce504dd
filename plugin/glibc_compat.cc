// Keeps the library loadable with an older glibc than that of the machine it
// was built on (2.35, Ubuntu 22.04).
//
// The static libstdc++ refers to arc4random, which glibc has from 2.36 on, in
// std::random_device. This definition, local to the library, takes its place.
#include <sys/random.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

extern "C" __attribute__((visibility("hidden"))) uint32_t
arc4random() noexcept {
  uint32_t value = 0;
  ssize_t got;
  do {
    got = getrandom(&value, sizeof(value), 0);
  } while (got < 0 && errno == EINTR);
  // Up to 256 bytes come whole, or not at all when the kernel forbids the call.
  if (got != sizeof(value)) std::abort();
  return value;
}
