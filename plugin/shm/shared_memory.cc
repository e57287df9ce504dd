#include "plugin/shm/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace ithaca {
namespace {

constexpr unsigned kNoExecSeal = 8;  // MFD_NOEXEC_SEAL, since Linux 6.3
constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;

int MakeMemfd() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int fd = memfd_create("ithaca", kFlags | kNoExecSeal);
  return fd >= 0 || errno != EINVAL ? fd : memfd_create("ithaca", kFlags);
}

bool HasSize(const struct stat& file, size_t bytes) {
  return S_ISREG(file.st_mode) && file.st_size == static_cast<off_t>(bytes);
}

}  // namespace

StatusOr<SharedMemory> SharedMemory::Map(int fd, size_t bytes) {
  void* const data =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED)
    return ErrnoError(Code::kResourceExhausted, errno,
                      "cannot map %zu bytes of shared memory", bytes);
  SharedMemory memory;
  memory.data_ = data;
  memory.bytes_ = bytes;
  (void)madvise(data, bytes, MADV_DONTFORK);
  return memory;
}

StatusOr<SharedMemory> SharedMemory::Create(size_t bytes) {
  const int fd = MakeMemfd();
  if (fd < 0)
    return ErrnoError(Code::kResourceExhausted, errno,
                      "cannot make shared memory");
  if (ftruncate(fd, bytes) != 0 ||
      fcntl(fd, F_ADD_SEALS, kSizeSeals | F_SEAL_SEAL) != 0) {
    const int error = errno;
    close(fd);
    return ErrnoError(Code::kResourceExhausted, error,
                      "cannot size %zu bytes of shared memory", bytes);
  }
  StatusOr<SharedMemory> memory = Map(fd, bytes);
  if (memory.ok())
    memory->fd_ = fd;
  else
    close(fd);
  return memory;
}

StatusOr<SharedMemory> SharedMemory::Open(int32_t pid, int32_t fd,
                                          size_t bytes) {
  if (pid <= 0 || fd < 0)
    return Status(Code::kDataLoss, "no process or no descriptor");
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
  // Looked at first: opening a pipe or a device may do something.
  struct stat file;
  if (stat(path, &file) != 0)
    return ErrnoError(Code::kUnavailable, errno, "cannot look at %s", path);
  if (!HasSize(file, bytes))
    return Errorf(Code::kDataLoss, "%s is not shared memory of ours", path);
  const int opened = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (opened < 0)
    return ErrnoError(Code::kUnavailable, errno, "cannot open %s", path);
  const int seals = fcntl(opened, F_GET_SEALS);
  if (fstat(opened, &file) != 0 || !HasSize(file, bytes) || seals < 0 ||
      (seals & kSizeSeals) != kSizeSeals) {
    close(opened);
    return Errorf(Code::kDataLoss, "%s is not shared memory of ours", path);
  }
  StatusOr<SharedMemory> memory = Map(opened, bytes);
  close(opened);
  return memory;
}

SharedMemory::~SharedMemory() {
  CloseFd();
  if (data_ != nullptr) munmap(data_, bytes_);
}

void SharedMemory::CloseFd() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

}  // namespace ithaca
