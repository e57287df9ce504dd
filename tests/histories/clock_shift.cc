// Moves the wall clock of the process that loads it (LD_PRELOAD) by as many
// nanoseconds as the file ITHACA_CLOCK_SHIFT says at the moment (an int64,
// native order). Clocks that never go back are left alone, as on a machine
// whose administrator sets the date.
//
// Used by the histories under clock jumps. Threads: any.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

constexpr int64_t kSecond = 1'000'000'000;

const std::atomic<int64_t>* MapShift() {
  static const std::atomic<int64_t> none{0};
  const char* path = getenv("ITHACA_CLOCK_SHIFT");
  const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return &none;
  void* page = mmap(nullptr, sizeof none, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  return page == MAP_FAILED ? &none
                            : static_cast<const std::atomic<int64_t>*>(page);
}

int64_t Shift() {
  static const std::atomic<int64_t>* const shift = MapShift();
  return shift->load();
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  using Function = int (*)(clockid_t, timespec*);
  static const auto real =
      reinterpret_cast<Function>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(clock, now);
  if (result != 0 ||
      (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
    return result;
  const int64_t at = now->tv_sec * kSecond + now->tv_nsec + Shift();
  now->tv_sec = at / kSecond;
  now->tv_nsec = at % kSecond;
  return 0;
}

extern "C" int gettimeofday(timeval* now, void*) noexcept {
  timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

extern "C" time_t time(time_t* now) noexcept {
  timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (now != nullptr) *now = precise.tv_sec;
  return precise.tv_sec;
}
