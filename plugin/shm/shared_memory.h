// Memory that two processes of one host share, without a name anywhere.
//
// The maker keeps a memfd, which the peer opens through /proc/<pid>/fd: nothing
// has to be unlinked, so nothing is left whenever a process is killed, and the
// kernel lets in only who may look into the maker anyway. Its size is sealed: a
// peer cannot shrink it under us, which would be a SIGBUS. Contents are zero at
// first. Used by inbox and segment. Movable; confined to its owner. A child
// made by fork does not inherit the mapping.
#ifndef ITHACA_PLUGIN_SHM_SHARED_MEMORY_H_
#define ITHACA_PLUGIN_SHM_SHARED_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "plugin/core/status.h"

namespace ithaca {

class SharedMemory {
 public:
  // RESOURCE_EXHAUSTED when the kernel gives no descriptor or no memory.
  static StatusOr<SharedMemory> Create(size_t bytes);

  // Maps what process `pid` holds as descriptor `fd`; both come from a peer and
  // may be anything. UNAVAILABLE when it may not be opened, DATA_LOSS when it
  // is not sealed memory of this size.
  static StatusOr<SharedMemory> Open(int32_t pid, int32_t fd, size_t bytes);

  SharedMemory() = default;
  SharedMemory(SharedMemory&& other) { *this = std::move(other); }
  SharedMemory& operator=(SharedMemory&& other) {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~SharedMemory();

  uint8_t* data() const { return static_cast<uint8_t*>(data_); }
  // What a peer needs for Open(); -1 once closed, and where opened.
  int fd() const { return fd_; }
  // Nobody else needs to open it.
  void CloseFd();

 private:
  static StatusOr<SharedMemory> Map(int fd, size_t bytes);

  void* data_ = nullptr;
  size_t bytes_ = 0;
  int fd_ = -1;
};

}  // namespace ithaca

#endif  // ITHACA_PLUGIN_SHM_SHARED_MEMORY_H_
